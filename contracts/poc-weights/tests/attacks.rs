//! What commits and verdicts cannot do.

use crate::common;

use common::{host, root, who, World, BOND, LEAST, MODEL, MOST};
use cw_multi_test::Executor;
use quern_interface::poc_weights::{ExecuteMsg, Judged};
use quern_interface::registry::ExecuteMsg as Registry;
use quern_interface::sudo::{Misbehavior, SudoMsg};

fn proof(sprint: u64, sum: u128, count: u32) -> ExecuteMsg {
    ExecuteMsg::CommitProof {
        sprint,
        model: MODEL.into(),
        root: root(sum),
        count,
    }
}

#[test]
fn a_commit_counts_from_the_block_after_the_beacon_to_the_deadline() {
    let mut world = World::new(&[BOND; 4]);
    let sprint = world.next_sprint();
    world.send(&host(0), &proof(sprint.sprint, 100, 1)).unwrap();
    world.refuse(&host(0), &proof(sprint.sprint + 1, 100, 1), "not_running");
    while world.height() < sprint.deadline {
        world.block();
    }
    world.send(&host(1), &proof(sprint.sprint, 100, 1)).unwrap();
    world.block();
    // the next one runs by now, and the one before takes nothing any more
    world.refuse(&host(2), &proof(sprint.sprint, 100, 1), "not_running");
    world.send(&host(2), &proof(sprint.sprint + 1, 100, 1)).unwrap();
    world.next_sprint();
    let second = sprint.sprint + 1;
    world.refuse(&host(2), &proof(second, 100, 1), "not_running");
    assert!(world.proof(0, sprint.sprint).is_some() && world.proof(2, sprint.sprint).is_none());
}

#[test]
fn the_last_commit_counts_and_a_block_takes_one() {
    let mut world = World::new(&[BOND; 4]);
    let sprint = world.next_sprint().sprint;
    world.send(&host(0), &proof(sprint, 1_000, 10)).unwrap();
    world.refuse(&host(0), &proof(sprint, 2_000, 20), "once_a_block");
    world.block();
    world.send(&host(0), &proof(sprint, 2_000, 20)).unwrap();
    world.block();
    // an older root again is as good as any, and replaces the newer one
    world.send(&host(0), &proof(sprint, 1_000, 10)).unwrap();
    let kept = world.proof(0, sprint).unwrap();
    assert_eq!((kept.root, kept.count), (root(1_000), 10));
    world.finish_epoch();
    // 1,000 in the 10 blocks of the window
    assert_eq!(world.weight(0).unwrap().proven, 100_000);
}

#[test]
fn a_root_cannot_have_more_work_than_its_answers() {
    let mut world = World::new(&[BOND; 4]);
    let sprint = world.next_sprint().sprint;
    let host = host(0);
    for (sum, count) in [
        (0, 0),
        (100, 0),
        (0, 1),
        (LEAST - 1, 1),
        (MOST + 1, 1),
        (10 * MOST + 1, 10),
        (10 * LEAST - 1, 10),
        (u128::MAX, 1),
        (u128::MAX, u32::MAX),
        (u128::from(u64::MAX) + 1, 1 << 20),
        (MOST << 20, (1 << 20) + 1),
    ] {
        world.refuse(&host, &proof(sprint, sum, count), "bad_proof");
    }
    world.send(&host, &proof(sprint, MOST << 20, 1 << 20)).unwrap();
}

#[test]
fn only_a_member_of_the_group_commits_and_only_for_itself() {
    let mut world = World::new(&[BOND, BOND, BOND, BOND, 0]);
    let sprint = world.next_sprint().sprint;
    let msg = proof(sprint, 100, 1);
    world.refuse(&who("stranger"), &msg, "unauthorized");
    // the fifth host has no bond, so it is in no group
    world.refuse(&host(4), &msg, "not_member");
    // the current warm key acts for its host
    let warm = world.warm(1);
    world.send(&warm, &msg).unwrap();
    assert_eq!(world.proof(1, sprint).unwrap().host, host(1).to_string());
    // a key that was replaced does not
    let question = quern_interface::registry::QueryMsg::Host {
        host: host(0).to_string(),
    };
    let other: quern_interface::registry::HostInfo = world
        .app
        .wrap()
        .query_wasm_smart(&world.registry, &question)
        .unwrap();
    let mut bytes = other.warm_key.key;
    bytes.0[0] ^= 1; // the other point with this x
    world.at_registry(&host(1), &Registry::RotateWarmKey { warm_key: bytes });
    world.block();
    world.refuse(&warm, &msg, "unauthorized");
    // whoever was convicted or left is out
    world.convict(2);
    world.refuse(&host(2), &msg, "not_member");
    world.at_registry(&host(3), &Registry::RetireHost {});
    world.refuse(&host(3), &msg, "not_member");
    let foreign = ExecuteMsg::CommitProof {
        sprint,
        model: "other".into(),
        root: root(100),
        count: 1,
    };
    world.refuse(&host(0), &foreign, "unknown_model");
}

#[test]
fn verdicts_come_from_judges_once_and_after_the_sprint() {
    let mut world = World::new(&[BOND; 4]);
    let sprint = world.next_sprint().sprint;
    world.prove(sprint, &[1_000, 1_000]);
    let verdict = |clean, failed| ExecuteMsg::Judge {
        host: host(0).to_string(),
        model: MODEL.into(),
        sprint,
        clean,
        failed,
    };
    world.refuse(&host(1), &verdict(0, 1), "unauthorized");
    world.refuse(&who("judge"), &verdict(1, 1), "bad_verdict");
    world.next_sprint();
    world.block();
    world.refuse(&who("judge"), &verdict(0, 0), "bad_verdict");
    world.send(&who("judge"), &verdict(3, 1)).unwrap();
    world.refuse(&who("judge"), &verdict(3, 1), "bad_verdict");
    assert_eq!(
        world.proof(0, sprint).unwrap().judged,
        Some(Judged { clean: 3, failed: 1 })
    );
    assert!(world
        .judge(2, sprint, 1, 0)
        .unwrap_err()
        .contains("unknown_proof:"));
    assert!(world.judge(0, 99, 1, 0).unwrap_err().contains("unknown_proof:"));
}

#[test]
fn coins_and_foreign_hooks_are_refused() {
    let mut world = World::new(&[BOND; 4]);
    let sprint = world.next_sprint().sprint;
    let (contract, coins) = (world.contract.clone(), vec![cosmwasm_std::coin(1, "nqrn")]);
    let found = world
        .app
        .execute_contract(host(0), contract, &proof(sprint, 100, 1), &coins);
    assert!(format!("{:?}", found.unwrap_err()).contains("wrong_funds:"));
    let evidence = SudoMsg::Misbehavior(Misbehavior {
        consensus_address: "00".repeat(20),
        height: 1,
        time_nanos: 1,
        power: 1,
    });
    assert!(world.app.wasm_sudo(world.contract.clone(), &evidence).is_err());
}
