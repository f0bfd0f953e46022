//! The work of a round, in steps of bounded size, from block ends and from whoever pays for more.
//!
//! A phase waits for its blocks, then its sweep goes once through what it left, a little in each step; a
//! cursor in [`Round`] says how far. No step fails on what others committed or answered: it would never be
//! passed.

mod check;
mod clean;
mod draw;
mod evidence;
mod hearing;
mod pay;
mod snapshot;
mod verdict;
mod withhold;

pub use verdict::{not_changed, FROZEN, THAWED, TOLD};

use cosmwasm_std::{Addr, DepsMut, Env, Event, Order, Response, StdResult, Storage, SubMsg};
use cw_storage_plus::Bound;
use quern_interface::audits::{HostRecord, Params, Phase};
use quern_protocol::Hash;

use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::say;
use crate::state::{Leaf, Round, HOSTS, LEAVES, PARAMS, ROUND};
use crate::table::{Cell, Table};
use crate::window::Window;

/// Leaves of one step, and the measure of work: what a step does costs about so many times as much as to write one.
const LEAVES_PER_STEP: usize = 8;

/// A call's work.
pub(crate) struct Worker<'a> {
    deps: DepsMut<'a>,
    env: Env,
    round: Round,
    params: Params,
    messages: Vec<SubMsg>,
    events: Vec<Event>,
    /// What the step took beyond what is usual in its phase, in leaves.
    extra: usize,
    /// What is left for this call, in leaves; none before the first step, which does whatever it must.
    left: Option<usize>,
}

/// Does up to `steps` steps; one that does more than others counts for several. Events tell of rounds, cases and verdicts; attribute `steps` of how many.
///
/// # Errors
/// Only if the store fails.
pub fn run(deps: DepsMut, env: Env, steps: u32) -> Result<Response> {
    let round = ROUND.read(deps.storage)?;
    let params = PARAMS.load(deps.storage)?;
    let mut worker = Worker {
        deps,
        env,
        round,
        params,
        messages: Vec::new(),
        events: Vec::new(),
        extra: 0,
        left: None,
    };
    let most = (steps as usize).saturating_mul(LEAVES_PER_STEP);
    let (mut done, mut spent) = (0_u32, 0_usize);
    while spent < most {
        let usual = worker.usual();
        if !worker.step()? {
            break;
        }
        done = done.saturating_add(1);
        spent = spent.saturating_add(usual).saturating_add(worker.extra);
        worker.extra = 0;
        worker.left = Some(most.saturating_sub(spent));
    }
    ROUND.write(worker.deps.storage, &worker.round)?;
    Ok(Response::new()
        .add_submessages(worker.messages)
        .add_events(worker.events)
        .add_attribute("steps", done.to_string()))
}

