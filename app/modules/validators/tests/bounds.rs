//! The bounds hold for every proposal, whatever a contract makes up.
#![allow(clippy::unwrap_used, reason = "a test stops at a surprise")]

use std::collections::BTreeSet;

use proptest::{collection::btree_map, prelude::*};
use quern_validators::{
    Key, Powers,
    bounds::{TOTAL, share, step, target, without},
    total,
};

fn key() -> impl Strategy<Value = Key> {
    (0u8..60).prop_map(|n| [n; 32])
}

/// Powers of every size, as a contract may make them up.
fn proposal() -> impl Strategy<Value = Powers> {
    let power = prop_oneof![0u64..5, 0u64..2_000_000, Just(u64::MAX), any::<u64>()];
    btree_map(key(), power, 0..50)
}

/// A set that earlier epochs and removals may have left.
fn left_by_history() -> impl Strategy<Value = (Powers, usize)> {
    (
        prop::collection::vec(proposal(), 1..5),
        btree_map(key(), Just(()), 0..20),
        1usize..40,
    )
        .prop_filter_map("somebody must have power", |(history, convicts, most)| {
            let mut set = Powers::new();
            for proposed in history {
                let goal = target(&proposed, most);
                if goal.is_empty() {
                    continue;
                }
                set = if set.is_empty() {
                    goal
                } else {
                    step(&set, &goal, most)
                };
            }
            let convicts = convicts.into_keys().collect::<Vec<_>>();
            (!set.is_empty()).then(|| (without(&set, &convicts), most))
        })
}

