//! What the requests of one API key may cost.

use super::{KEY_BLOCKS, Ledger, Place, block, plus};
use quern_protocol::Amount;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

impl Ledger {
    /// What a request may cost to which `own` of what is kept belongs.
    pub(crate) fn left(&self, key: &str, budget: Amount, own: Amount) -> Amount {
        let exposure = self.keys.get(key).map(KeyBook::exposure).unwrap_or_default();
        let of = |sums: &BTreeMap<String, Amount>| sums.get(key).copied().unwrap_or_default();
        let left = budget.saturating_sub(exposure.saturating_sub(of(&self.twice)));
        left.saturating_sub(of(&self.kept).saturating_sub(own))
    }

    /// What is kept for answers that are to begin, beside what vouchers hold.
    pub(crate) fn kept(&self, key: &str) -> Amount {
        let of = |sums: &BTreeMap<String, Amount>| sums.get(key).copied().unwrap_or_default();
        of(&self.kept).saturating_sub(of(&self.twice))
    }

    /// Keeps a sum for answers that are to begin; if less is left, says how much.
    pub(crate) fn keep(&mut self, key: &str, sum: Amount, budget: Amount) -> Result<(), Amount> {
        let left = self.left(key, budget, Amount::ZERO);
        if left < sum {
            return Err(left);
        }
        add(&mut self.kept, key, sum);
        Ok(())
    }

    /// Keeps what was kept before for an answer whose voucher is free, or is once that is durable.
    pub(crate) fn keep_again(&mut self, key: &str, sum: Amount, place: &Place) {
        add(&mut self.kept, key, sum);
        if let Some(open) = self.open_mut(place).filter(|open| !open.kept_again) {
            open.kept_again = true;
            let held = open.held;
            add(&mut self.twice, key, held);
        }
    }

    /// What a voucher held that is kept again is free.
    pub(super) fn once(&mut self, key: &str, held: Amount) {
        take(&mut self.twice, key, held);
    }

    /// Keeps it no longer.
    pub(crate) fn give_back(&mut self, key: &str, sum: Amount) {
        take(&mut self.kept, key, sum);
    }
}

fn add(sums: &mut BTreeMap<String, Amount>, key: &str, sum: Amount) {
    let all = sums.entry(key.to_owned()).or_default();
    *all = plus(*all, sum);
}

fn take(sums: &mut BTreeMap<String, Amount>, key: &str, sum: Amount) {
    if let Some(all) = sums.get_mut(key) {
        *all = all.saturating_sub(sum);
        if all.is_zero() {
            sums.remove(key);
        }
    }
}
