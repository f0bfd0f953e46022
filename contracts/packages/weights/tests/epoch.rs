//! Epochs: cap, change limit, convicts, carry-over, and that no set is ever emptied.

use proptest::prelude::*;
use quern_protocol::Amount;
use quern_weights::{
    covered, end_epoch, present, step, target, total, Epoch, Mode, Outcome, Params, Powers, WeightError,
};
use std::collections::BTreeSet;

/// Whether nobody is above 30 %, or an equal part of fewer than four.
fn is_capped(set: &Powers<u8>) -> bool {
    let (numerator, denominator) = if set.len() < 4 {
        (1, set.len() as u128)
    } else {
        (3, 10)
    };
    set.values()
        .all(|power| u128::from(*power) * denominator <= total(set) * numerator)
}

const PARAMS: Params = Params::DEFAULT;

fn powers(list: &[(u8, u64)]) -> Powers<u8> {
    list.iter().copied().collect()
}

fn end(current: &Powers<u8>, proven: &Powers<u8>, convicts: &[u8], missed: u32) -> Outcome<u8> {
    let convicts = convicts.iter().copied().collect();
    let epoch = Epoch {
        current,
        convicts: &convicts,
        proven,
        missed,
    };
    end_epoch(&epoch, &PARAMS).unwrap()
}

fn some_powers(most: usize) -> impl Strategy<Value = Powers<u8>> {
    prop::collection::btree_map(
        any::<u8>(),
        prop_oneof![1..100_u64, 1..1_000_000_u64, any::<u64>()],
        0..most,
    )
}

proptest! {
    #[test]
    fn a_target_is_a_capped_share_of_a_million(weights in some_powers(40)) {
        let set = target(&weights, &PARAMS);
        prop_assert_eq!(set.is_empty(), total(&weights) == 0);
        prop_assert!(total(&set) <= 1_000_000);
        // rounding costs a unit a host, and at few hosts the exact cap a few more
        prop_assert!(set.is_empty() || total(&set) >= 1_000_000 - 10 * set.len() as u128 - 10);
        prop_assert!(is_capped(&set));
        // more weight never means less power
        for (a, power) in &set {
            prop_assert!(set.iter().all(|(b, other)| weights[a] < weights[b] || power >= other));
        }
    }

    #[test]
    fn a_step_keeps_the_change_limit_and_never_empties_the_set(
        current in prop::collection::btree_map(any::<u8>(), 1..300_000_u64, 0..30),
        weights in some_powers(30),
    ) {
        let goal = target(&weights, &PARAMS);
        let next = step(&current, &goal, &PARAMS);
        prop_assert_eq!(next.is_empty(), current.is_empty() && goal.is_empty());
        if !current.is_empty() {
            let mut grown = 0;
            for (key, power) in &next {
                let now = current.get(key).copied().unwrap_or(0);
                grown += u128::from(power.saturating_sub(now));
                prop_assert!(*power >= now / 2);
                // never past the target
                let goal = goal.get(key).copied().unwrap_or(0);
                prop_assert!(goal == 0 || *power <= now.max(goal));
            }
            prop_assert!(grown <= total(&current) / 3);
            // above the cap is only who falls as fast as it may
            let staying = next.keys().filter(|key| goal.contains_key(key)).count() as u128;
            let (numerator, denominator) = if staying < 4 { (1, staying.max(1)) } else { (3, 10) };
            for (key, power) in &next {
                let now = current.get(key).copied().unwrap_or(0);
                let within = u128::from(*power) * denominator <= total(&next) * numerator;
                prop_assert!(goal.is_empty() || within || *power == now / 2, "{key}: {power}");
            }
        }
    }

    #[test]
    fn the_set_converges_to_the_target_and_stays(
        current in prop::collection::btree_map(any::<u8>(), 1..300_000_u64, 1..20),
        weights in some_powers(20),
    ) {
        let goal = target(&weights, &PARAMS);
        prop_assume!(!goal.is_empty());
        let mut set = current;
        for _ in 0..60 {
            set = step(&set, &goal, &PARAMS);
        }
        for (key, power) in &goal {
            let reached = set.get(key).copied().unwrap_or(0);
            // increases are cut by rounding at the end, a unit per host
            prop_assert!(power.abs_diff(reached) <= 20, "{key}: {reached} instead of {power}");
        }
        prop_assert!(set.keys().all(|key| goal.contains_key(key)));
        prop_assert_eq!(step(&goal, &goal, &PARAMS), goal);
    }

    #[test]
    fn no_epoch_empties_the_set_or_keeps_a_convict(
        current in some_powers(20),
        proven in some_powers(20),
        convicts in prop::collection::btree_set(any::<u8>(), 0..200),
        missed in 0..5_u32,
    ) {
        let list: Vec<u8> = convicts.iter().copied().collect();
        let outcome = end(&current, &proven, &list, missed);
        let live = |powers: &Powers<u8>| powers.keys().any(|key| !convicts.contains(key));
        prop_assert_eq!(outcome.set.is_empty(), current.is_empty() && !live(&proven));
        if live(&current) || live(&proven) {
            prop_assert!(outcome.set.keys().all(|key| !convicts.contains(key)));
        } else {
            prop_assert!(outcome.set.len() <= 1);
        }
    }
}

