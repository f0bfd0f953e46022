//! Shared by the application's integration tests.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod contract;
pub mod crowd;
pub mod mutate;
pub mod probe;
pub mod proving;
pub mod samples;
pub mod shipped;
pub mod signing;
pub mod staking;
pub mod system;
pub mod twist;

use std::path::Path;

use quern_core::{App, Options};
use quern_genesis::AppState;
use quern_testkit::{Chain, Genesis};
use tempfile::TempDir;
use tendermint_proto::v0_38::abci::{Event, ExecTxResult};

/// Opens the application in a folder, with defaults.
pub fn open(dir: &Path) -> App {
    App::open(Options::new(dir)).unwrap()
}

/// An event's attributes as `key=value`.
pub fn attribute_list(event: &Event) -> Vec<String> {
    event
        .attributes
        .iter()
        .map(|a| format!("{}={}", a.key, a.value))
        .collect()
}

/// A chain in a folder of its own, after its first block.
pub fn started(genesis: Genesis) -> (TempDir, App, Chain<App>) {
    let dir = tempfile::tempdir().unwrap();
    let app = open(dir.path());
    let mut chain = Chain::start(app.clone(), genesis);
    chain.empty_blocks(1);
    (dir, app, chain)
}

/// A block with one transaction: what came of it. Of bytes that do not parse a block says no more than that; what the
/// mempool says of them stands in its place.
pub fn deliver(chain: &mut Chain<App>, tx: Vec<u8>) -> ExecTxResult {
    let check = chain.check(&tx);
    let mut result = chain.block([tx]).tx_results.remove(0);
    if (result.codespace.as_str(), result.code) == ("sdk", 2) {
        assert_eq!(result.log, "tx parse error");
        assert_eq!(
            (check.codespace.as_str(), check.code),
            ("sdk", 2),
            "{}",
            check.log
        );
        result.log = check.log;
    }
    result
}

/// The state as it is exported, and again after its way through a genesis document into another chain.
pub fn exported_twice(app: &App) -> (AppState, AppState) {
    let exported = app.export(0).unwrap();
    let state = AppState::from_json(&serde_json::to_vec(&exported).unwrap()).unwrap();
    let genesis = Genesis::new()
        .first_height(app.last_height() + 1)
        .state(|s| *s = state);
    let (_dir, again, _chain) = started(genesis);
    (exported, again.export(0).unwrap())
}

/// Checks that a transaction failed with this code and a log that ends so.
#[track_caller]
pub fn failed(result: &ExecTxResult, codespace: &str, code: u32, log: &str) {
    assert_eq!(
        (result.codespace.as_str(), result.code),
        (codespace, code),
        "{}",
        result.log
    );
    assert!(
        result.log.ends_with(log),
        "{:?} does not end with {log:?}",
        result.log
    );
}
