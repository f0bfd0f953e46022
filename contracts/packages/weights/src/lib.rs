//! From proven weights to voting power: the end of an epoch of proof of compute.
//!
//! work in sprints -> reading -> what verdicts leave -> presence -> bond cover -> strongest so many -> cap per
//! host -> power out of a million -> change limit. Pure functions over ordered maps; `K` is whatever names a
//! host. The application bounds what comes out once
//! more, by the same rules, so a set made here passes its bounds unchanged up to rounding. The full
//! descriptions with test vectors are in `docs/spec/proof.md` and in `docs/spec/audit.md`, "Weights".

mod change;
mod cover;
mod epoch;
mod error;
mod params;
mod quality;
mod reading;
mod target;

pub use change::step;
pub use cover::{covered, present};
pub use epoch::{end_epoch, Epoch, Mode, Outcome};
pub use error::WeightError;
pub use params::Params;
pub use quality::{believed, quality, WHOLE};
pub use reading::{reading, weighed, Samples, READING_BLOCKS};
pub use target::target;

use std::collections::BTreeMap;

/// Power of a full set; rounding leaves a little less.
pub const TOTAL: u64 = 1_000_000;
/// Most hosts in any set or list of weights.
pub const MAX_HOSTS: usize = 4_096;
/// Voting powers, or weights, by host.
pub type Powers<K> = BTreeMap<K, u64>;

/// Sum of powers; 4,096 numbers of 64 bits cannot overflow it.
pub fn total<K>(powers: &Powers<K>) -> u128 {
    powers
        .values()
        .fold(0_u128, |sum, power| sum.saturating_add(u128::from(*power)))
}

/// `value * numerator / denominator`, rounded down; 0 for a denominator of 0.
pub(crate) fn scaled(value: u64, numerator: u128, denominator: u128) -> u64 {
    let product = u128::from(value).saturating_mul(numerator);
    u64::try_from(product.checked_div(denominator).unwrap_or(0)).unwrap_or(u64::MAX)
}
