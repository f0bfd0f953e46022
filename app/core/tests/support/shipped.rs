//! A chain that begins with the contracts that it ships.

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_core::App;
use quern_genesis::{
    GenesisError,
    profile::{LaunchModel, Profile, ProfileName, artifact},
};
use quern_proto::cosmwasm::wasm::v1::{
    MsgExecuteContract, QuerySmartContractStateRequest, QuerySmartContractStateResponse,
};
use quern_testkit::{Chain, Genesis, TxBuilder, User, any, coins};
use serde_json::{Value, json};
use tempfile::TempDir;
use tendermint_proto::v0_38::abci::ResponseInitChain;

use super::{
    open,
    system::{gen_tx, key},
};

/// Blocks per epoch of [`world`].
pub const EPOCH: u64 = 5;

/// A call of a system contract.
pub fn call(user: &User, contract: &str, msg: &Value, funds: &str) -> quern_proto::Any {
    any(&MsgExecuteContract {
        sender: user.address().to_string(),
        contract: address(contract),
        msg: msg.to_string().into_bytes(),
        funds: coins(funds),
    })
}

/// What the n-th host signs: it registers with validator key n, offers and bonds.
fn gentx(host: &User, n: u8, bond: &str, offers: &Value) -> TxBuilder {
    let warm_key = STANDARD.encode(User::new(&format!("warm {n}")).public_key());
    let register = json!({"register_host": {
        "moniker": format!("host {n}"), "endpoint": "https://127.0.0.1:8443",
        "transport_key": STANDARD.encode([100 + n; 32]), "consensus_key": STANDARD.encode(key(n)),
        "beacon_anchor": null, "warm_key": warm_key, "payout": null, "offers": offers,
    }});
    let bonded = json!({"bond": {"host": host.address().to_string()}});
    TxBuilder::new(0, 0)
        .message(call(host, "registry", &register, "1000000000nqrn"))
        .message(call(host, "bonding", &bonded, bond))
        .gas(20_000_000)
}

/// A chain and its hosts.
pub struct World {
    _dir: TempDir,
    pub chain: Chain<App>,
    pub answer: ResponseInitChain,
    pub hosts: Vec<User>,
}

/// A chain of short epochs without models.
pub fn world(bonds: &[&str]) -> World {
    let mut profile = ProfileName::Localnet.profile();
    profile.epoch_blocks = EPOCH;
    launch(&profile, Vec::new(), bonds, &json!([]))
}

/// A chain with models, of which every host offers these.
pub fn launch(profile: &Profile, models: Vec<LaunchModel>, bonds: &[&str], offers: &Value) -> World {
    launch_with(profile, models, bonds, offers, |_| {})
}

/// As [`launch`], with a genesis that is changed in any way.
pub fn launch_with(
    profile: &Profile,
    models: Vec<LaunchModel>,
    bonds: &[&str],
    offers: &Value,
    change: impl FnOnce(&mut quern_genesis::AppState),
) -> World {
    let artifacts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/artifacts");
    let code = |name: &str| {
        let path = format!("{artifacts}/{}", artifact(name));
        std::fs::read(&path).map_err(|source| GenesisError::File { path, source })
    };
    let mut system = profile.system(models, code).expect("run `make contracts` first");
    let hosts = (1..=bonds.len())
        .map(|n| User::new(&format!("host {n}")))
        .collect::<Vec<_>>();
    let mut genesis = Genesis::new();
    for ((n, host), bond) in (1u8..).zip(&hosts).zip(bonds) {
        system
            .gen_txs
            .push(gen_tx(gentx(host, n, bond, offers).sign_raw(host)));
        genesis = genesis.fund(host, "1000000000000nqrn");
    }
    let dir = tempfile::tempdir().unwrap();
    let genesis = genesis.state(|state| {
        state.system = system;
        state.emission = Some(profile.emission.clone());
        change(state);
    });
    let (chain, answer) = Chain::start_with_answer(open(dir.path()), genesis);
    World {
        _dir: dir,
        chain,
        answer,
        hosts,
    }
}

/// Asks a contract.
pub fn ask(chain: &Chain<App>, contract: &str, question: &Value) -> Value {
    let query = QuerySmartContractStateRequest {
        address: address(contract),
        query_data: question.to_string().into_bytes(),
    };
    let path = "/cosmwasm.wasm.v1.Query/SmartContractState";
    let answer: QuerySmartContractStateResponse = chain.query(path, &query).unwrap();
    serde_json::from_slice(&answer.data).unwrap()
}

/// Address of a contract of the profiles.
pub fn address(name: &str) -> String {
    let predicted = quern_genesis::predict(quern_genesis::profile::CONTRACTS);
    predicted.iter().find(|p| p.0 == name).unwrap().1.to_string()
}
