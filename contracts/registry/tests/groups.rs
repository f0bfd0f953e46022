//! Groups: whom a draw can name, how often, and what it reads.

use crate::common;

use std::collections::{BTreeMap, BTreeSet};

use common::{offer, who, Registry};
use cosmwasm_std::{Addr, Order};
use proptest::prelude::*;
use quern_interface::registry::{ExecuteMsg, GroupMember, QueryMsg};
use quern_protocol::{Draw, Hash};
use registry::state;

#[test]
fn a_draw_falls_on_a_host_as_often_as_its_share_of_capacity_says() {
    let mut registry = Registry::new();
    let capacities: Vec<u64> = (1..=20).map(|n| n * 5).collect();
    for (n, capacity) in capacities.iter().enumerate() {
        registry.join(n as u64, vec![offer("alpha", *capacity)], 1_000_000);
    }
    let draws = 5_000;
    let mut hits: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..draws {
        *hits
            .entry(registry.draw("alpha", seed, 1)[0].host.clone())
            .or_default() += 1;
    }
    let total: u64 = capacities.iter().sum();
    let chi_square: f64 = capacities
        .iter()
        .enumerate()
        .map(|(n, capacity)| {
            let expected = draws as f64 * *capacity as f64 / total as f64;
            let found = hits.get(who(&format!("host{n}")).as_str()).copied().unwrap_or(0) as f64;
            (found - expected).powi(2) / expected
        })
        .sum();
    // 19 degrees of freedom: an even draw exceeds 43.8 once in a thousand seeds, and the seeds are fixed.
    assert!(chi_square < 43.8, "{chi_square}");
}

#[test]
fn a_draw_names_each_host_once_and_all_of_them_if_it_may() {
    let mut registry = Registry::new();
    // One host with nearly all capacity must not crowd the others out.
    registry.join(0, vec![offer("alpha", 1_000_000)], 1 << 60);
    for n in 1..6 {
        registry.join(n, vec![offer("alpha", 1)], 1000);
    }
    registry.join(6, vec![offer("alpha", 50)], 9);
    for seed in 0..200 {
        let drawn = registry.draw("alpha", seed, 8);
        let hosts: BTreeSet<_> = drawn.iter().map(|member| &member.host).collect();
        assert_eq!((drawn.len(), hosts.len()), (6, 6), "seed {seed}");
        assert!(
            drawn.iter().all(|member| member.capacity > 0),
            "too little bond for one unit"
        );
    }
    assert_eq!(registry.draw("alpha", 1, 2).len(), 2);
    assert!(registry.draw("beta", 1, 8).is_empty());
}

#[test]
fn a_host_in_maintenance_is_passed_over_while_it_lasts() {
    let mut registry = Registry::new();
    let away = registry.join(0, vec![offer("alpha", 1000)], 1 << 60);
    let there = registry.join(1, vec![offer("alpha", 1)], 1 << 60);
    registry
        .execute(&away, ExecuteMsg::DeclareMaintenance { from: 101, to: 103 })
        .unwrap();
    let drawn = |registry: &Registry| -> BTreeSet<String> {
        (0..20)
            .flat_map(|seed| registry.draw("alpha", seed, 2))
            .map(|member| member.host)
            .collect()
    };
    let (both, one) = (
        BTreeSet::from([away.to_string(), there.to_string()]),
        BTreeSet::from([there.to_string()]),
    );
    assert_eq!(drawn(&registry), both);
    for (height, expected) in [(101, &one), (102, &one), (103, &both)] {
        registry.env.block.height = height;
        assert_eq!(&drawn(&registry), expected, "at {height}");
    }
}

#[test]
fn a_draw_among_a_thousand_hosts_reads_little_more_than_among_ten() {
    let mut registry = Registry::new();
    let mut most = vec![];
    for n in 0..1000 {
        registry.join(n, vec![offer("alpha", 1 + n % 7)], 1_000_000);
        if n == 9 || n == 999 {
            let reads = (0..50).map(|seed| registry.reads(|r| r.draw("alpha", seed, 8)).1);
            most.push(reads.max().unwrap());
        }
    }
    // Eight places: slot, maintenance and conviction of each, at most three nodes, model and shape.
    assert!(most[0] <= 30 && most[1] <= 8 * 3 + 1 + 8 + 8 + 4, "{most:?}");
}

