//! What an epoch's proofs make of weights and validators.

use crate::common;

use common::{host, key, params, who, World, BOND, EPOCH, PER_WEIGHT};
use quern_interface::poc_weights::{Params, QueryMsg, SprintKind, WeightInfo};
use quern_interface::registry::ExecuteMsg as Registry;
use quern_interface::sudo::SudoMsg;
use quern_protocol::Amount;
use quern_weights::Mode;

/// 500 in each sprint of five blocks.
const EVEN: u128 = 500;
const READING: u64 = 100_000;

#[test]
fn genesis_takes_bonds_for_weights_and_leaves_out_who_does_not_serve() {
    let mut world = World::bare(5, params());
    for bond in [3_000_000, 2_500_000, 2_500_000, 2_000_000, 900_000_000] {
        world.join(bond);
    }
    world.at_registry(&host(4), &Registry::RetireHost {});
    let proposed = world.end_epoch();
    assert_eq!(proposed.validators.len(), 4);
    let powers: Vec<u64> = (0..5).map(|n| world.power(n)).collect();
    assert_eq!(powers, [300_000, 250_000, 250_000, 200_000, 0]);
    assert_eq!((world.outcome().epoch, world.outcome().mode), (0, Mode::Proven));
}

#[test]
fn powers_follow_proven_work_within_the_change_limit() {
    let mut world = World::new(&[BOND; 5]);
    let work = [1_000, 1_000, 1_000, 500, 1_500];
    world.play(&work);
    world.play(&work);
    assert_eq!(world.outcome().mode, Mode::Proven);
    let weight = world.weight(4).unwrap();
    let reading = 3 * READING;
    let expected = WeightInfo {
        host: host(4).to_string(),
        proven: reading,
        verified: reading,
        present: reading,
        covered: reading,
        power: world.power(4),
    };
    assert_eq!(weight, expected);
    for _ in 0..4 {
        world.play(&work);
    }
    let powers: Vec<u64> = (0..5).map(|n| world.power(n)).collect();
    assert_eq!(powers, [200_000, 200_000, 200_000, 100_000, 300_000]);
    let capacity: Amount = world.ask(&QueryMsg::Capacity {
        model: common::MODEL.into(),
    });
    // all work of a sprint over its five blocks
    assert_eq!(capacity, Amount(1_000));
    let all: Vec<WeightInfo> = world.ask(&QueryMsg::Weights {
        start_after: None,
        limit: None,
    });
    assert_eq!(all.len(), 5);
    assert_eq!(
        all.iter().map(|one| one.power).sum::<u64>(),
        world.outcome().total_power
    );
}

#[test]
fn without_proofs_the_set_carries_over_two_epochs_and_then_all_are_alike_until_proofs_return() {
    let mut world = World::new(&[BOND * 3, BOND * 2, BOND * 2, BOND * 2, BOND]);
    let before = world.set.clone();
    let powers = |world: &World| world.set.iter().map(|one| one.power).collect::<Vec<_>>();
    for missed in 1..=2 {
        world.finish_epoch();
        let outcome = world.outcome();
        assert_eq!((outcome.mode, outcome.missed), (Mode::CarriedOver, missed));
        assert_eq!(world.set, before);
    }
    for _ in 0..3 {
        world.finish_epoch();
        assert_eq!(world.outcome().mode, Mode::EqualPower);
    }
    assert_eq!(powers(&world), [200_000; 5]);
    for _ in 0..4 {
        world.play(&[EVEN, EVEN, EVEN, EVEN, 0]);
        assert_eq!((world.outcome().mode, world.outcome().missed), (Mode::Proven, 0));
    }
    assert!(world.power(0) > 200_000 && world.power(4) < 20_000);
}

#[test]
fn a_silent_host_fades_and_a_newcomer_rises_without_a_seat_at_genesis() {
    let mut world = World::new(&[BOND; 4]);
    world.join(BOND);
    let work = [EVEN, EVEN, EVEN, 0, EVEN];
    world.play(&work);
    let mut last = (world.power(3), world.power(4));
    for _ in 0..6 {
        world.play(&work);
        let now = (world.power(3), world.power(4));
        assert!(now.0 <= last.0 / 2 + 1 && now.1 >= last.1, "{last:?} {now:?}");
        last = now;
    }
    assert_eq!(last, (0, 250_000));
}

#[test]
fn bond_covers_weight_and_nothing_counts_without() {
    let covered = 50_000 * PER_WEIGHT;
    let mut world = World::new(&[BOND, BOND, BOND, BOND, covered]);
    world.play(&[EVEN; 5]);
    world.play(&[EVEN; 5]);
    let weight = world.weight(4).unwrap();
    assert_eq!((weight.present, weight.covered), (READING, 50_000));
    // a host cannot be carried by proofs when its bond goes
    let unbond = quern_interface::bonding::ExecuteMsg::Unbond {
        host: host(4).to_string(),
        amount: Amount(covered - 1_000),
    };
    world.at_bonding(&host(4), &unbond);
    world.play(&[EVEN; 5]);
    assert_eq!(world.weight(4).unwrap().covered, 1_000 / PER_WEIGHT as u64);
}

