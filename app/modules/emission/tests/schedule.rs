//! The schedule keeps its cap in every history.
#![allow(clippy::unwrap_used, reason = "a test stops at a surprise")]

use proptest::prelude::*;
use quern_emission::{Schedule, schedule::ONE};
use quern_genesis::profile::ProfileName;
use quern_protocol::Amount;

fn schedule(cap: u128, next: u128, retained: u64) -> Schedule {
    Schedule {
        denom: "nqrn".parse().unwrap(),
        cap: Amount(cap),
        retained,
        minted: Amount::ZERO,
        next: Amount(next),
        genesis_supply: Amount(1_000),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_history_mints_more_than_the_cap_or_grows(
        cap in prop_oneof![0..1_000_u128, any::<u128>()], next in prop_oneof![0..1_000_u128, any::<u128>()],
        retained in prop_oneof![Just(0), Just(ONE), 0..=ONE], epochs in 1..200_usize,
    ) {
        let mut at = schedule(cap, next, retained);
        let (mut sum, mut last) = (0_u128, u128::MAX);
        for _ in 0..epochs {
            let (amount, after) = at.step();
            sum = sum.checked_add(amount.0).unwrap();
            prop_assert!(sum <= cap);
            prop_assert_eq!(after.minted.0, sum);
            prop_assert!(amount.0 <= last && after.next <= at.next);
            last = amount.0;
            at = after;
        }
    }
}

#[test]
fn the_amount_decays_by_the_factor_rounded_down() {
    let mut at = schedule(1_000_000, 1_001, ONE / 2);
    let mut amounts = vec![];
    for _ in 0..12 {
        let (amount, after) = at.step();
        amounts.push(amount.0);
        at = after;
    }
    assert_eq!(amounts, [1_001, 500, 250, 125, 62, 31, 15, 7, 3, 1, 0, 0]);
}

#[test]
fn the_last_amount_is_what_the_cap_leaves() {
    let at = schedule(250, 100, ONE);
    let (first, at) = at.step();
    let (second, at) = at.step();
    let (third, at) = at.step();
    assert_eq!(
        [first, second, third, at.step().0].map(|amount| amount.0),
        [100, 100, 50, 0]
    );
}

#[test]
fn what_was_burned_follows_from_the_supply() {
    let (_, at) = schedule(250, 100, ONE).step();
    assert_eq!(at.burned(Amount(1_080)).0, 20);
}

#[test]
fn the_standard_schedule_halves_every_four_years_and_ends_at_its_cap() {
    let emission = ProfileName::Standard.profile().emission;
    let mut at = schedule(emission.cap, emission.next, emission.retained);
    let four_years = 4 * 365 * 24;
    let mut left = at.cap.0;
    for _ in 0..10 {
        for _ in 0..four_years {
            at = at.step().1;
        }
        // rounding adds up to less
        let now = at.cap.0 - at.minted.0;
        assert!((now * 2).abs_diff(left) <= left / 10_000, "{now} of {left}");
        left = now;
    }
    while !at.step().0.is_zero() {
        at = at.step().1;
    }
    assert!(
        at.minted <= at.cap && at.cap.0 - at.minted.0 < 100_000_000_000,
        "{}",
        at.minted
    );
}
