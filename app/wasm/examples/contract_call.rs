//! Bench: a pinned contract's call in the chain beside the same call in cosmwasm-vm alone.
//!
//! Five interleaved rounds, medians. Leaves target/bench/contract.json for `make bench`.
//! Run: `cargo run -p quern-wasm --example contract_call` after `make contracts`.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![allow(clippy::float_arithmetic, reason = "a bench prints ratios")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench stops at a surprise"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::time::Instant;

use common::{Chain, account, execute_msg, probe};
use cosmwasm_std::{Addr, Env, MessageInfo};
use cosmwasm_vm::{
    Backend, Cache, CacheOptions, InstanceOptions, Size, call_execute_raw, capabilities_from_csv,
    testing::{MockApi, MockQuerier, MockStorage, mock_env},
};
use quern_proto::cosmwasm::wasm::v1::MsgPinCodes;
use quern_wasm::Msg;
use serde_json::json;

const ROUNDS: usize = 5;
const CALLS: u32 = 400;
/// CosmWasm gas, more than a call uses.
const GAS: u64 = 5_000_000_000_000;

type Vm = Cache<MockApi, MockStorage, MockQuerier>;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let capabilities = "iterator,staking,stargate,cosmwasm_1_1,cosmwasm_1_2,cosmwasm_1_3,cosmwasm_1_4,\
                        cosmwasm_2_0,cosmwasm_2_1,cosmwasm_2_2,ibc2";
    let options = CacheOptions::new(
        dir.path().to_owned(),
        capabilities_from_csv(capabilities),
        Size::mebi(100),
        Size::mebi(32),
    );
    // SAFETY: the folder is new and this process's own.
    #[allow(unsafe_code)]
    let vm: Vm = unsafe { Cache::new(options) }.unwrap();
    let checksum = vm.store_code(&probe(), true, true).unwrap();
    vm.pin(&checksum).unwrap();
    let msg = json!({"set": {"key": "key", "value": "a value of some bytes"}});

    let (mut chain, contract) = Chain::with_probe();
    let pin = MsgPinCodes {
        authority: quern_types::module_address("gov").to_string(),
        code_ids: vec![1],
    };
    chain.deliver(&pin).unwrap();
    let call = Msg::Execute(execute_msg(&account(1), &contract, msg.clone()));

    let (mut alone, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(time(|| run_alone(&vm, &checksum, &msg.to_string())));
        ours.push(time(|| {
            let cx = chain.tx(common::GAS);
            chain.wasm.execute(&cx, &chain.router, call.clone()).unwrap();
        }));
    }
    let (alone, ours) = (median(alone), median(ours));
    let ratio = ours / alone;
    println!(
        "contract call: {ours:.0} us in the chain, {alone:.0} us in cosmwasm-vm alone, ratio {ratio:.2}"
    );
    let report = json!([{
        "name": "contract call in the chain beside cosmwasm-vm alone",
        "ours": ours, "comparator": alone, "unit": "us",
        "ratio": ratio, "target": 1.5, "holds": ratio <= 1.5,
    }]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("contract.json"), format!("{report:#}\n")).unwrap();
}

fn run_alone(vm: &Vm, checksum: &cosmwasm_std::Checksum, msg: &str) {
    let backend = Backend {
        api: MockApi::default(),
        storage: MockStorage::default(),
        querier: MockQuerier::new(&[]),
    };
    let mut instance = vm
        .get_instance(checksum, backend, InstanceOptions { gas_limit: GAS })
        .unwrap();
    let env: Env = mock_env();
    let info = MessageInfo {
        sender: Addr::unchecked("sender"),
        funds: vec![],
    };
    let env = serde_json::to_vec(&env).unwrap();
    let info = serde_json::to_vec(&info).unwrap();
    let answer = call_execute_raw(&mut instance, &env, &info, msg.as_bytes()).unwrap();
    assert!(answer.starts_with(b"{\"ok\""));
}

/// Microseconds of one call, over [`CALLS`].
fn time(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        call();
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