#[test]
fn a_change_of_bond_writes_one_path_of_the_tree() {
    let mut registry = Registry::new();
    for n in 0..300 {
        registry.join(n, vec![offer("alpha", 5)], 1_000_000);
    }
    let mut reads = vec![];
    for bond in [0, 20, 1000] {
        registry.reads(|_| ());
        registry.bond(&who("host150"), bond);
        reads.push(registry.reads_so_far());
    }
    assert!(reads.iter().all(|reads| *reads < 15), "{reads:?}");
}

/// The same draw, over a list of the group by slot.
fn naive(group: &[(String, u64)], seed: u64, count: usize) -> Vec<(String, u64)> {
    use sha2::{Digest, Sha256};
    let mut left = group.to_vec();
    let mut stream = Draw::new(Hash::new(Sha256::digest(seed.to_be_bytes()).into()));
    let mut drawn = vec![];
    while drawn.len() < count {
        let Some(mut target) = stream.below(left.iter().map(|(_, capacity)| capacity).sum()) else {
            break;
        };
        for host in &mut left {
            if target < host.1 {
                drawn.push(host.clone());
                host.1 = 0;
                break;
            }
            target -= host.1;
        }
    }
    drawn
}

#[derive(Clone, Debug)]
enum Step {
    Offer(u64, Vec<(bool, u64)>),
    Bond(u64, u128),
    Convict(u64),
    Retire(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let host = 0..40_u64;
    prop_oneof![
        5 => (host.clone(), prop::collection::vec((any::<bool>(), 1_u64..100), 0..3))
            .prop_map(|(host, offers)| Step::Offer(host, offers)),
        5 => (host.clone(), 0_u128..2000).prop_map(|(host, bond)| Step::Bond(host, bond)),
        1 => host.clone().prop_map(Step::Convict),
        1 => host.prop_map(Step::Retire),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_draw_is_that_over_a_plain_list_whatever_happened_before(
        steps in prop::collection::vec(step(), 1..120), seed in 0_u64..1000,
    ) {
        let mut registry = Registry::new();
        for n in 0..40 {
            registry.join(n, vec![offer("alpha", 10)], 500);
        }
        for step in steps {
            match step {
                Step::Offer(n, offers) => {
                    let name = |first: bool| if first { "alpha" } else { "beta" };
                    let offers = offers.iter().map(|(first, c)| offer(name(*first), *c)).collect();
                    let _ = registry.execute(&who(&format!("host{n}")), ExecuteMsg::SetOffers { offers });
                }
                Step::Bond(n, bond) => registry.bond(&who(&format!("host{n}")), bond),
                Step::Convict(n) => drop(registry.convict(&who(&format!("host{n}")), "alpha").unwrap()),
                Step::Retire(n) => drop(registry.execute(&who(&format!("host{n}")), ExecuteMsg::RetireHost {})),
            }
        }
        for model in ["alpha", "beta"] {
            let store = &registry.deps.storage;
            let slots: Vec<(u32, Addr)> = state::SLOTS
                .prefix(model).range(store, None, None, Order::Ascending).collect::<Result<_, _>>().unwrap();
            let group: Vec<(String, u64)> = slots.iter().map(|(slot, host)| {
                let member = state::MEMBERS.load(store, (model, host)).unwrap();
                assert_eq!(member.slot, *slot);
                (host.to_string(), member.effective)
            }).collect();
            let listed: Vec<GroupMember> = registry
                .query(QueryMsg::Group { model: model.into(), start_after: None, limit: Some(100) }).unwrap();
            prop_assert_eq!(listed.len(), group.len());
            let drawn: Vec<_> = registry.draw(model, seed, 8).into_iter().map(|m| (m.host, m.capacity)).collect();
            prop_assert_eq!(drawn, naive(&group, seed, 8));
        }
        for n in 0..40 {
            let info = registry.host(&who(&format!("host{n}")));
            let covered: u64 = info.memberships.iter().map(|m| m.effective).sum();
            prop_assert!(u128::from(covered) * common::PER <= info.bond.0);
        }
    }
}
