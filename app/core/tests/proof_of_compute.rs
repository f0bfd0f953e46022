//! A chain whose validators follow from proof of compute: the shipped contracts under the hooks of the
//! application.

use crate::support;

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_genesis::profile::{LaunchModel, Profile, ProfileName};
use quern_testkit::Chain;
use serde_json::{Value, json};
use support::{
    open,
    shipped::{World, ask, call, launch},
    system::powers,
};
use tendermint_proto::v0_38::abci::ResponseFinalizeBlock;

const EPOCH: i64 = 30;
/// Work of a request of the only shape.
const LEAF: u64 = 32 + 3 * 32;

fn profile() -> Profile {
    let mut profile = ProfileName::Localnet.profile();
    profile.epoch_blocks = EPOCH.unsigned_abs();
    profile.poc_weights.confirm_every = 0;
    // bonds cover what is proven
    profile.poc_weights.weights.bond_per_weight.0 = 100_000;
    profile
}

fn model() -> LaunchModel {
    serde_json::from_value(json!({
        "id": "quern-small", "hash": STANDARD.encode([9; 32]), "context": 512, "precision": "fp32", "sampler": 1,
        "price": "10", "coefficients": {"input": 1_000_000, "cached": 100_000, "output": 3_000_000},
        "profiles": ["cpu-fp32"], "state": "live",
        "proof": {"vocabulary": 2048, "shapes": [{"prompt": 32, "output": 32, "weight": 1}], "coefficient": 1_000_000},
    }))
    .unwrap()
}

fn world(bonds: &[&str]) -> World {
    let offers = json!([{"model": "quern-small", "capacity": 100, "profile": "cpu-fp32"}]);
    let world = launch(&profile(), vec![model()], bonds, &offers);
    assert_eq!(world.chain.app.halted(), None);
    world
}

const BOND: &str = "100000000000nqrn";

fn no_hook_failed(block: &ResponseFinalizeBlock) {
    let failed = block.events.iter().find(|e| e.r#type == "hook_failed");
    assert!(failed.is_none(), "{failed:?}");
}

/// An epoch in whose window the n-th host answers as many requests as the n-th number says.
fn play(w: &mut World, answers: &[u64]) -> Vec<(u8, i64)> {
    loop {
        let mut block = w.chain.block([]);
        no_hook_failed(&block);
        if let Some(sprint) = begun(&block) {
            let txs = commits(w, sprint, answers);
            block = w.chain.block(txs);
            no_hook_failed(&block);
            for result in &block.tx_results {
                assert_eq!(result.code, 0, "{}", result.log);
            }
        }
        if w.chain.height % EPOCH == 0 {
            return powers(&block.validator_updates);
        }
    }
}

/// Number of the sprint that began with a block.
fn begun(block: &ResponseFinalizeBlock) -> Option<u64> {
    let event = block.events.iter().find(|e| e.r#type == "wasm-sprint")?;
    let sprint = event.attributes.iter().find(|a| a.key == "sprint")?;
    Some(sprint.value.parse().unwrap())
}

/// Signed commits of those who answer anything.
fn commits(w: &World, sprint: u64, answers: &[u64]) -> Vec<Vec<u8>> {
    let mut txs = Vec::new();
    for (host, count) in w.hosts.iter().zip(answers).filter(|(_, count)| **count > 0) {
        let root = json!({"hash": STANDARD.encode([7; 32]), "sum": (count * LEAF).to_string()});
        let msg = json!({"commit_proof": {
            "sprint": sprint, "model": "quern-small", "root": root, "count": count,
        }});
        let call = call(host, "poc-weights", &msg, "");
        txs.push(w.chain.tx(host).message(call).gas(2_000_000).sign(host));
    }
    txs
}

fn epoch(w: &World) -> Value {
    ask(&w.chain, "poc-weights", &json!({"epoch": {}}))
}

#[test]
fn powers_follow_what_hosts_prove() {
    let mut w = world(&[BOND; 4]);
    assert_eq!(powers(&w.answer.validators), [1, 2, 3, 4].map(|n| (n, 250_000)));
    let mut set = std::collections::BTreeMap::from([1, 2, 3, 4].map(|n| (n, 250_000)));
    for _ in 0..5 {
        for (n, power) in play(&mut w, &[30, 30, 30, 10]) {
            set.insert(n, power);
        }
        assert_eq!(epoch(&w)["mode"], "proven");
    }
    assert_eq!(
        set.into_iter().collect::<Vec<_>>(),
        [(1, 300_000), (2, 300_000), (3, 300_000), (4, 100_000)]
    );
    let host = w.hosts[3].address().to_string();
    let weight = ask(&w.chain, "poc-weights", &json!({"weight": {"host": host}}));
    assert_eq!(weight["covered"], json!(10 * LEAF * 1_000 / 5));
    assert_eq!(weight["power"], json!(100_000));
}

#[test]
fn without_proofs_the_set_carries_over_two_epochs_and_then_holds_equal_power() {
    let mut w = world(&["400000000000nqrn", BOND, BOND, BOND, BOND]);
    let first = powers(&w.answer.validators);
    assert!(first[0].1 > 290_000, "{first:?}");
    for missed in 1..=2 {
        assert!(play(&mut w, &[]).is_empty());
        let epoch = epoch(&w);
        assert_eq!(
            (&epoch["mode"], &epoch["missed"]),
            (&json!("carried_over"), &json!(missed))
        );
    }
    let changed = play(&mut w, &[]);
    assert_eq!(epoch(&w)["mode"], "equal_power");
    assert!(
        changed
            .iter()
            .all(|(_, power)| (199_000..=201_000).contains(power)),
        "{changed:?}"
    );
}

#[test]
fn a_chain_of_proofs_survives_an_export_in_the_middle_of_an_epoch() {
    let mut w = world(&[BOND; 4]);
    play(&mut w, &[30, 30, 30, 10]);
    w.chain.empty_blocks(3);
    let height = w.chain.height.unsigned_abs() + 1;
    let exported = w.chain.app.export(0).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let genesis = quern_testkit::Genesis::new()
        .first_height(height)
        .state(|state| *state = exported.clone());
    let mut copy = Chain::start(open(dir.path()), genesis);
    assert_eq!(copy.app.halted(), None);
    while copy.height % EPOCH > 0 {
        let (one, other) = (w.chain.block([]), copy.block([]));
        no_hook_failed(&other);
        assert_eq!(powers(&one.validator_updates), powers(&other.validator_updates));
    }
}
