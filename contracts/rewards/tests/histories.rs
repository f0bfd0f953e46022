//! Whole histories: epochs, claims, slashes, epochs that are not divided in time.

use proptest::prelude::*;
use quern_interface::rewards::{ExecuteMsg, Params, Phase, LAMBDA_ONE};

use crate::common;

use common::{hosts, params, who, Chain};
use cw_multi_test::Executor;

#[test]
fn an_epoch_is_divided_by_weight_and_vests_in_equal_parts() {
    let [a, b] = [0, 1].map(|n| hosts(2)[n].clone());
    let mut chain = Chain::new(params());
    chain.weigh(&[(&a, 30), (&b, 10)]);
    chain.end_epoch(10_000);
    let info = chain.info(1);
    assert_eq!(
        (info.community.0, info.by_weight.0, info.by_fees.0),
        (200, 9_800, 0)
    );
    assert_eq!((info.weight.0, info.hosts, info.divided), (40, 2, true));
    assert_eq!(
        (chain.host(&a).vesting.0, chain.host(&b).vesting.0),
        (7_350, 2_450)
    );
    assert!(chain.claim(&a).unwrap_err().contains("nothing_vested:"));
    for _ in 0..2 {
        chain.weigh(&[]);
        chain.end_epoch(0);
    }
    assert_eq!(chain.host(&a).claimable.0, 2_940);
    chain.world.payouts = vec![(a.clone(), who("wallet").to_string())];
    chain.publish();
    chain.claim(&a).unwrap();
    assert_eq!(chain.balance(who("wallet").as_str()), 2_940);
    for _ in 0..3 {
        chain.weigh(&[]);
        chain.end_epoch(0);
    }
    chain.claim(&a).unwrap();
    chain.claim(&b).unwrap();
    assert_eq!(chain.balance(who("wallet").as_str()), 7_350);
    assert_eq!(chain.balance(&b), 2_450);
    assert_eq!(chain.balance(chain.rewards.as_str()), 0);
    chain.reconcile();
}

/// The numbers of `docs/spec/rewards.md`.
#[test]
fn the_worked_example_of_the_specification_is_true() {
    let [a, b] = [0, 1].map(|n| hosts(2)[n].clone());
    let mut chain = Chain::new(Params {
        sustain_epochs: 2,
        ramp_epochs: 4,
        ..params()
    });
    // Half of capacity is sold in three epochs in a row; all of it by a, and paid at once.
    for (lambda, by_fees, weights) in [(0, 0, 98_000), (250_000, 8_000, 90_000), (500_000, 8_000, 90_000)] {
        chain.weigh(&[(&a, 100), (&b, 300)]);
        chain.ask(200_000, 200_000);
        chain.earn(&a, 200_000);
        chain.end_epoch(100_000);
        let info = chain.info(chain.epoch);
        assert_eq!((info.utilisation_bps, info.lambda), (5_000, lambda));
        assert_eq!(info.burned.0, 10_000);
        assert_eq!(
            (info.community.0, info.by_fees.0, info.by_weight.0),
            (2_000, by_fees, weights)
        );
    }
    let a = chain.host(&a);
    assert_eq!((a.by_weight.0, a.by_fees.0), (24_500 + 2 * 22_500, 16_000));
    assert_eq!(chain.host(&b).by_weight.0, 73_500 + 2 * 67_500);
    chain.reconcile();
}

#[test]
fn a_slashed_host_loses_what_had_not_vested_when_the_epoch_began_and_nothing_else() {
    let all = hosts(2);
    let mut chain = Chain::new(params());
    for _ in 0..3 {
        chain.weigh(&[(&all[0], 1), (&all[1], 1)]);
        chain.end_epoch(1_000);
    }
    let before = chain.host(&all[0]);
    assert_eq!((before.by_weight.0, before.claimable.0), (1_470, 98 + 98 + 98));
    chain.slash(&all[0]);
    chain.slash(&all[0]); // for a second model
    chain.weigh(&[(&all[1], 1)]);
    let supply = chain.supply();
    chain.end_epoch(0);
    let after = chain.host(&all[0]);
    assert_eq!((after.claimable.0, after.clawed_back.0), (294, 1_470 - 294));
    assert_eq!((after.vesting.0, chain.supply()), (0, supply - (1_470 - 294)));
    assert_eq!(chain.host(&all[1]).clawed_back.0, 0);
    // an old slash takes nothing from what is earned later
    chain.weigh(&[(&all[0], 1)]);
    chain.end_epoch(1_000);
    chain.weigh(&[]);
    chain.end_epoch(0);
    assert_eq!(chain.host(&all[0]).vesting.0, 980 - 196);
    chain.reconcile();
}

