//! What the requests of one API key may cost.

use super::{KEY_BLOCKS, block, plus};
use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

/// Money of one key's holder, over all sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyBook {
    /// Captured, or lost with a crash.
    pub(crate) spent: Amount,
    /// Ceilings of requests that are open.
    pub(crate) held: Amount,
    /// `spent + held` never was above it.
    pub(crate) marked: Amount,
}

impl KeyBook {
    /// The most that the holder's requests may come to without another one.
    pub(crate) fn exposure(&self) -> Amount {
        plus(self.spent, self.held)
    }

    /// What is left of a budget.
    pub(crate) fn left(&self, budget: Amount) -> Amount {
        budget.saturating_sub(self.exposure())
    }

    /// A mark that covers `exposure` with a block to spare.
    pub(crate) fn mark_for(exposure: Amount, step: Amount, budget: Amount) -> Amount {
        let block = block(step, Amount(budget.0 / KEY_BLOCKS));
        plus(exposure, block).min(budget).max(exposure)
    }

    /// A mark to make ahead of need.
    pub(crate) fn mark_ahead(&self, step: Amount, budget: Amount) -> Option<Amount> {
        let left = self.marked.saturating_sub(self.exposure()).0;
        let short = left < block(step, Amount(budget.0 / KEY_BLOCKS)).0 / 2;
        let mark = Self::mark_for(self.exposure(), step, budget);
        (short && mark > self.marked).then_some(mark)
    }

    /// After a restart: requests up to the mark may have been served.
    pub(crate) fn recover(&mut self) {
        let lost = self.marked.saturating_sub(self.exposure());
        self.spent = plus(self.spent, lost);
    }
}