#[test]
fn whoever_misses_signatures_loses_weight_in_proportion() {
    let mut world = World::new(&[BOND; 5]);
    world.play(&[EVEN; 5]);
    for one in &mut world.set {
        if one.pubkey == key(2) {
            (one.signed, one.missed) = (15, 45);
        }
    }
    world.play(&[EVEN; 5]);
    let weight = world.weight(2).unwrap();
    assert_eq!((weight.verified, weight.present), (READING, READING / 4));
    // a host that does not validate has nothing to sign
    world.join(BOND);
    world.play(&[EVEN; 6]);
    assert_eq!(world.weight(5).unwrap().present, READING);
}

#[test]
fn verdicts_scale_work_down_to_what_they_show() {
    let mut world = World::new(&[BOND; 5]);
    // the liar claims ten times what it does; a judge finds a third of the drawn leaves wrong
    let work = [EVEN, EVEN, EVEN, EVEN, 10 * EVEN];
    world.play(&work);
    let last = world.sprint().unwrap().sprint;
    for sprint in [last - 1, last] {
        world.judge(0, sprint, 8, 0).unwrap();
        world.judge(4, sprint, 4, 4).unwrap();
    }
    world.play(&work);
    let (honest, liar) = (world.weight(0).unwrap(), world.weight(4).unwrap());
    assert_eq!(honest.verified, honest.proven);
    assert_eq!(liar.proven, 10 * READING);
    // 8 clean of 16: the lower end of Wilson's interval is 0.276
    assert_eq!(liar.verified, 276_393 * 10 * READING / 1_000_000);
    // further clean verdicts push the bad ones out: four sprints count together
    let last = world.sprint().unwrap().sprint;
    for sprint in [last - 1, last] {
        world.judge(4, sprint, 8, 0).unwrap();
    }
    world.play(&work);
    let after = world.weight(4).unwrap();
    assert!(after.verified > liar.verified && after.verified < after.proven);
    let last = world.sprint().unwrap().sprint;
    for sprint in [last - 1, last] {
        world.judge(4, sprint, 8, 0).unwrap();
    }
    world.play(&work);
    let cleared = world.weight(4).unwrap();
    assert_eq!(cleared.verified, cleared.proven);
    // nothing clean leaves nothing
    let last = world.sprint().unwrap().sprint;
    world.judge(3, last, 0, 3).unwrap();
    world.play(&work);
    assert_eq!(world.weight(3).unwrap().verified, 0);
}

fn with_confirmations() -> Params {
    Params {
        confirm_every: 10,
        ..params()
    }
}

/// An epoch in whose windows everybody commits `EVEN`, and in whose confirmations the n-th the n-th number.
fn play_apart(world: &mut World, confirmed: &[u128]) -> u32 {
    let epoch = world.epoch;
    let mut confirmations = 0;
    while world.epoch == epoch {
        let before = world.sprint().map(|sprint| sprint.sprint);
        world.block();
        let sprint = world.sprint().filter(|sprint| Some(sprint.sprint) != before);
        if let Some(sprint) = sprint {
            if sprint.kind == SprintKind::Window {
                world.prove(sprint.sprint, &vec![EVEN; confirmed.len()]);
            } else {
                world.prove(sprint.sprint, confirmed);
                confirmations += u32::from(sprint.deadline / EPOCH * EPOCH <= sprint.start);
            }
        }
    }
    confirmations
}

#[test]
fn missing_or_low_confirmations_take_the_lower_reading_and_high_ones_gain_nothing() {
    let mut world = World::with(&[BOND; 5], with_confirmations());
    world.play(&[EVEN; 5]);
    let confirmed = [EVEN, EVEN / 2, 0, 3 * EVEN, EVEN];
    play_apart(&mut world, &confirmed);
    // the second epoch has whole confirmations of these numbers only
    assert!(play_apart(&mut world, &confirmed) > 0);
    let proven: Vec<u64> = (0..5)
        .map(|n| world.weight(n).map_or(0, |weight| weight.proven))
        .collect();
    assert_eq!(proven, [READING, READING / 2, 0, READING, READING]);
}

