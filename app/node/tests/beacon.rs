//! The beacon on a real network: every block begins with a reveal that clients can decode, and the value
//! follows from the stored blocks alone.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use quern_beacon::hash;
use quern_node::devnet::{Devnet, Plan};
use tendermint_rpc::{Client, HttpClient};

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, PartialEq, Message)]
struct QueryBeacon {
    #[prost(uint64, tag = "1")]
    height: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Beacon {
    #[prost(bytes = "vec", tag = "1")]
    beacon: Vec<u8>,
}

fn plan() -> Plan {
    Plan {
        program: Some(env!("CARGO_BIN_EXE_quernd").into()),
        ..Plan::default()
    }
}

fn quernd(home: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_quernd"))
        .args(arguments)
        .arg("--home")
        .arg(home)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(work)
}

/// The beacon as the chain answers it.
async fn ask(client: &HttpClient, height: u64) -> Vec<u8> {
    let path = "/quern.beacon.v1.Query/Beacon".to_owned();
    let request = QueryBeacon { height }.encode_to_vec();
    let answer = client.abci_query(Some(path), request, None, false).await.unwrap();
    assert!(answer.code.is_ok(), "{}", answer.log);
    Beacon::decode(answer.value.as_slice()).unwrap().beacon
}

/// Recomputes the beacon from the stored blocks up to `height` and compares it with the chain's. Every
/// block must begin with the preimage of the block's anchor. Returns how many reveals were made.
async fn recompute(client: &HttpClient, mut anchor: [u8; 32], chain_id: &str, height: u64) -> u64 {
    let mut beacon = hash::genesis(chain_id);
    assert_eq!(ask(client, 0).await, beacon);
    let mut reveals = 0;
    for at in 1..=height {
        let at32 = u32::try_from(at).unwrap();
        let block = client.block(at32).await.unwrap().block;
        let reveal = block.data.first().map(|bytes| {
            let tx = cosmrs::Tx::from_bytes(bytes).unwrap();
            assert!(tx.body.messages.is_empty() && tx.signatures.is_empty());
            <[u8; 32]>::try_from(hex::decode(tx.body.memo).unwrap()).unwrap()
        });
        if let Some(preimage) = reveal {
            assert_eq!(
                hash::around(&preimage),
                anchor,
                "block {at} reveals the next layer"
            );
            anchor = preimage;
            reveals += 1;
        }
        beacon = hash::next(&beacon, reveal.as_ref());
        assert_eq!(ask(client, at).await, beacon, "block {at}");
        let results = client.block_results(at32).await.unwrap();
        for result in results.txs_results.unwrap_or_default() {
            assert!(result.code.is_ok());
            assert_eq!((result.gas_wanted, result.gas_used), (0, 0));
            let value = result.events[0].attributes[1].value_str().unwrap().to_owned();
            assert_eq!(value, hex::encode_upper(beacon));
        }
    }
    reveals
}

#[test]
fn every_block_of_a_network_reveals_and_the_beacon_follows_from_the_stored_blocks() {
    let mut net = Devnet::start(plan()).unwrap();
    let home = net.home().root().to_owned();
    net.wait_for_height(4, PATIENCE).unwrap();
    // after a crash and after a rollback the node finds its place again
    net.kill();
    net.launch().unwrap();
    net.wait_for_height(7, PATIENCE).unwrap();
    assert!(net.stop().unwrap().success());
    quernd(&home, &["rollback"]);
    net.launch().unwrap();
    let height = net.wait_for_height(11, PATIENCE).unwrap();
    let anchor = STANDARD.decode(quernd(&home, &["beacon", "anchor"])).unwrap();
    wait(async {
        let client = HttpClient::new(net.rpc().as_str()).unwrap();
        let reveals = recompute(&client, anchor.try_into().unwrap(), "quern-dev-1", height).await;
        assert_eq!(reveals, height, "every block has its reveal");
        // nobody can send one
        let refused = client
            .broadcast_tx_sync(quern_beacon::tx::encode(&[7; 32]))
            .await
            .unwrap();
        assert_eq!((refused.codespace.as_str(), refused.code.value()), ("beacon", 2));
    });
    assert!(net.stop().unwrap().success());
}

#[test]
fn a_lost_onion_stops_its_only_validator_until_it_is_restored_or_done_without() {
    let mut net = Devnet::start(plan()).unwrap();
    let file = net.home().beacon_onion();
    net.wait_for_height(3, PATIENCE).unwrap();
    assert!(net.stop().unwrap().success());
    let backup = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    // another onion does not help: its anchor is unknown to the chain
    quernd(net.home().root(), &["beacon", "new", "--layers", "10"]);
    net.launch().unwrap();
    let started = Instant::now();
    while !fs::read_to_string(net.log())
        .unwrap()
        .contains("beacon onion is missing or used up")
    {
        assert!(started.elapsed() < PATIENCE, "no complaint:\n{}", net.log_tail());
        std::thread::sleep(Duration::from_millis(100));
    }
    let stuck = net.height().unwrap();
    // restored while the node runs
    fs::write(&file, backup).unwrap();
    let height = net.wait_for_height(stuck + 2, PATIENCE).unwrap();
    assert!(net.stop().unwrap().success());
    // or done without, by agreement of the validators
    fs::remove_file(&file).unwrap();
    net.set_arguments(vec!["--accept-missing-reveals".into()]);
    net.launch().unwrap();
    net.wait_for_height(height + 3, PATIENCE).unwrap();
    assert!(net.stop().unwrap().success());
}

#[test]
fn a_new_onion_is_grown_beside_the_old_one_and_a_damaged_file_is_named() {
    let net = Devnet::prepare(plan()).unwrap();
    let (home, file) = (net.home().root(), net.home().beacon_onion());
    let old = quernd(home, &["beacon", "anchor"]);
    let genesis = fs::read_to_string(net.home().genesis()).unwrap();
    assert!(genesis.contains(&old), "init puts the anchor into genesis");
    let made: serde_json::Value =
        serde_json::from_str(&quernd(home, &["beacon", "-o", "json", "new", "--layers", "100"])).unwrap();
    assert_ne!(made["anchor"], old);
    assert_eq!(made["anchor"], quernd(home, &["beacon", "anchor"]));
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.matches("\"layers\"").count(), 2);
    fs::write(&file, text.replace("\"layers\": 100,", "\"layers\": 101,")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_quernd"))
        .args(["start", "--home"])
        .arg(home)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(10), "{error}");
    assert!(
        error.contains("beacon_onion.json") && error.contains("onions[1]"),
        "{error}"
    );
}