impl Worker<'_> {
    /// One step; whether there was one to do.
    fn step(&mut self) -> Result<bool> {
        let phase = self.round.phase;
        let ready = match phase {
            Phase::Draw => self.beacon_of_draws()?,
            Phase::Panel | Phase::Review => {
                self.beacons_of_panels()? && (self.draws_checks() || self.panels_over())
            }
            Phase::Collect => self.env.block.height >= self.round.end,
            Phase::Reveal => self.due(self.params.reveal_blocks),
            Phase::Commit => self.due(self.params.commit_blocks),
            Phase::Vote => self.due(self.params.vote_blocks),
            _ => true,
        };
        if !ready {
            return Ok(false);
        }
        match phase {
            Phase::Collect => self.enter(Phase::Snapshot),
            Phase::Snapshot => return self.snapshot(),
            Phase::Draw => self.draw()?,
            Phase::Reveal => self.withhold()?,
            Phase::Commit => self.enter(Phase::Vote),
            Phase::Vote => self.hear_auditors()?,
            Phase::Panel | Phase::Review if self.draws_checks() => self.check()?,
            Phase::Panel | Phase::Review => self.hear_panels()?,
            Phase::Evidence => return self.enter_evidence(),
            Phase::Tally => self.tally()?,
            Phase::Pay => self.pay()?,
            Phase::Clean => self.clean()?,
        }
        Ok(true)
    }

    /// Whether auditors to check are still to be drawn: once a round, with the first panels.
    const fn draws_checks(&self) -> bool {
        self.params.check_every > 0 && !self.round.checked
    }

    const fn panels_over(&self) -> bool {
        self.env.block.height >= Window::of(&self.round, &self.params).reveal_until
    }

    const fn due(&self, blocks: u64) -> bool {
        self.env.block.height >= self.round.since.saturating_add(blocks)
    }

    fn enter(&mut self, phase: Phase) {
        self.round.phase = phase;
        self.round.since = self.env.block.height;
        self.round.panel_beacon = None;
        self.round.name = None;
        self.round.below = None;
        self.round.leaf = 0;
        let event = say::event(
            "audit_phase",
            &[
                ("round", self.round.number.to_string()),
                ("phase", say::phase(phase).to_owned()),
            ],
        );
        self.events.push(event);
    }

    /// The beacon `draw_delay` blocks after the phase began, once it is there. If it is no longer kept, as
    /// after a long pause, the wait begins anew.
    fn beacon(&mut self) -> Result<Option<Hash>> {
        if !self.due(self.params.draw_delay) {
            return Ok(None);
        }
        let height = self.round.since.saturating_add(self.params.draw_delay);
        let beacon = Chain::load(self.deps.as_ref())?.beacon(height);
        if beacon.is_err() {
            self.round.since = self.env.block.height;
        }
        Ok(beacon.ok())
    }

    fn beacon_of_draws(&mut self) -> Result<bool> {
        if self.round.beacon.is_none() {
            self.round.beacon = self.beacon()?;
        }
        Ok(self.round.beacon.is_some())
    }

    /// Each stage has a beacon of its own; the first is also that of the positions that auditors open.
    fn beacons_of_panels(&mut self) -> Result<bool> {
        if self.round.panel_beacon.is_none() {
            self.round.panel_beacon = self.beacon()?;
        }
        if self.round.opening_beacon.is_none() {
            self.round.opening_beacon = self.round.panel_beacon;
        }
        Ok(self.round.panel_beacon.is_some())
    }

    /// The next leaves of a sweep; empty at its end.
    fn next_leaves(&mut self) -> Result<Vec<(u64, Leaf)>> {
        let after = Some(Bound::exclusive(self.round.leaf));
        let numbers = LEAVES.keys(self.deps.storage, after, None, Order::Ascending);
        let leaves = numbers
            .take(LEAVES_PER_STEP)
            .map(|number| {
                let number = number?;
                Ok((number, LEAVES.read(self.deps.storage, number)?))
            })
            .collect::<StdResult<Vec<(u64, Leaf)>>>()?;
        if let Some((last, _)) = leaves.last() {
            self.round.leaf = *last;
        }
        Ok(leaves)
    }

    /// What a step of the phase costs at least, in leaves.
    const fn usual(&self) -> usize {
        match self.round.phase {
            Phase::Panel | Phase::Review if self.draws_checks() => 3,
            Phase::Tally => 2,
            Phase::Pay => 3,
            _ => LEAVES_PER_STEP,
        }
    }

    /// Counts work beyond that, in leaves.
    fn spend(&mut self, leaves: usize) {
        self.extra = self.extra.saturating_add(leaves);
    }

    /// Whether a step that takes so much has its place in this block: the first always has.
    fn fits(&self, leaves: usize) -> bool {
        self.left.is_none_or(|left| leaves <= left)
    }

    /// Where a sweep by host is.
    fn last_host(&self) -> Option<Addr> {
        self.round.name.as_ref().map(Addr::unchecked)
    }
}

/// Changes a host's record. Not generic: once in the code.
fn change_record(
    storage: &mut dyn Storage,
    host: &Addr,
    change: &dyn Fn(&mut HostRecord) -> Result<()>,
) -> Result<()> {
    let mut record = HOSTS.find(storage, host)?.unwrap_or_default();
    change(&mut record)?;
    Ok(HOSTS.write(storage, host, &record)?)
}

/// One more.
fn count(number: &mut u64) -> Result<()> {
    *number = number.checked_add(1).ok_or(ContractError::Overflow)?;
    Ok(())
}
