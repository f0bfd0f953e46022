//! Who of those that wait gets a slot.
//!
//! The first of those whose tenant has fewest slots. One that the cache has no room for now lets smaller requests of
//! other tenants pass, but only so many: then nobody passes it, and those that run end sooner or later.

use super::active::Active;
use super::filler::Fills;
use super::share::{self, Tenant};
use super::{Early, End, Event, Loop, Ticket, wait};
use crate::generate::Sequence;
use quern_engine::draft::Drafter;
use quern_engine::{Engine, EngineError, Opening};
use std::collections::VecDeque;
use std::time::Instant;

/// Requests that may pass one which the cache has no room for.
pub(super) const MOST_PASS: usize = 8;

impl Ticket {
    /// Whether nobody may pass it any more.
    fn is_next(&self) -> bool {
        self.passed.is_some_and(|passed| passed >= MOST_PASS)
    }
}

/// What came of trying to begin a request.
enum Tried {
    /// It waits no longer: it has a slot, or can never have one.
    Out,
    /// No slot is left for anybody.
    NoSlot,
    /// The cache has no room for it now.
    NoRoom,
}

impl Loop {
    /// Gives requests the slots and the room that are free, and those of the filler. What a score holds comes back by
    /// itself.
    pub(super) fn admit(
        &self,
        engine: &mut impl Engine,
        waiting: &mut VecDeque<Ticket>,
        active: &mut Vec<Active>,
        fills: &mut Fills,
        scoring: bool,
    ) {
        self.drop_waiting(waiting);
        // Those that there is no room for: their tenants have their turn, and let others pass.
        let mut blocked: Vec<Tenant> = Vec::new();
        while active.len() < self.slots {
            let tenants: Vec<_> = active
                .iter()
                .map(|request| Tenant::of(&request.sequence.job))
                .collect();
            let load = |ticket: &Ticket| tenants.iter().filter(|other| **other == ticket.tenant()).count();
            let may = |ticket: &Ticket| ticket.is_next() || !blocked.contains(&ticket.tenant());
            let order = |index: &usize| (!waiting[*index].is_next(), load(&waiting[*index]));
            let may = (0..waiting.len()).filter(|index| may(&waiting[*index]));
            let Some(index) = may.min_by_key(order) else {
                return;
            };
            match self.try_begin(engine, (waiting, index), active, fills, scoring) {
                Tried::Out => {
                    let passed = waiting.iter_mut().filter_map(|ticket| ticket.passed.as_mut());
                    passed.for_each(|passed| *passed += 1);
                }
                Tried::NoRoom if !waiting[index].is_next() => {
                    waiting[index].passed.get_or_insert(0);
                    blocked.push(waiting[index].tenant());
                }
                Tried::NoRoom | Tried::NoSlot => return,
            }
        }
    }

    /// Takes out requests that nobody waits for, that have no time left or that lost their places.
    fn drop_waiting(&self, waiting: &mut VecDeque<Ticket>) {
        let now = Instant::now();
        waiting.retain(|ticket| {
            let gone = ticket.events.is_closed();
            let late = ticket.job.shape.deadline.is_some_and(|deadline| deadline <= now);
            if gone || late {
                self.left_queue(ticket.tenant());
            }
            if gone {
                self.metrics.count("cancelled");
            } else if late {
                self.metrics.count("timeout");
                let _ = ticket.events.try_send(Event::End(End::early(Early::Late)));
            }
            !gone && !late
        });
        for ticket in self.queue.evict(waiting) {
            self.metrics.queued.dec();
            self.metrics.count("busy");
            let wait = wait(&self.pace, &self.metrics);
            let _ = ticket
                .events
                .try_send(Event::End(End::early(Early::Crowded { wait })));
        }
    }

    fn try_begin(
        &self,
        engine: &mut impl Engine,
        (waiting, index): (&mut VecDeque<Ticket>, usize),
        active: &mut Vec<Active>,
        fills: &mut Fills,
        scoring: bool,
    ) -> Tried {
        let job = &waiting[index].job;
        let opening = Opening {
            prompt: &job.prompt,
            tokens: job.prompt.len().saturating_add(job.max_tokens as usize),
            salt: share::salt(job),
        };
        if active.len() + fills.len() >= self.slots {
            fills.give_way(engine);
        }
        let never = engine.room().is_some_and(|room| opening.tokens > room.tokens);
        let full = |opened: &Result<_, EngineError>| {
            let full = matches!(opened, Err(EngineError::NoRoom { .. } | EngineError::NoSlot(_)));
            full && !never
        };
        let mut opened = engine.begin(&opening);
        while full(&opened) && fills.give_way(engine) {
            opened = engine.begin(&opening);
        }
        if full(&opened) && (scoring || !active.is_empty()) {
            return match opened {
                Err(EngineError::NoRoom { .. }) => Tried::NoRoom,
                _ => Tried::NoSlot,
            };
        }
        if let Some(ticket) = waiting.remove(index) {
            self.left_queue(ticket.tenant());
            self.begin(ticket, opened, active);
        }
        Tried::Out
    }

    fn begin(
        &self,
        ticket: Ticket,
        opened: Result<(quern_engine::Slot, usize), EngineError>,
        active: &mut Vec<Active>,
    ) {
        let Ticket {
            job,
            events,
            admitted,
            ..
        } = ticket;
        match opened {
            Ok((slot, cached)) => {
                self.metrics.cached_tokens.inc_by(cached as u64);
                active.push(Active {
                    slot,
                    sequence: Sequence::new(job),
                    events,
                    admitted,
                    begun: Instant::now(),
                    cached,
                    prefilled: cached,
                    next: None,
                    waiting: None,
                    drafter: Drafter::default(),
                    scored: Vec::new(),
                });
            }
            Err(error) => {
                self.failed(&error.to_string());
                let _ = events.try_send(Event::End(End::failed(error.to_string())));
            }
        }
    }

    fn left_queue(&self, tenant: Tenant) {
        self.queue.leave(tenant);
        self.metrics.queued.dec();
    }
}
