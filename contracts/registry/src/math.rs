//! Arithmetic without state.

use quern_interface::registry::ModelState;
use quern_protocol::Amount;

/// Children of one node of a group's tree. Wide, because a read costs far more than a comparison: 1,000
/// hosts take three levels.
pub const WIDTH: usize = 16;
/// Most levels: `16^7` slots, more than a u32 of hosts could pay for.
pub const MAX_DEPTH: u8 = 7;
/// Highest capacity that an offer declares, in tokens a second. With it no sum over `16^7` slots exceeds 64
/// bits.
pub const MAX_CAPACITY: u64 = 1_000_000_000;

/// Sums of a node's children.
pub type Node = [u64; WIDTH];

/// Sum of a node.
pub fn total(node: &Node) -> Option<u64> {
    node.iter().try_fold(0_u64, |sum, child| sum.checked_add(*child))
}

/// The child in which `target` falls, and what is left of it there; none if it is not below the sum.
pub fn descend(node: &Node, mut target: u64) -> Option<(usize, u64)> {
    for (child, sum) in node.iter().enumerate() {
        match target.checked_sub(*sum) {
            Some(left) => target = left,
            None => return Some((child, target)),
        }
    }
    None
}

/// Slots that a tree of this depth holds.
pub fn slots(depth: u8) -> u32 {
    (WIDTH as u32).saturating_pow(u32::from(depth))
}

/// Effective capacities: bond covers the offers in their order, each unit once, an excluded offer
/// (`None`) takes nothing.
pub fn cover(bond: Amount, bond_per_capacity: Amount, declared: &[Option<u64>]) -> Vec<u64> {
    let units = bond.0.checked_div(bond_per_capacity.0).unwrap_or(0);
    let mut left = u64::try_from(units).unwrap_or(u64::MAX);
    let mut take = |capacity: &Option<u64>| {
        let covered = capacity.unwrap_or(0).min(left);
        left = left.saturating_sub(covered);
        covered
    };
    declared.iter().map(&mut take).collect()
}

/// Whether a model may go from one state to another.
pub const fn may_go(from: ModelState, to: ModelState) -> bool {
    use ModelState::{Canary, Live, Proposed, Retired, Retiring};
    matches!(
        (from, to),
        (Proposed, Canary | Retired)
            | (Canary, Live | Retiring)
            | (Live, Canary | Retiring)
            | (Retiring, Canary | Retired)
    )
}

/// Whether a window of maintenance keeps to the credit: every stretch of `period` blocks that meets it
/// holds at most `credit` blocks of maintenance. Other windows that such a stretch could meet count in
/// full, so the answer errs towards no.
pub fn within_credit(windows: &[(u64, u64)], (from, to): (u64, u64), period: u64, credit: u64) -> bool {
    let near = (from.saturating_sub(period), to.saturating_add(period));
    let length = |(from, to): &(u64, u64)| to.saturating_sub(*from);
    windows
        .iter()
        .filter(|window| overlap(**window, near))
        .try_fold(length(&(from, to)), |sum, window| sum.checked_add(length(window)))
        .is_some_and(|sum| sum <= credit)
}

/// Whether two windows share a block. The second number of each is the block after the last.
pub const fn overlap(a: (u64, u64), b: (u64, u64)) -> bool {
    a.0 < b.1 && b.0 < a.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bond_covers_no_unit_of_capacity_twice(
            bond in 0_u128..1 << 70, per in 1_u128..1 << 40,
            declared in prop::collection::vec(prop::option::of(1..=MAX_CAPACITY), 0..8),
        ) {
            let covered = cover(Amount(bond), Amount(per), &declared);
            let sum: u128 = covered.iter().map(|c| u128::from(*c)).sum();
            prop_assert!(sum * per <= bond);
            for (covered, declared) in covered.iter().zip(&declared) {
                prop_assert!(*covered <= declared.unwrap_or(0));
            }
            let wanted: u128 = declared.iter().flatten().map(|c| u128::from(*c)).sum();
            prop_assert_eq!(sum, wanted.min(bond / per));
        }

        #[test]
        fn every_number_below_the_sum_falls_into_the_child_that_holds_it(
            node in prop::array::uniform16(0_u64..50), target in 0_u64..1000,
        ) {
            let unrolled: Vec<usize> =
                node.iter().enumerate().flat_map(|(i, n)| std::iter::repeat_n(i, *n as usize)).collect();
            let found = descend(&node, target).map(|(child, _)| child);
            prop_assert_eq!(found, unrolled.get(target as usize).copied());
        }

        #[test]
        fn no_stretch_of_the_period_holds_more_maintenance_than_the_credit(
            asked in prop::collection::vec((0_u64..400, 1_u64..40), 1..12), period in 50_u64..200, credit in 1_u64..40,
        ) {
            let mut windows: Vec<(u64, u64)> = vec![];
            for (from, length) in asked {
                let window = (from, from + length);
                let free = windows.iter().all(|w| !overlap(*w, window));
                if free && within_credit(&windows, window, period, credit) {
                    windows.push(window);
                }
            }
            for start in 0..450 {
                let down = (start..start + period).filter(|h| windows.iter().any(|w| w.0 <= *h && *h < w.1));
                prop_assert!(down.count() as u64 <= credit);
            }
        }
    }

    #[test]
    fn a_retired_model_stays_retired() {
        use ModelState::{Canary, Live, Proposed, Retired, Retiring};
        for to in [Proposed, Canary, Live, Retiring, Retired] {
            assert!(!may_go(Retired, to));
        }
        assert!(may_go(Live, Canary), "a launch can be rolled back");
        assert!(!may_go(Live, Retired), "open sessions need the retiring state");
    }
}
