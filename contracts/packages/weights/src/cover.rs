//! What counts of a proven weight.

use crate::scaled;
use quern_protocol::Amount;

/// Weight as far as bond covers it: `min(weight, bond / bond_per_weight)`; nothing if that is zero.
pub fn covered(weight: u64, bond: Amount, bond_per_weight: Amount) -> u64 {
    let most = bond.0.checked_div(bond_per_weight.0).unwrap_or(0);
    weight.min(u64::try_from(most).unwrap_or(u64::MAX))
}

/// Weight scaled by presence: the part of `blocks` in which the host was there, at most all of them.
pub fn present(weight: u64, there: u64, blocks: u64) -> u64 {
    scaled(weight, there.min(blocks).into(), blocks.into())
}
