//! From an escrow to limits.

use super::{BPS, MAX_SEATS};
use crate::Amount;

/// An escrow, split: `Σ limits + router_share = escrow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Limits in the order of the weights.
    pub limits: Vec<Amount>,
    /// Covers the router's fee even if every limit is claimed.
    pub router_share: Amount,
}

/// Splits an escrow by weight. None without weight, with more than [`MAX_SEATS`] weights or with a fee
/// above the whole.
///
/// `total = floor(escrow · 10^4 / (10^4 + fee))`, `limit_h = floor(total · w_h / Σ w)`; the units that
/// rounding leaves go one each to the first hosts that have weight.
pub fn split(escrow: Amount, fee_bps: u32, weights: &[u64]) -> Option<Split> {
    let fee = u128::from(fee_bps);
    if fee > BPS || weights.len() > MAX_SEATS {
        return None;
    }
    let total = escrow.mul_div_floor(BPS, BPS + fee)?;
    let weight = weights.iter().map(|w| u128::from(*w)).sum::<u128>();
    let mut limits = weights
        .iter()
        .map(|w| total.mul_div_floor(u128::from(*w), weight))
        .collect::<Option<Vec<_>>>()?;
    let mut left = total.checked_sub(Amount::sum(limits.iter().copied())?)?;
    for (limit, weight) in limits.iter_mut().zip(weights) {
        if *weight > 0 && !left.is_zero() {
            *limit = limit.checked_add(Amount(1))?;
            left = left.saturating_sub(Amount(1));
        }
    }
    // fewer units are left than hosts with weight, so none stays
    let router_share = escrow.checked_sub(total)?.checked_add(left)?;
    (weight > 0).then_some(Split { limits, router_share })
}
