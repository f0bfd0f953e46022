//! A chain whose own contracts are probes that play scripts.

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use quern_core::App;
use quern_genesis::{GenTx, HookGas, SystemContract, SystemGenesis};
use quern_proto::{
    Any,
    cosmwasm::wasm::v1::{
        MsgExecuteContract, QuerySmartContractStateRequest, QuerySmartContractStateResponse,
    },
};
use quern_testkit::{Chain, Genesis, User, any};
use serde_json::{Value, json};
use tendermint_proto::v0_38::{
    abci::{ResponseFinalizeBlock, ValidatorUpdate},
    crypto::public_key::Sum,
};

use super::contract::artifact;

/// Names of the system contracts, in order.
pub const NAMES: [&str; 3] = ["registry", "bonding", "settlement"];
/// Blocks per epoch.
pub const EPOCH: u64 = 5;

/// The probe's code.
pub fn probe() -> Vec<u8> {
    artifact("probe")
}

/// The n-th validator's key.
pub fn key(n: u8) -> [u8; 32] {
    [n; 32]
}

/// The answer to `end_epoch` that proposes these.
pub fn proposal(validators: &[(u8, u64)]) -> String {
    let entry = |(n, power): &(u8, u64)| json!({"pubkey": STANDARD.encode(key(*n)), "power": power.to_string(), "anchor": null});
    json!({"validators": validators.iter().map(entry).collect::<Vec<_>>()}).to_string()
}

/// The answer to `end_block` that convicts these.
pub fn removal(validators: &[u8]) -> String {
    let keys = validators.iter().map(|n| STANDARD.encode(key(*n)));
    json!({"removed": keys.collect::<Vec<_>>()}).to_string()
}

/// Three probes, of which `bonding` begins with these scripts.
pub fn system(scripts: &[(&str, &str)]) -> SystemGenesis {
    let contract = |name: &str| SystemContract {
        name: name.into(),
        code: probe(),
        init: match name {
            "bonding" => json!({"set": scripts}),
            _ => json!({}),
        },
    };
    SystemGenesis {
        epoch_blocks: EPOCH,
        max_validators: 10,
        hook_gas: HookGas::default(),
        contracts: NAMES.map(contract).to_vec(),
        ..SystemGenesis::default()
    }
}

/// A chain with these system contracts and a funded user.
pub fn genesis(user: &User, system: SystemGenesis) -> Genesis {
    Genesis::new()
        .fund(user, "1000000nqrn")
        .state(|state| state.system = system)
}

/// Address of a system contract.
pub fn address(name: &str) -> String {
    let predicted = quern_genesis::predict(NAMES);
    predicted.iter().find(|p| p.0 == name).unwrap().1.to_string()
}

/// A message that executes a system contract.
pub fn execute(user: &User, name: &str, msg: &Value) -> Any {
    any(&MsgExecuteContract {
        sender: user.address().to_string(),
        contract: address(name),
        msg: msg.to_string().into_bytes(),
        funds: Vec::new(),
    })
}

/// Gives `bonding` another script from the next border on.
pub fn script(chain: &mut Chain<App>, user: &User, hook: &str, text: &str) -> ResponseFinalizeBlock {
    let msg = execute(user, "bonding", &json!({"set": {"key": hook, "value": text}}));
    let tx = chain.tx(user).message(msg).sign(user);
    let block = chain.block([tx]);
    assert_eq!(block.tx_results[0].code, 0, "{}", block.tx_results[0].log);
    block
}

/// What a probe has stored.
pub fn stored(chain: &Chain<App>, name: &str, at: &str) -> Option<String> {
    let query = QuerySmartContractStateRequest {
        address: address(name),
        query_data: json!({"get": {"key": at}}).to_string().into_bytes(),
    };
    let path = "/cosmwasm.wasm.v1.Query/SmartContractState";
    let answer: QuerySmartContractStateResponse = chain.query(path, &query).unwrap();
    serde_json::from_slice(&answer.data).unwrap()
}

/// Updates as (validator, power).
pub fn powers(updates: &[ValidatorUpdate]) -> Vec<(u8, i64)> {
    let read = |update: &ValidatorUpdate| match update.pub_key.as_ref().unwrap().sum.as_ref().unwrap() {
        Sum::Ed25519(key) => (key[0], update.power),
        other => panic!("{other:?}"),
    };
    updates.iter().map(read).collect()
}

/// A signed genesis transaction.
pub fn gen_tx(tx: impl Message) -> GenTx {
    GenTx(tx.encode_to_vec())
}
