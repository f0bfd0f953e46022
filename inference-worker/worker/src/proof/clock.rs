//! When a root goes to the chain. Pure.

use quern_interface::poc_weights::SprintInfo;
use std::collections::VecDeque;

/// Blocks that the last commit gets at least.
const LEAD: u64 = 2;
/// Most of a sprint that a slow chain may cost, as a divisor.
const MOST: u64 = 2;
/// Commits whose way to the chain is remembered.
const REMEMBERED: usize = 8;
/// An early commit must be out of the way of the last one by so many blocks.
const APART: u64 = 2;

/// What is to be done at a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing yet, or nothing any more.
    Nothing,
    /// Commit what is there, in case the last commit does not make it.
    Insurance,
    /// Commit all there is, and stop.
    Last,
    /// It is too late for anything.
    Over,
}

/// Blocks that commits took from the decision to the chain.
#[derive(Debug, Default)]
pub(crate) struct Delays(VecDeque<u64>);

impl Delays {
    pub(crate) fn note(&mut self, blocks: u64) {
        self.0.push_back(blocks);
        if self.0.len() > REMEMBERED {
            self.0.pop_front();
        }
    }

    /// Blocks before a deadline at which the last commit must be sent: one more than the slowest of late took.
    fn lead(&self) -> u64 {
        let slowest = self.0.iter().max().copied().unwrap_or(0);
        LEAD.max(slowest.saturating_add(1))
    }
}

/// What is due in a sprint at a height, `insured` if something of it is committed.
pub(crate) fn due(sprint: &SprintInfo, height: u64, delays: &Delays, insured: bool) -> Due {
    let length = sprint.deadline.saturating_sub(sprint.start);
    let lead = delays.lead().min(length / MOST).max(1);
    let early = sprint.start.saturating_add(length / 2);
    if height >= sprint.deadline {
        Due::Over
    } else if height.saturating_add(lead) >= sprint.deadline {
        Due::Last
    } else if !insured && height >= early && height.saturating_add(lead + APART) <= sprint.deadline {
        Due::Insurance
    } else {
        Due::Nothing
    }
}