#[test]
fn a_slashed_host_cannot_claim_more_while_slashes_are_read() {
    let all = hosts(40);
    let mut chain = Chain::new(Params {
        step_hosts: 1,
        ..params()
    });
    chain.weigh(&[(&all[0], 1)]);
    chain.end_epoch(1_000);
    // the others are read first
    for host in all.iter().skip(1).chain(&all[..1]) {
        chain.slash(host);
    }
    chain.border(0);
    assert_eq!(chain.status().phase, Phase::Slashes);
    assert!(chain.claim(&all[0]).unwrap_err().contains("nothing_vested:"));
    while chain.status().phase != Phase::Done {
        chain.block();
    }
    assert_eq!(chain.host(&all[0]).clawed_back.0, 980);
    chain.reconcile();
}

#[test]
fn a_model_that_is_proven_late_brings_nothing_of_its_past() {
    let all = hosts(1);
    let mut chain = Chain::new(params());
    let late = std::mem::take(&mut chain.world.models);
    // years of a model that nobody proves, all of it paid
    for _ in 0..3 {
        chain.weigh(&[(&all[0], 1)]);
        chain.ask(1_000_000, 1_000_000);
        chain.earn(&all[0], 1_000_000);
        chain.end_epoch(1_000);
        assert_eq!(chain.info(chain.epoch).utilisation_bps, 0);
    }
    // then it is proven: the epoch in which that is seen begins its count
    chain.world.models = late;
    for utilisation in [0, 5_000] {
        chain.weigh(&[(&all[0], 1)]);
        chain.ask(200_000, 200_000);
        chain.earn(&all[0], 200_000);
        chain.end_epoch(1_000);
        assert_eq!(chain.info(chain.epoch).utilisation_bps, utilisation);
    }
    chain.reconcile();
}

#[test]
fn stale_weights_earn_nothing() {
    let all = hosts(1);
    let mut chain = Chain::new(params());
    chain.weigh(&[(&all[0], 1)]);
    chain.end_epoch(1_000);
    chain.end_epoch(1_000); // the source of weights did not speak
    assert_eq!(chain.info(2).community.0, 1_000);
    assert_eq!(chain.host(&all[0]).by_weight.0, 980);
    chain.reconcile();
}

#[test]
fn an_epoch_that_is_not_divided_in_time_joins_the_next_with_its_coins_and_burns() {
    let all = hosts(30);
    let mut chain = Chain::new(Params {
        step_hosts: 5,
        sustain_epochs: 1,
        ramp_epochs: 1,
        ..params()
    });
    let weights: Vec<(&str, u64)> = all.iter().map(|host| (host.as_str(), 1)).collect();
    chain.weigh(&weights);
    for host in &all {
        chain.earn(host, 1_000);
    }
    chain.ask(30_000, 15_000);
    chain.border(30_000);
    for _ in 0..9 {
        chain.block(); // far into the burns
    }
    assert_eq!(chain.status().phase, Phase::Burns);
    chain.weigh(&weights);
    chain.ask(30_000, 15_000);
    chain.end_epoch(30_000);
    assert!(!chain.info(1).divided);
    let info = chain.info(2);
    assert_eq!((info.emission.0, info.burned.0), (60_000, 1_500));
    assert_eq!((info.lambda, info.by_fees.0), (LAMBDA_ONE, 1_200));
    for host in &all {
        assert_eq!(chain.host(host).by_fees.0, 40);
    }
    chain.reconcile();
}

#[test]
fn demand_that_nobody_paid_does_not_raise_the_share_of_fees() {
    let all = hosts(1);
    let mut chain = Chain::new(params());
    for _ in 0..10 {
        chain.weigh(&[(&all[0], 1)]);
        chain.ask(1_000_000, 500_000); // commits that are never claimed
        chain.end_epoch(1_000);
    }
    assert_eq!((chain.status().utilisation_bps, chain.status().lambda), (0, 0));
    // once it is paid it counts, once
    chain.earn(&all[0], 1_000_000);
    for expected in [10_000, 0] {
        chain.weigh(&[(&all[0], 1)]);
        chain.ask(1_000_000, 500_000);
        chain.end_epoch(1_000);
        assert_eq!(chain.status().utilisation_bps, expected);
    }
}

