//! Settlement's arithmetic at its edges. Histories are the model's and the contract's tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use quern_protocol::ledger::{split, Ledger, LedgerError};
use quern_protocol::Amount;

proptest! {
    #[test]
    fn a_split_loses_no_unit_and_covers_the_router_if_every_limit_is_claimed(
        escrow in prop_oneof![0_u128..100, 0..u128::MAX, Just(u128::MAX)],
        fee in 0_u32..=10_000,
        weights in vec(prop_oneof![Just(0_u64), 1..1_000_u64, Just(u64::MAX)], 1..=8),
    ) {
        let some = weights.iter().any(|w| *w > 0);
        let Some(split) = split(Amount(escrow), fee, &weights) else {
            prop_assert!(!some);
            return Ok(());
        };
        let total = Amount::sum(split.limits.iter().copied()).unwrap();
        prop_assert_eq!(total.0 + split.router_share.0, escrow);
        let most = total.mul_div_floor(u128::from(fee), 10_000).unwrap();
        prop_assert!(most <= split.router_share);
        // and it is not more than a unit and its fee too much
        prop_assert!(split.router_share.0 - most.0 <= 2);
        for (limit, weight) in split.limits.iter().zip(&weights) {
            let sum: u128 = weights.iter().map(|w| u128::from(*w)).sum();
            let fair = total.mul_div_floor(u128::from(*weight), sum).unwrap();
            prop_assert!(limit.0 - fair.0 <= 1 && (*weight > 0 || limit.0 == 0));
        }
    }

    #[test]
    fn a_full_claim_divides_to_the_last_unit_at_any_size(
        escrow in prop_oneof![1_u128..1_000, 0..u128::MAX, Just(u128::MAX)],
        fee in 0_u32..=10_000,
        burn in 0_u32..=10_000,
        weights in vec(1..1_000_u64, 1..=8),
        void in vec(any::<bool>(), 0..9),
    ) {
        let mut ledger = Ledger::open(Amount(escrow), fee, burn, &weights).unwrap();
        for seat in 0..weights.len() {
            let _ = ledger.claim(seat, Amount(u128::MAX), Amount(u128::MAX), 1);
        }
        prop_assert!(ledger.holds());
        let division = ledger.divide(&void).unwrap();
        let parts = division.hosts.iter().copied().chain([division.router, division.burned, division.refund]);
        prop_assert_eq!(Amount::sum(parts), Some(Amount(escrow)));
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let open = |weights: &[u64]| Ledger::open(Amount(1_000), 0, 0, weights);
    assert_eq!(open(&[]), Err(LedgerError::NothingToSplit));
    assert_eq!(open(&[0, 0]), Err(LedgerError::NothingToSplit));
    assert_eq!(open(&[1; 9]), Err(LedgerError::NothingToSplit));
    assert!(Ledger::open(Amount(1_000), 10_001, 0, &[1]).is_err());
    let before = open(&[1, 1]).unwrap();
    let mut ledger = before.clone();
    let max = Amount(u128::MAX);
    assert_eq!(ledger.claim(2, max, max, 1), Err(LedgerError::UnknownSeat));
    assert_eq!(
        ledger.claim(0, Amount(0), max, 1),
        Err(LedgerError::NothingGained)
    );
    assert_eq!(ledger.release(0, 0, max), Err(LedgerError::NothingAsked));
    assert_eq!(ledger.release(0, 2, max), Err(LedgerError::UnknownSeat));
    assert_eq!(ledger.release(2, 0, max), Err(LedgerError::UnknownSeat));
    assert_eq!(ledger.release(0, 1, Amount(0)), Err(LedgerError::NothingToMove));
    assert_eq!(ledger.rebalance(0, 2, max, 5), Err(LedgerError::UnknownSeat));
    assert_eq!(
        ledger.rebalance(0, 1, Amount(0), 5),
        Err(LedgerError::NothingAsked)
    );
    assert_eq!(ledger.execute_rebalance(0, 5), Err(LedgerError::NotPending));
    assert_eq!(ledger, before);
}

#[test]
fn limits_that_come_back_can_be_given_again_once() {
    let mut ledger = Ledger::open(Amount(1_000), 0, 0, &[1, 1]).unwrap();
    assert_eq!(ledger.release(0, 1, Amount(300)), Ok(Amount(300)));
    assert_eq!(ledger.release(1, 0, Amount(300)), Ok(Amount(300)));
    assert_eq!(ledger.release(0, 1, Amount(300)), Err(LedgerError::NothingToMove));
    assert_eq!(ledger.release(0, 1, Amount(400)), Ok(Amount(100)));
    assert!(ledger.holds());
}
