//! One host's money in one session.

use super::record::Request;
use super::{CAP_BLOCKS, block, plus};
use quern_protocol::Amount;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A request whose voucher is signed and whose outcome is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) request: Request,
    /// What of the host's cap is meant for it.
    pub(crate) authorised: Amount,
    /// What it holds of the key's budget.
    pub(crate) held: Amount,
    /// Whether the answer is over without a receipt.
    pub(crate) ended: bool,
    /// Whether that is recorded and not durable yet: nothing more is authorised.
    #[serde(skip)]
    pub(crate) ending: bool,
    /// Whether it is free once that is durable, and the budget that it holds is kept for its answer again.
    #[serde(skip)]
    pub(crate) kept_again: bool,
}

impl Open {
    /// The most that can still be authorised for it.
    pub(crate) fn ceiling(&self) -> Amount {
        if self.ended {
            self.authorised
        } else {
            self.request.ceiling
        }
    }
}

/// Money between the router and one host. Always `spent + Σ authorised ≤ spent + Σ ceilings ≤ limit`, and caps
/// are signed up to `marked` only, which is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostBook {
    pub(crate) host: String,
    pub(crate) weight: u64,
    /// The chain's.
    pub(crate) limit: Amount,
    /// Captures by receipts, and authority that was given and never accounted for.
    pub(crate) spent: Amount,
    /// No cap above it was ever signed.
    pub(crate) marked: Amount,
    /// By nonce.
    pub(crate) open: BTreeMap<u64, Open>,
    /// Whether the limit is being moved to another host.
    pub(crate) moved: bool,
    /// Captures by receipts alone.
    pub(crate) captured: Amount,
    /// Receipts.
    pub(crate) receipts: u64,
}

impl HostBook {
    pub(crate) fn new(host: String, weight: u64, limit: Amount) -> Self {
        Self {
            host,
            weight,
            limit,
            spent: Amount::ZERO,
            marked: Amount::ZERO,
            open: BTreeMap::new(),
            moved: false,
            captured: Amount::ZERO,
            receipts: 0,
        }
    }

    fn with(&self, part: impl Fn(&Open) -> Amount) -> Amount {
        self.open.values().map(part).fold(self.spent, plus)
    }

    /// The cap that covers what is authorised now.
    pub(crate) fn cap(&self) -> Amount {
        self.with(|open| open.authorised)
    }

    /// The most that the host may come to without another request.
    pub(crate) fn exposure(&self) -> Amount {
        self.with(Open::ceiling)
    }

    /// What a further request may cost.
    pub(crate) fn room(&self) -> Amount {
        if self.moved {
            return Amount::ZERO;
        }
        self.limit.saturating_sub(self.exposure())
    }

    /// A mark that covers `cap` with a block to spare; none if `cap` is over the limit.
    pub(crate) fn mark_for(&self, cap: Amount, step: Amount) -> Option<Amount> {
        let block = block(step, Amount(self.limit.0 / CAP_BLOCKS));
        (cap <= self.limit).then(|| plus(cap, block).min(self.limit))
    }

    /// A mark to make ahead of need, when less than half a block is left.
    pub(crate) fn mark_ahead(&self, step: Amount) -> Option<Amount> {
        let cap = self.cap();
        let left = self.marked.saturating_sub(cap).0;
        let short = left < block(step, Amount(self.limit.0 / CAP_BLOCKS)).0 / 2;
        let mark = self.mark_for(cap, step).filter(|_| short && !self.moved)?;
        (mark > self.marked).then_some(mark)
    }

    /// After a restart: caps up to the mark may be out there.
    pub(crate) fn recover(&mut self) {
        let lost = self.marked.saturating_sub(self.cap());
        self.spent = plus(self.spent, lost);
        // Nothing streams any more; how far it came is not known, so the budget stays held.
        for open in self.open.values_mut() {
            open.ended = true;
        }
    }
}