#[test]
fn coins_that_anybody_sends_are_divided_with_the_next_emission() {
    let all = hosts(1);
    let mut chain = Chain::new(params());
    chain.give(500);
    chain.weigh(&[(&all[0], 1)]);
    chain.end_epoch(500);
    assert_eq!(chain.host(&all[0]).by_weight.0, 980);
    chain.reconcile();
}

#[test]
fn only_governance_changes_parameters_and_only_to_sound_ones() {
    let mut chain = Chain::new(params());
    let mut send = |sender: &str, params: Params| {
        let msg = ExecuteMsg::UpdateParams(params);
        let sent = chain
            .app
            .execute_contract(who(sender), chain.rewards.clone(), &msg, &[]);
        sent.map(drop).map_err(|error| format!("{error:?}"))
    };
    assert!(send("anyone", params()).unwrap_err().contains("unauthorized:"));
    send("gov", params()).unwrap();
    for broken in [
        Params {
            denom: "other".into(),
            ..params()
        },
        Params {
            vesting_epochs: 0,
            ..params()
        },
        Params {
            tax_bps: 10_001,
            ..params()
        },
        Params {
            margin_bps: 0,
            ..params()
        },
        Params {
            low_bps: 4_001,
            ..params()
        },
        Params {
            sustain_epochs: 0,
            ..params()
        },
        Params {
            ramp_epochs: 0,
            ..params()
        },
        Params {
            step_hosts: 0,
            ..params()
        },
        Params {
            step_hosts: 501,
            ..params()
        },
    ] {
        assert!(send("gov", broken).unwrap_err().contains("bad_params:"));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Weigh(Vec<u64>),
    Earn(usize, u128),
    Ask(u128, u128),
    Slash(usize),
    Claim(usize),
    Block,
    Border(u128),
    EndEpoch(u128),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..6_usize;
    prop_oneof![
        3 => prop::collection::vec(0..50_u64, 6).prop_map(Step::Weigh),
        3 => (who.clone(), 1..1_u128 << 40).prop_map(|(host, gross)| Step::Earn(host, gross)),
        2 => (1..1_u128 << 40, 1..1_u128 << 40).prop_map(|(asked, offered)| Step::Ask(asked, offered)),
        1 => who.clone().prop_map(Step::Slash),
        2 => who.prop_map(Step::Claim),
        2 => Just(Step::Block),
        1 => (0..1_u128 << 50).prop_map(Step::Border),
        4 => (0..1_u128 << 50).prop_map(Step::EndEpoch),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_books_hold_to_the_last_coin_in_every_history(
        steps in prop::collection::vec(step(), 1..60), step_hosts in 1..8_u32, vesting_epochs in 1..8_u64,
    ) {
        let all = hosts(6);
        let mut chain = Chain::new(Params { step_hosts, vesting_epochs, sustain_epochs: 1, ramp_epochs: 2, ..params() });
        for step in steps {
            match step {
                Step::Weigh(weights) => {
                    let weights: Vec<(&str, u64)> =
                        all.iter().zip(weights).map(|(host, weight)| (host.as_str(), weight)).collect();
                    chain.weigh(&weights);
                }
                Step::Earn(host, gross) => chain.earn(&all[host], gross),
                Step::Ask(asked, offered) => chain.ask(asked, offered),
                Step::Slash(host) => chain.slash(&all[host]),
                Step::Claim(host) => drop(chain.claim(&all[host])),
                Step::Block => drop(chain.block()),
                Step::Border(emission) => drop(chain.border(emission)),
                Step::EndEpoch(emission) => chain.end_epoch(emission),
            }
            chain.reconcile();
        }
        // in the end everything vests and is claimed, but for what rounding holds until the next division
        chain.world.weights = vec![];
        for _ in 0..vesting_epochs + 3 {
            chain.end_epoch(0);
        }
        for host in &all {
            drop(chain.claim(host));
        }
        chain.reconcile();
        let t = chain.totals();
        let left = t.undivided.0 + t.to_hosts.0 - t.claimed.0 - t.clawed_back.0;
        prop_assert!(left <= 12, "{t:?}");
    }
}