#[test]
fn declared_maintenance_excuses_confirmations_and_nothing_in_the_window() {
    let mut world = World::with(&[BOND; 5], with_confirmations());
    world.play(&[EVEN; 5]);
    // 20 blocks of maintenance from the window's end on, and nothing committed in them
    let begin = world.height() - 1;
    let declared = |from| Registry::DeclareMaintenance { from, to: from + 20 };
    world.at_registry(&host(1), &declared(begin + 22));
    world.at_registry(&host(2), &declared(begin + 10));
    let (mut excused, epoch) = (0, world.epoch);
    while world.epoch == epoch {
        let before = world.sprint().map(|sprint| sprint.sprint);
        world.block();
        let sprint = world.sprint().filter(|sprint| Some(sprint.sprint) != before);
        let Some(sprint) = sprint else { continue };
        let meets = |from: u64| sprint.deadline >= from && sprint.start < from + 20;
        let (one, two) = (meets(begin + 22), meets(begin + 10));
        excused += u32::from(one && sprint.kind == SprintKind::Confirmation);
        let work = |away| if away { 0 } else { EVEN };
        world.prove(sprint.sprint, &[EVEN, work(one), work(two), EVEN, EVEN]);
    }
    assert!(excused > 0, "no confirmation met the maintenance");
    assert_eq!(world.weight(1).unwrap().proven, READING);
    // the third was away in the window, which nothing excuses
    assert_eq!(world.weight(2), None);
}

#[test]
fn a_convict_is_out_at_once_and_its_old_proofs_are_void() {
    let mut world = World::new(&[BOND; 5]);
    world.play(&[EVEN; 5]);
    let before = world.power(4);
    assert!(before > 0);
    let sprint = world.next_sprint().sprint;
    world.prove(sprint, &[EVEN; 5]);
    world.convict(4);
    let second = world.next_sprint().sprint;
    world.prove(second, &[EVEN; 4]);
    world.finish_epoch();
    assert_eq!((world.power(4), world.weight(4)), (0, None));
    assert_eq!(world.outcome().mode, Mode::Proven);
    // also where the set carries over
    world.convict(3);
    world.finish_epoch();
    assert_eq!((world.outcome().mode, world.power(3)), (Mode::CarriedOver, 0));
    assert!(world.power(0) > 0);
    // after it re-qualified it begins again, with new proofs
    world.blocks(2 * EPOCH);
    world.at_registry(
        &host(4),
        &Registry::Requalify {
            model: common::MODEL.into(),
        },
    );
    world.play(&[EVEN, EVEN, EVEN, 0, EVEN]);
    world.play(&[EVEN, EVEN, EVEN, 0, EVEN]);
    assert!(world.power(4) > 0);
    assert_eq!(world.power(3), 0);
}

#[test]
fn who_signed_twice_is_out_at_once() {
    let mut world = World::new(&[BOND; 5]);
    world.play(&[EVEN; 5]);
    let digest = <sha2::Sha256 as sha2::Digest>::digest(key(1).0);
    let evidence = SudoMsg::Misbehavior(quern_interface::sudo::Misbehavior {
        consensus_address: digest[..20].iter().map(|byte| format!("{byte:02X}")).collect(),
        height: 1,
        time_nanos: 1,
        power: 1,
    });
    world.app.wasm_sudo(world.bonding.clone(), &evidence).unwrap();
    world.finish_epoch();
    assert_eq!(world.power(1), 0);
    world.play(&[EVEN, 0, EVEN, EVEN, EVEN]);
    assert_eq!((world.power(1), world.outcome().mode), (0, Mode::Proven));
}

#[test]
fn the_last_validator_stays_whatever_it_did() {
    let mut world = World::new(&[BOND]);
    world.convict(0);
    world.finish_epoch();
    assert_eq!(world.set.len(), 1);
    assert!(world.power(0) > 0);
}

#[test]
fn an_epoch_of_a_thousand_hosts_costs_a_few_reads_each_and_a_block_no_more_than_one_of_ten() {
    let mut costs = Vec::new();
    for hosts in [10, 1_000] {
        let mut world = World::bare(hosts, params());
        for n in 0..hosts {
            world.join(BOND + n as u128);
        }
        world.end_epoch();
        let sprint = world.next_sprint();
        let commit = world.reads(|world| {
            let msg = world.commit(sprint.sprint, EVEN);
            world.send(&host(7), &msg).unwrap();
        });
        for n in (0..hosts).filter(|n| *n != 7) {
            let msg = world.commit(sprint.sprint, EVEN);
            world.send(&host(n), &msg).unwrap();
        }
        world.next_sprint();
        world.prove(sprint.sprint + 1, &vec![EVEN; hosts]);
        while world.height() % EPOCH > 0 {
            world.sudo(&SudoMsg::EndBlock {});
            world.app.update_block(|block| block.height += 1);
        }
        let block = world.reads(|world| {
            world.sudo(&SudoMsg::EndBlock {});
        });
        let epoch = world.reads(|world| {
            world.end_epoch();
        });
        assert_eq!(world.set.len(), hosts.min(64));
        costs.push([commit, block, epoch]);
    }
    println!("reads of a commit, a block's end, an epoch's end: {costs:?}");
    assert!(
        costs[1][0] <= costs[0][0] + 4 && costs[1][1] <= costs[0][1] + 4,
        "{costs:?}"
    );
    assert!(costs[1][2] < 1_000 * 12, "{costs:?}");
    assert!(who("gov") != host(0));
}
