//! One of several answers to a request, over all its tries: its part of the key's budget, and the hosts that it asked.

use super::Gateway;
use super::forward::{over_budget, priced};
use super::siblings::{Counted, Siblings};
use crate::keys::Holder;
use crate::ledger::{Place, plus};
use quern_inference_api::{ApiError, Request};
use quern_protocol::Amount;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What an answer may cost, kept until a voucher holds it or nobody waits for the answer any more.
pub(super) struct Share {
    gateway: Arc<Gateway>,
    key: String,
    ceiling: Amount,
    kept: AtomicBool,
    /// Hosts with a voucher for it that is not free, and whether they may be owed something. No try asks them again, so that
    /// each holds one.
    left_out: Mutex<BTreeMap<String, bool>>,
    /// Whether a voucher was signed for it.
    placed: AtomicBool,
    /// The others, which it waits for.
    siblings: Arc<Siblings>,
}

/// Keeps what answers may cost together, or nothing where the budget does not cover all: a part of them would be paid for and
/// not be shown.
pub(super) async fn keep(
    gateway: &Arc<Gateway>,
    holder: &Holder,
    requests: impl Iterator<Item = &Request>,
    siblings: &Arc<Siblings>,
) -> Result<Vec<Share>, ApiError> {
    let ceilings = requests.map(|request| Ok(priced(gateway, holder, request)?.ceiling));
    let ceilings = ceilings.collect::<Result<Vec<Amount>, ApiError>>()?;
    let sum = ceilings.iter().copied().fold(Amount::ZERO, plus);
    let keep = || {
        gateway
            .books
            .with(|ledger| ledger.keep(&holder.name, sum, holder.budget))
    };
    let mut kept = keep();
    // What was given back counts once it is durable.
    if kept.is_err() && gateway.books.write(Vec::new()).await {
        kept = keep();
    }
    kept.map_err(|left| over_budget(sum, left))?;
    let share = |ceiling| Share {
        gateway: gateway.clone(),
        key: holder.name.clone(),
        ceiling,
        kept: AtomicBool::new(true),
        left_out: Mutex::default(),
        placed: AtomicBool::new(false),
        siblings: siblings.clone(),
    };
    Ok(ceilings.into_iter().map(share).collect())
}

impl Share {
    fn hosts(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a host no more whose voucher is not free.
    pub(super) fn leave_out(&self, host: &str, owed: bool) {
        self.hosts().insert(host.to_owned(), owed);
    }

    /// Whether a host is not asked any more.
    pub(super) fn leaves_out(&self, host: &str) -> bool {
        self.hosts().contains_key(host)
    }

    /// Whether a host holds a voucher for it that is not free.
    pub(super) fn is_held(&self) -> bool {
        !self.hosts().is_empty()
    }

    /// Whether a host may be owed something.
    pub(super) fn owes(&self) -> bool {
        self.hosts().values().any(|owed| *owed)
    }

    /// The others.
    pub(super) fn siblings(&self) -> &Siblings {
        &self.siblings
    }

    /// For as long as it lives, the others know that this one is at a host.
    pub(super) fn place(&self) -> Counted<'_> {
        self.siblings.place()
    }

    /// What of the budget is kept now.
    pub(super) fn kept(&self) -> Amount {
        match self.kept.load(Ordering::SeqCst) {
            true => self.ceiling,
            false => Amount::ZERO,
        }
    }

    /// A voucher holds it; whether that is the first one.
    pub(super) fn used(&self) -> bool {
        self.kept.store(false, Ordering::SeqCst);
        !self.placed.swap(true, Ordering::SeqCst)
    }

    /// That voucher is free again.
    pub(super) fn again(&self, place: &Place) {
        if !self.kept.swap(true, Ordering::SeqCst) {
            let keep = |ledger: &mut crate::ledger::Ledger| ledger.keep_again(&self.key, self.ceiling, place);
            self.gateway.books.with(keep);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let kept = self.kept();
        if !kept.is_zero() {
            self.gateway
                .books
                .with(|ledger| ledger.give_back(&self.key, kept));
        }
    }
}
