//! A chain that begins with the contracts that it ships: hosts by gentx, validators by bond, and what
//! evidence does to one of them.

use crate::support;

use quern_testkit::{Chain, Genesis};
use quern_validators::consensus_address;
use serde_json::json;
use support::{
    open,
    shipped::{EPOCH, ask, world},
    system::{key, powers},
};
use tendermint_proto::v0_38::abci::{Misbehavior, Validator};

#[test]
fn two_gentxs_yield_two_validators_and_the_hooks_of_the_shipped_contracts_hold() {
    let mut w = world(&["200000000000nqrn", "100000000000nqrn"]);
    assert_eq!(w.chain.app.halted(), None);
    assert_eq!(powers(&w.answer.validators), [(1, 500_000), (2, 500_000)]);
    for _ in 0..(2 * EPOCH) {
        let block = w.chain.block([]);
        assert!(
            block.events.iter().all(|e| e.r#type != "hook_failed"),
            "{:?}",
            block.events
        );
        assert!(block.validator_updates.is_empty());
    }
    let bond = ask(
        &w.chain,
        "bonding",
        &json!({"host_bond": {"host": w.hosts[0].address().to_string()}}),
    );
    assert_eq!(bond["active"], "200000000000");
    w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn bonds_become_power_under_the_cap() {
    let w = world(&[
        "600000000000nqrn",
        "100000000000nqrn",
        "100000000000nqrn",
        "100000000000nqrn",
        "100000000000nqrn",
    ]);
    assert_eq!(w.chain.app.halted(), None);
    let set = powers(&w.answer.validators);
    // 600 of 1,000 is capped; the others share what remains alike
    assert!((299_990..=300_000).contains(&set[0].1), "{set:?}");
    assert!(
        set[1..]
            .iter()
            .all(|(_, power)| (174_990..=175_010).contains(power)),
        "{set:?}"
    );
}

#[test]
fn who_signs_twice_is_slashed_and_out_in_the_same_block_for_good() {
    let mut w = world(&["100000000000nqrn"; 4]);
    w.chain.empty_blocks(2);
    let evidence = Misbehavior {
        validator: Some(Validator {
            address: consensus_address(&key(3)).to_vec().into(),
            power: 250_000,
        }),
        height: 1,
        time: Some(tendermint_proto::google::protobuf::Timestamp {
            seconds: quern_testkit::GENESIS_TIME + 1,
            nanos: 0,
        }),
        ..Misbehavior::default()
    };
    let block = w.chain.block_with(|request| request.misbehavior = vec![evidence]);
    assert!(
        block.events.iter().all(|e| e.r#type != "hook_failed"),
        "{:?}",
        block.events
    );
    assert_eq!(powers(&block.validator_updates), [(3, 0)]);
    let bond = ask(
        &w.chain,
        "bonding",
        &json!({"host_bond": {"host": w.hosts[2].address().to_string()}}),
    );
    assert_eq!(
        (&bond["active"], &bond["tombstoned"]),
        (&json!("95000000000"), &json!(true))
    );
    for _ in 0..(2 * EPOCH) {
        let block = w.chain.block([]);
        assert!(powers(&block.validator_updates).iter().all(|(n, _)| *n != 3));
    }
    w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn a_chain_of_shipped_contracts_survives_an_export() {
    let mut w = world(&["200000000000nqrn", "100000000000nqrn"]);
    w.chain.empty_blocks(7);
    let exported = w.chain.app.export(0).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let genesis = Genesis::new()
        .first_height(8)
        .state(|state| *state = exported.clone());
    let (mut chain, answer) = Chain::start_with_answer(open(dir.path()), genesis);
    assert_eq!(chain.app.halted(), None);
    assert_eq!(powers(&answer.validators), [(1, 500_000), (2, 500_000)]);
    for _ in 0..EPOCH {
        let block = chain.block([]);
        assert!(
            block.events.iter().all(|e| e.r#type != "hook_failed"),
            "{:?}",
            block.events
        );
    }
    let bond = ask(
        &chain,
        "bonding",
        &json!({"host_bond": {"host": w.hosts[1].address().to_string()}}),
    );
    assert_eq!(bond["active"], "100000000000");
}
