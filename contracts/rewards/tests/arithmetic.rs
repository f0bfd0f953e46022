//! No division creates coins, pays for paying oneself, or rewards a host that splits.

use proptest::prelude::*;
use quern_interface::rewards::{Params, LAMBDA_ONE};
use quern_interface::BPS;
use quern_protocol::Amount;
use rewards::activation::{utilisation, Activation, Demand};
use rewards::division::{divide, Pot, Sums};
use rewards::vesting::Account;

use crate::common;

fn with(tax_bps: u32, margin_bps: u32) -> Params {
    Params {
        tax_bps,
        margin_bps,
        ..common::params()
    }
}

/// Emission, lambda, tax, margin.
fn terms() -> impl Strategy<Value = (u128, u32, Params)> {
    let emission = prop_oneof![0..1_000_u128, 0..1_u128 << 60];
    (emission, 0..=LAMBDA_ONE, 0..=10_000_u32, 1..=10_000_u32)
        .prop_map(|(emission, lambda, tax, margin)| (emission, lambda, with(tax, margin)))
}

fn shares() -> impl Strategy<Value = Vec<(u64, u128)>> {
    let weight = prop_oneof![Just(0), 0..100_u64, any::<u64>()];
    let burned = prop_oneof![Just(0), 0..100_u128, 0..1_u128 << 64];
    prop::collection::vec((weight, burned), 1..40)
}

fn sums(shares: &[(u64, u128)]) -> Sums {
    Sums {
        weight: Amount(shares.iter().map(|share| u128::from(share.0)).sum()),
        burned: Amount(shares.iter().map(|share| share.1).sum()),
        hosts: shares.len() as u64,
    }
}

