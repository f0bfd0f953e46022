//! Whole histories that nobody planned: whatever hosts and judges do, weights and sets keep their bounds.

use crate::common;

use std::collections::{BTreeMap, BTreeSet};

use common::{host, key, params, World, PER_WEIGHT};
use proptest::prelude::*;
use quern_interface::poc_weights::Params;
use quern_weights::Mode;

const HOSTS: usize = 6;

/// What one host does in an epoch.
#[derive(Clone, Debug)]
struct Deeds {
    /// Work in each sprint of the window.
    window: u128,
    /// Work in each confirmation.
    confirmed: u128,
    /// What a judge finds in the first sprint of the epoch.
    judged: Option<(u32, u32)>,
    /// Whether it is convicted.
    convicted: bool,
    /// Blocks of 60 that it signs.
    signed: u64,
}

fn deeds() -> impl Strategy<Value = Deeds> {
    let work = || prop_oneof![Just(0_u128), 40..5_000_u128, Just(40_000_000)];
    let judged = prop::option::of((0..9_u32, 0..4_u32));
    let convicted = prop::bool::weighted(0.05);
    (work(), work(), judged, convicted, 0..=60_u64).prop_map(
        |(window, confirmed, judged, convicted, signed)| Deeds {
            window,
            confirmed,
            judged,
            convicted,
            signed,
        },
    )
}

fn total(set: &BTreeMap<usize, u64>) -> u64 {
    set.values().sum()
}

fn set(world: &World) -> BTreeMap<usize, u64> {
    let hosts = (0..HOSTS).map(|n| (n, world.power(n)));
    hosts.filter(|(_, power)| *power > 0).collect()
}

/// An epoch in which everybody does these deeds; the numbers of the sprints that counted.
fn play(world: &mut World, deeds: &[Deeds]) {
    for one in &mut world.set {
        let n = (0..HOSTS).find(|n| key(*n) == one.pubkey).unwrap();
        (one.signed, one.missed) = (deeds[n].signed, 60 - deeds[n].signed);
    }
    let mut first = None;
    let epoch = world.epoch;
    while world.epoch == epoch {
        let before = world.sprint().map(|sprint| sprint.sprint);
        world.block();
        let sprint = world.sprint().filter(|sprint| Some(sprint.sprint) != before);
        let Some(sprint) = sprint.filter(|_| world.epoch == epoch) else {
            continue;
        };
        first = first.or(Some(sprint.sprint));
        for (n, deeds) in deeds.iter().enumerate() {
            let work = match sprint.kind {
                quern_interface::poc_weights::SprintKind::Window => deeds.window,
                quern_interface::poc_weights::SprintKind::Confirmation => deeds.confirmed,
            };
            if work > 0 {
                let msg = world.commit(sprint.sprint, work);
                // convicts are refused
                let _ = world.send(&host(n), &msg);
            }
        }
    }
    let Some(first) = first else { return };
    for (n, deeds) in deeds.iter().enumerate() {
        if let Some((clean, failed)) = deeds.judged.filter(|(clean, failed)| clean + failed > 0) {
            if world.proof(n, first).is_some_and(|proof| proof.judged.is_none()) {
                world.judge(n, first, clean, failed).unwrap();
            }
        }
        if deeds.convicted {
            world.convict(n);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn weights_and_sets_keep_their_bounds(
        bonds in prop::collection::vec(1_000..50_000_000_u128, HOSTS),
        history in prop::collection::vec(prop::collection::vec(deeds(), HOSTS), 1..7),
    ) {
        let params = Params { confirm_every: 15, ..params() };
        let mut world = World::with(&bonds, params);
        world.finish_epoch();
        let mut convicts = BTreeSet::new();
        for deeds in history {
            let before = set(&world);
            play(&mut world, &deeds);
            let after = set(&world);
            prop_assert!(!after.is_empty());
            let mut grown = 0;
            for n in 0..HOSTS {
                let old = before.get(&n).copied().unwrap_or(0);
                let now = after.get(&n).copied().unwrap_or(0);
                grown += now.saturating_sub(old);
                // nobody is above 30 %, or an equal part of fewer than four who stay, unless on the way down as
                // fast as it may
                let proven = world.outcome().mode == Mode::Proven;
                let weighs = |n: usize| world.weight(n).is_some_and(|weight| weight.covered > 0);
                let staying = after.keys().filter(|n| !proven || weighs(**n)).count() as u64;
                let share = staying.clamp(1, 4);
                let most = if share < 4 { total(&after) / share + 1 } else { total(&after) * 3 / 10 + 1 };
                let held = world.outcome().mode == Mode::CarriedOver && now <= old;
                let falls = now <= old.div_ceil(2) || after.len() < before.len();
                prop_assert!(now <= most || falls || held, "{before:?} {after:?}");
                if let Some(weight) = world.weight(n) {
                    prop_assert!(weight.covered <= weight.present && weight.present <= weight.verified);
                    prop_assert!(weight.verified <= weight.proven);
                    prop_assert!(u128::from(weight.covered) <= bonds[n] / PER_WEIGHT);
                    prop_assert!(u128::from(weight.proven) <= deeds[n].window * 1_000 / 5);
                    // never past what it moves towards
                    prop_assert!(now <= old.max(weight.power), "{n}: {before:?} {after:?}");
                }
                if convicts.contains(&n) {
                    prop_assert!(now == 0 || after.len() == 1, "{n} {after:?}");
                    prop_assert!(world.weight(n).is_none());
                }
            }
            prop_assert!(grown <= total(&before) / 3, "{before:?} {after:?}");
            convicts.extend((0..HOSTS).filter(|n| deeds[*n].convicted));
        }
    }
}
