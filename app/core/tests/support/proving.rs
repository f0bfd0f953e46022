//! A chain whose hosts prove compute: the shipped contracts, one model and one shape of request, no confirmations.

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_genesis::profile::{LaunchModel, ProfileName};
use serde_json::json;
use tendermint_proto::v0_38::abci::ResponseFinalizeBlock;

use super::{
    shipped::{World, call, launch_with},
    system::powers,
};

/// Blocks of an epoch.
pub const EPOCH: i64 = 30;
/// Work of a request of the only shape.
pub const LEAF: u64 = 32 + 3 * 32;
/// What the first epoch of a local network brings.
pub const FIRST: u64 = 100_000_000_000;
/// A host's bond that covers what it proves here.
pub const BOND: &str = "100000000000nqrn";

/// Hosts with these bonds, which offer the model.
pub fn proving(bonds: &[&str]) -> World {
    proving_with(bonds, |_| {})
}

/// As [`proving`], with a genesis that is changed in any way.
pub fn proving_with(bonds: &[&str], change: impl FnOnce(&mut quern_genesis::AppState)) -> World {
    let mut profile = ProfileName::Localnet.profile();
    profile.epoch_blocks = EPOCH.unsigned_abs();
    profile.poc_weights.confirm_every = 0;
    profile.poc_weights.sprint_blocks = 5;
    // bonds cover what is proven
    profile.poc_weights.weights.bond_per_weight.0 = 100_000;
    let model: LaunchModel = serde_json::from_value(json!({
        "id": "quern-small", "hash": STANDARD.encode([9; 32]), "context": 512, "precision": "fp32", "sampler": 1,
        "price": "10", "coefficients": {"input": 1_000_000, "cached": 100_000, "output": 3_000_000},
        "profiles": ["cpu-fp32"], "state": "live",
        "proof": {"vocabulary": 2048, "shapes": [{"prompt": 32, "output": 32, "weight": 1}], "coefficient": 1_000_000},
    }))
    .unwrap();
    let offers = json!([{"model": "quern-small", "capacity": 100, "profile": "cpu-fp32"}]);
    let world = launch_with(&profile, vec![model], bonds, &offers, change);
    assert_eq!(world.chain.app.halted(), None);
    world
}

#[track_caller]
pub fn no_hook_failed(block: &ResponseFinalizeBlock) {
    let failed = block.events.iter().find(|e| e.r#type == "hook_failed");
    assert!(failed.is_none(), "{failed:?}");
}

/// An epoch in whose window the n-th host answers as many requests as the n-th number says; the powers that change
/// with its last block.
pub fn play(w: &mut World, answers: &[u64]) -> Vec<(u8, i64)> {
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