/// What a host with a weight and burned coins gets beside others.
fn reward(emission: u128, lambda: u32, params: &Params, own: (u64, u128), others: (u64, u128)) -> u128 {
    let sums = sums(&[own, others]);
    let division = divide(Amount(emission), lambda, &sums, params).unwrap();
    let earned = Pot::new(&division, sums).worth(own.0, Amount(own.1)).unwrap();
    earned.by_weight.0 + earned.by_fees.0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_coin_of_an_emission_goes_somewhere((emission, lambda, params) in terms(), shares in shares()) {
        let sums = sums(&shares);
        let d = divide(Amount(emission), lambda, &sums, &params).unwrap();
        prop_assert_eq!(d.community.0 + d.by_weight.0 + d.by_fees.0, emission);
        let mut pot = Pot::new(&d, sums);
        let mut taken = 0;
        for (weight, burned) in &shares {
            prop_assert_eq!(pot.dust(), None);
            let earned = pot.take(*weight, Amount(*burned)).unwrap();
            taken += earned.by_weight.0 + earned.by_fees.0;
            // what a host's pay burned comes back to it in part at most
            let most = burned * u128::from(10_000 - params.margin_bps) / BPS;
            prop_assert!(earned.by_fees.0 <= most);
        }
        let dust = pot.dust().unwrap().0;
        prop_assert_eq!(taken + dust, d.by_weight.0 + d.by_fees.0);
        prop_assert!(dust < 2 * shares.len() as u128 || sums.weight.is_zero() || sums.burned.is_zero());
    }

    #[test]
    fn paying_oneself_loses_the_margin_at_every_share_of_fees(
        (emission, lambda, params) in terms(),
        honest in 0..1_u128 << 62, others in 0..1_u128 << 62, fake in 1..1_u128 << 62,
        weight in any::<u32>(), weight_of_others in any::<u32>(),
    ) {
        let (weight, weight_of_others) = (u64::from(weight), u64::from(weight_of_others));
        let without = reward(emission, lambda, &params, (weight, honest), (weight_of_others, others));
        let with = reward(emission, lambda, &params, (weight, honest + fake), (weight_of_others, others));
        let gained = with as i128 - without as i128;
        let lost = fake as i128;
        let margin = (fake * u128::from(params.margin_bps) / BPS) as i128;
        // two roundings, each below one unit
        prop_assert!(lost - gained >= margin - 2, "burned {lost}, got {gained}");
    }

    #[test]
    fn a_host_that_splits_gains_nothing(
        (emission, lambda, params) in terms(), shares in shares(), cut in (0..=10_000_u64, 0..=10_000_u128),
    ) {
        let whole = shares[0];
        let first = ((u128::from(whole.0) * u128::from(cut.0) / BPS) as u64, whole.1 / BPS * cut.1);
        let second = (whole.0 - first.0, whole.1 - first.1);
        let mut split = shares.clone();
        split[0] = first;
        split.push(second);
        let worth = |shares: &[(u64, u128)], own: &[(u64, u128)]| {
            let sums = sums(shares);
            let pot = Pot::new(&divide(Amount(emission), lambda, &sums, &params).unwrap(), sums);
            own.iter().map(|(weight, burned)| {
                let earned = pot.worth(*weight, Amount(*burned)).unwrap();
                earned.by_weight.0 + earned.by_fees.0
            }).sum::<u128>()
        };
        prop_assert!(worth(&split, &[first, second]) <= worth(&shares, &[whole]));
    }

    #[test]
    fn work_counts_once_and_only_as_far_as_it_was_paid(
        epochs in prop::collection::vec((0..1_u128 << 40, 0..1_u128 << 40, 1..1_u128 << 40), 1..40),
    ) {
        let (mut backing, mut paid_in, mut counted) = (Amount::ZERO, 0, 0);
        for (committed, paid, offered) in epochs {
            paid_in += paid;
            backing.0 += paid;
            let before = backing.0;
            // at a price of one, so that tokens and coins are alike
            let demand = Demand { asked: Amount(committed), offered: Amount(offered), committed: Amount(committed) };
            let bps = utilisation(&demand, &mut backing).unwrap();
            let used = before - backing.0;
            counted += used;
            prop_assert!(used <= committed && counted <= paid_in);
            prop_assert_eq!(u128::from(bps), (used * BPS / offered).min(u128::from(u32::MAX)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn vesting_hands_out_every_coin_once_and_none_early(
        grants in prop::collection::vec((0..40_u64, 0..1_u128 << 60), 1..40),
        vesting in prop_oneof![1..10_u64, 1..400_u64], claims in any::<u64>(),
    ) {
        let mut grants = grants;
        grants.sort();
        let mut account = Account::default();
        let total: u128 = grants.iter().map(|grant| grant.1).sum();
        let mut before = 0;
        for epoch in 0..41 + vesting + vesting / 30 + 1 {
            for (_, amount) in grants.iter().filter(|grant| grant.0 == epoch) {
                account.grant(epoch, Amount(*amount), vesting).unwrap();
            }
            account.release(epoch).unwrap();
            prop_assert!(account.grants.len() <= 33);
            let vested = account.claimable.0 + account.claimed.0;
            prop_assert!(vested >= before);
            // never more than equal parts of what was granted by then
            let most: u128 = grants.iter().filter(|grant| grant.0 <= epoch)
                .map(|grant| grant.1 * u128::from((epoch - grant.0).min(vesting)) / u128::from(vesting) + 1).sum();
            prop_assert!(vested <= most, "epoch {}: {} > {}", epoch, vested, most);
            before = vested;
            if claims >> (epoch % 64) & 1 == 1 {
                account.pay(account.claimable).unwrap();
            }
        }
        prop_assert_eq!(account.claimable.0 + account.claimed.0, total);
        prop_assert_eq!(account.vesting().unwrap().0, 0);
    }
}

#[test]
fn the_share_of_fees_waits_ramps_holds_and_falls() {
    let params = Params {
        sustain_epochs: 3,
        ramp_epochs: 4,
        ..common::params()
    };
    let mut at = Activation::default();
    let mut history = vec![];
    for bps in [
        4_000, 5_000, 3_999, // a streak that breaks
        4_000, 4_000, 4_000, 9_000, // three in a row: rises
        3_500, 3_000, // holds between the edges
        4_000, 2_999, // rises once more, then falls
        4_000, 4_000, 4_000, 4_000, 4_000, // must earn its way again, then reaches the top
        0, 0, 0, 0, 0,
    ] {
        at = at.next(bps, &params);
        history.push(at.lambda / 10_000);
    }
    assert_eq!(
        history,
        [0, 0, 0, 0, 0, 25, 50, 50, 50, 75, 50, 50, 50, 75, 100, 100, 75, 50, 25, 0, 0]
    );
}

#[test]
fn nobody_earns_by_fees_before_the_share_of_fees_leaves_zero() {
    let sums = sums(&[(10, 1_000), (30, 0)]);
    let d = divide(Amount(10_000), 0, &sums, &common::params()).unwrap();
    assert_eq!((d.community.0, d.by_weight.0, d.by_fees.0), (200, 9_800, 0));
}

#[test]
fn without_any_weight_the_community_gets_what_nobody_could_earn() {
    let sums = sums(&[(0, 1_000)]);
    let d = divide(Amount(10_000), LAMBDA_ONE, &sums, &common::params()).unwrap();
    assert_eq!((d.community.0, d.by_weight.0, d.by_fees.0), (9_200, 0, 800));
}