#[test]
fn a_giant_is_capped_and_few_hosts_share_alike() {
    let at = |list: &[(u8, u64)]| target(&powers(list), &PARAMS);
    assert_eq!(at(&[(1, 5)]), powers(&[(1, 1_000_000)]));
    assert_eq!(at(&[(1, 5), (2, 900)]), powers(&[(1, 500_000), (2, 500_000)]));
    let three = at(&[(1, 5), (2, 900), (3, 7)]);
    assert_eq!(three.values().copied().collect::<Vec<_>>(), [333_333; 3]);
    // small weights are capped as exactly as large ones
    let small = at(&[(1, 100), (2, 1), (3, 1), (4, 1)]);
    assert!((299_990..=300_000).contains(&small[&1]), "{small:?}");
    // 30 % for the giant and the rest in proportion
    let set = at(&[(1, 1_000_000), (2, 10), (3, 20), (4, 20), (5, 20)]);
    assert!((299_990..=300_000).contains(&set[&1]), "{set:?}");
    assert!(set[&3].abs_diff(2 * set[&2]) <= 1 && set[&2].abs_diff(100_000) < 10);
}

#[test]
fn proofs_that_stay_away_hold_the_old_set_and_then_make_all_alike() {
    let old = powers(&[(1, 300_000), (2, 300_000), (3, 200_000), (4, 200_000)]);
    let few = powers(&[(4, 9_000)]);
    let first = end(&old, &few, &[], 0);
    assert_eq!(
        (first.mode, first.missed, &first.set),
        (Mode::CarriedOver, 1, &old)
    );
    let second = end(&old, &few, &[2], 1);
    assert_eq!((second.mode, second.missed), (Mode::CarriedOver, 2));
    assert_eq!(second.set, powers(&[(1, 300_000), (3, 200_000), (4, 200_000)]));
    let third = end(&old, &few, &[], 2);
    assert_eq!((third.mode, third.missed), (Mode::EqualPower, 3));
    assert_eq!(
        third.set,
        powers(&[(1, 250_000), (2, 250_000), (3, 250_000), (4, 250_000)])
    );
    // proofs of enough of the old power return
    let back = end(&third.set, &powers(&[(1, 10), (2, 10), (3, 10), (4, 10)]), &[], 3);
    assert_eq!((back.mode, back.missed), (Mode::Proven, 0));
}

#[test]
fn newcomers_take_at_most_a_third_and_a_convict_leaves_at_once() {
    let old = powers(&[(1, 250_000), (2, 250_000), (3, 250_000), (4, 250_000)]);
    let weights = powers(&[(1, 10), (2, 10), (3, 10), (5, 90), (6, 90), (7, 90), (8, 90)]);
    let outcome = end(&old, &weights, &[4], 0);
    assert!(!outcome.set.contains_key(&4));
    let joined: u64 = (5..=8).map(|key| outcome.set[&key]).sum();
    assert!((249_996..=250_000).contains(&joined), "{joined}");
    assert_eq!(outcome.set[&1], 125_000);
}

#[test]
fn genesis_takes_the_target_at_once_and_the_last_validator_never_leaves() {
    let weights = powers(&[(1, 10), (2, 10)]);
    assert_eq!(
        end(&Powers::new(), &weights, &[], 0).set,
        powers(&[(1, 500_000), (2, 500_000)])
    );
    let old = powers(&[(1, 600_000), (2, 400_000)]);
    let outcome = end(&old, &Powers::new(), &[1, 2], 0);
    assert_eq!(
        (outcome.set, outcome.mode),
        (powers(&[(1, 600_000)]), Mode::CarriedOver)
    );
    // an empty world stays empty
    assert!(end(&Powers::new(), &Powers::new(), &[], 9).set.is_empty());
}

#[test]
fn bond_covers_weight_and_presence_scales_it() {
    assert_eq!(covered(100, Amount(999), Amount(10)), 99);
    assert_eq!(covered(100, Amount(u128::MAX), Amount(1)), 100);
    assert_eq!(covered(100, Amount(1_000), Amount(0)), 0);
    assert_eq!(
        (present(90, 2, 3), present(90, 4, 3), present(90, 0, 0)),
        (60, 90, 0)
    );
    assert_eq!(present(u64::MAX, u64::MAX, u64::MAX), u64::MAX);
}

#[test]
fn a_full_set_turns_over_slowly_and_surely() {
    let params = Params {
        max_validators: 10,
        ..PARAMS
    };
    let old: Powers<u8> = (0..10).map(|key| (key, 100_000)).collect();
    let goal: Powers<u8> = (5..15).map(|key| (key, 100_000)).collect();
    let mut set = old;
    for _ in 0..12 {
        let next = step(&set, &goal, &params);
        assert!(next.len() <= 10, "{next:?}");
        let stays = next.keys().filter(|key| set.contains_key(key)).count();
        assert!(stays * 3 >= set.len() * 2 - 3, "{set:?} {next:?}");
        set = next;
    }
    assert_eq!(set.keys().collect::<Vec<_>>(), goal.keys().collect::<Vec<_>>());
}

#[test]
fn parameters_out_of_bounds_are_refused() {
    assert_eq!(PARAMS.validate(), Ok(()));
    let edits: [fn(&mut Params); 5] = [
        |p| p.bond_per_weight.0 = 0,
        |p| p.cap_bps = 0,
        |p| p.cap_bps = 10_001,
        |p| p.max_validators = 0,
        |p| p.min_proven_bps = 10_001,
    ];
    for edit in edits {
        let mut params = PARAMS;
        edit(&mut params);
        assert!(params.validate().is_err(), "{params:?}");
    }
    let crowd: Powers<u32> = (0..4_097).map(|key| (key, 1)).collect();
    let epoch = Epoch {
        current: &crowd,
        convicts: &BTreeSet::new(),
        proven: &crowd,
        missed: 0,
    };
    assert_eq!(end_epoch(&epoch, &PARAMS), Err(WeightError::TooManyHosts(4_097)));
}