fn within_cap(set: &Powers) -> bool {
    let (num, den) = share(set.len());
    set.values()
        .all(|power| u128::from(*power) * den <= total(set) * num)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_proposal_in_form_is_bounded_and_capped(proposed in proposal(), most in 1usize..40) {
        let goal = target(&proposed, most);
        let willing = proposed.values().filter(|power| **power > 0).count();
        prop_assert_eq!(goal.len(), willing.min(most));
        prop_assert!(goal.values().all(|power| *power > 0));
        prop_assert!(within_cap(&goal), "{:?}", goal.values());
        prop_assert!(total(&goal) <= u128::from(TOTAL) + 40, "each may be rounded up to one");
        prop_assert_eq!(target(&goal, most).len(), goal.len());
    }

    #[test]
    fn one_epoch_moves_at_most_a_third_and_empties_nothing(
        (now, most) in left_by_history(), proposed in proposal(),
    ) {
        let goal = target(&proposed, most);
        prop_assume!(!goal.is_empty());
        let next = step(&now, &goal, most);
        prop_assert!(!next.is_empty() && next.len() <= most);
        prop_assert!(next.values().all(|power| *power > 0));
        prop_assert!(total(&next) <= 2 * u128::from(TOTAL) + 100);
        // powers that were too coarse are first multiplied alike
        let sum = total(&now);
        let factor = if sum < u128::from(TOTAL / 100) { TOTAL / u64::try_from(sum).unwrap() } else { 1 };
        let increases = next.iter().map(|(key, power)| {
            u128::from(power.saturating_sub(now.get(key).copied().unwrap_or(0) * factor))
        });
        prop_assert!(increases.sum::<u128>() * 3 <= sum * u128::from(factor));
        // nobody falls below half but who leaves: dust, and in a full set the weakest up to a third or one
        let (mut gone, mut largest, mut count) = (0u128, 0, 0u128);
        for (key, power) in &now {
            match next.get(key) {
                Some(after) => prop_assert!(*after >= power * factor / 2),
                None => {
                    prop_assert!(!goal.contains_key(key));
                    (gone, largest, count) = (gone + u128::from(*power), largest.max(*power), count + 1);
                }
            }
        }
        let dust = sum / 16 + u128::try_from(now.len()).unwrap();
        prop_assert!(gone <= sum / 3 + dust || gone <= u128::from(largest) + dust, "{gone} of {sum} in {count}");
        // above the cap is only who falls as fast as allowed
        let (num, den) = share(goal.len().min(next.len()));
        for (key, power) in &next {
            let floor = now.get(key).map_or(0, |power| power * factor / 2);
            prop_assert!(u128::from(*power) * den <= total(&next) * num || *power == floor);
        }
    }

    #[test]
    fn a_set_where_its_proposal_wants_it_stays((_, most) in left_by_history(), proposed in proposal()) {
        let goal = target(&proposed, most);
        prop_assume!(!goal.is_empty() && total(&goal) >= u128::from(TOTAL / 100));
        prop_assert_eq!(step(&goal, &goal, most), goal);
    }

    #[test]
    fn every_set_arrives_at_a_steady_proposal((now, most) in left_by_history(), proposed in proposal()) {
        let goal = target(&proposed, most);
        prop_assume!(!goal.is_empty() && total(&goal) >= u128::from(TOTAL / 100));
        let mut set = now;
        for _ in 0..60 {
            set = step(&set, &goal, most);
        }
        prop_assert_eq!(set, goal);
    }

    #[test]
    fn convicts_leave_at_once_but_never_all((now, _) in left_by_history(), convicts in prop::collection::vec(key(), 0..80)) {
        let left = without(&now, &convicts);
        prop_assert!(!left.is_empty());
        if left.len() > 1 {
            prop_assert!(left.keys().all(|key| !convicts.contains(key)));
        }
        prop_assert!(left.iter().all(|(key, power)| (now[key] / 2..=now[key]).contains(power)));
        if left.len() == now.len() {
            prop_assert_eq!(&left, &now);
            return Ok(());
        }
        let (num, den) = share(left.len());
        for (key, power) in &left {
            prop_assert!(u128::from(*power) * den <= total(&left) * num || *power == now[key] / 2 || left.len() == 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_set_arrives_where_proofs_put_it_however_few_prove(
        (now, _) in left_by_history(), proven in btree_map(key(), 1u64..1_000_000, 1..20),
    ) {
        let params = quern_weights::Params { min_proven_bps: 0, ..quern_weights::Params::DEFAULT };
        let mut set = now;
        for _ in 0..80 {
            let epoch = quern_weights::Epoch {
                current: &set,
                convicts: &BTreeSet::new(),
                proven: &proven,
                missed: 0,
            };
            let goal = quern_weights::end_epoch(&epoch, &params).unwrap().goal;
            set = step(&set, &target(&goal, 100), 100);
        }
        let goal = quern_weights::target(&proven, &params);
        prop_assert!(set.keys().eq(goal.keys()));
        prop_assert!(goal.iter().all(|(key, power)| power.abs_diff(set[key]) <= 20), "{set:?} {goal:?}");
    }
}

#[test]
fn two_hosts_are_equal_whatever_they_weigh_and_five_keep_their_shares() {
    let pair = Powers::from([([1; 32], 900), ([2; 32], 100)]);
    assert_eq!(
        target(&pair, 10).into_values().collect::<Vec<_>>(),
        [500_000, 500_000]
    );
    let five: Powers = (1..=5u8).map(|n| ([n; 32], u64::from(n))).collect();
    let powers = target(&five, 10).into_values().collect::<Vec<_>>();
    // 5 of 15 would be a third: capped to 30 % of what is left
    assert!((299_990..=300_000).contains(&powers[4]), "{powers:?}");
    assert!(powers.is_sorted());
}

#[test]
fn nobody_comes_to_hold_a_third_when_another_is_convicted() {
    let powers = [300_000, 300_000, 200_000, 100_000, 100_000];
    let five: Powers = (1..=5u8).map(|n| [n; 32]).zip(powers).collect();
    // without the cap, 300 of 800: a veto over every block
    let left = without(&five, &[[3; 32]]);
    assert_eq!(
        left.into_values().collect::<Vec<_>>(),
        [150_000, 150_000, 100_000, 100_000]
    );
}

#[test]
fn a_hostile_proposal_takes_two_epochs_to_pass_half() {
    let honest: Powers = (1..=4u8).map(|n| ([n; 32], 250_000)).collect();
    let hostile = target(&(11..=14u8).map(|n| ([n; 32], 1)).collect(), 10);
    let part = |set: &Powers| {
        set.iter()
            .filter(|(k, _)| k[0] > 10)
            .map(|(_, p)| p * 1000)
            .sum::<u64>()
            / u64::try_from(total(set)).unwrap()
    };
    let first = step(&honest, &hostile, 10);
    assert_eq!(part(&first), 399);
    assert!(part(&step(&first, &hostile, 10)) > 500);
}
