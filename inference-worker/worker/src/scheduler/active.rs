//! A request that holds a slot.

use crate::generate::{Allowance, Sequence};
use crate::scheduler::{Early, End, Event};
use quern_engine::Slot;
use quern_engine::draft::Drafter;
use quern_engine::sampler::Likelihood;
use quern_inference_api::paid::TOP_UP_PATIENCE;
use quern_protocol::FinishReason;
use std::time::Instant;
use tokio::sync::mpsc;

/// A request that holds a slot.
pub(super) struct Active {
    pub(super) slot: Slot,
    pub(super) sequence: Sequence,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) admitted: Instant,
    /// Since when it holds the slot.
    pub(super) begun: Instant,
    /// Prompt tokens that were cached already.
    pub(super) cached: usize,
    /// Prompt tokens that are in.
    pub(super) prefilled: usize,
    /// The token to append next, once the prompt is in.
    pub(super) next: Option<u32>,
    /// Since when the meter says wait.
    pub(super) waiting: Option<Instant>,
    pub(super) drafter: Drafter,
    /// Likelihoods of the prompt's tokens after the first, where they are wanted.
    pub(super) scored: Vec<Likelihood>,
}

impl Active {
    pub(super) fn end(&self, finish: FinishReason, reason: Option<String>) {
        self.tell(finish, reason, (None, None));
    }

    /// Ends a request that cannot go on through its own words; what it has is kept.
    pub(super) fn end_at_fault(&self, reason: String) {
        let param = self.sequence.job.shape.param.clone();
        self.tell(FinishReason::Error, Some(reason), (None, param));
    }

    /// Ends a request whose time is over; what it has is kept.
    pub(super) fn end_late(&self) {
        self.tell(FinishReason::Length, None, (Some(Early::Late), None));
    }

    fn tell(
        &self,
        finish: FinishReason,
        reason: Option<String>,
        (early, fault): (Option<Early>, Option<String>),
    ) {
        let tokens = self.sequence.output().to_vec();
        let prompt = self.sequence.job.prompt.len() as u32;
        let (prompt, cached) = if tokens.is_empty() && self.sequence.job.max_tokens > 0 {
            (0, 0)
        } else {
            (prompt, self.cached as u32)
        };
        let end = End {
            finish,
            reason,
            early,
            fault,
            prompt,
            cached,
            tokens,
            reasoning: self.sequence.reasoning(),
        };
        let _ = self.events.try_send(Event::End(end));
    }

    /// Whether the next token may be drawn; notes since when it may not.
    pub(super) fn may_draw(&mut self) -> bool {
        let allowance = self.sequence.may_draw();
        if allowance == Allowance::Go {
            self.waiting = None;
            return true;
        }
        if self.waiting.is_none() {
            self.waiting = Some(Instant::now());
            if allowance == Allowance::Wait {
                let _ = self.events.try_send(Event::Paused);
            }
        }
        false
    }

    /// At most `most` tokens that may follow the one to append next.
    pub(super) fn drafts(&mut self, most: usize) -> Vec<u32> {
        let (job, output) = (&self.sequence.job, self.sequence.output());
        // A token is drawn after the last of them, too; all stay within the room that the request has.
        let left = (job.max_tokens as usize).saturating_sub(output.len() + 1);
        self.drafter.propose(&job.prompt, output, most.min(left))
    }

    /// Whether its time is over.
    pub(super) fn is_late(&self) -> bool {
        let deadline = self.sequence.job.shape.deadline;
        deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Whether yet another token may be drawn in the step that drew the last.
    pub(super) fn may_go_on(&mut self) -> bool {
        !self.events.is_closed() && !self.is_late() && self.ended().is_none() && self.may_draw()
    }

    /// Why the request should end now, if it should.
    pub(super) fn ended(&self) -> Option<FinishReason> {
        let meter = self.sequence.job.meter.as_ref()?;
        let unfunded = self
            .waiting
            .is_some_and(|since| since.elapsed() > TOP_UP_PATIENCE);
        match self.waiting.map(|_| self.sequence.may_draw()) {
            Some(Allowance::End(finish)) => Some(finish),
            Some(Allowance::Wait) if unfunded => Some(FinishReason::Unfunded),
            _ => meter.ended(),
        }
    }
}
