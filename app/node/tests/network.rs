//! A network as its operators make it: hosts join by gentx, one more comes later with nothing but the
//! genesis document.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use quern_node::config::comet::Pace;
use quern_node::devnet::{Devnet, Plan};
use serde_json::Value;
use support::state::{assert_equal, state};

const CHAIN: &str = "quern-gentx-1";
const PATIENCE: Duration = Duration::from_secs(120);

fn contracts() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/artifacts")
}

fn node(moniker: &str) -> Devnet {
    let plan = Plan {
        moniker: moniker.to_owned(),
        chain_id: CHAIN.to_owned(),
        pace: Pace::Local,
        program: Some(env!("CARGO_BIN_EXE_quernd").into()),
        ..Plan::default()
    };
    Devnet::prepare(plan).unwrap()
}

fn quernd(home: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_quernd"))
        .args(arguments)
        .arg("--home")
        .arg(home)
        .env("QUERN_KEYRING_PASSWORD", "correct horse")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// Makes the host's key and returns its address.
fn key(node: &Devnet) -> String {
    let said = quernd(node.home().root(), &["keys", "add", "host", "-o", "json"]).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    said["address"].as_str().unwrap().to_owned()
}

/// A host's transaction, signed.
fn gentx(node: &Devnet, amount: &str) -> Result<String, String> {
    let home = node.home().root();
    let _ = quernd(home, &["keys", "add", "warm"]); // there already the second time
    let warm_key = quernd(home, &["keys", "show", "warm", "-p"]).unwrap();
    let warm_key = warm_key.trim();
    let transport_key = "07".repeat(32); // nobody serves here
    let arguments = [
        "genesis",
        "gentx",
        "host",
        "--amount",
        amount,
        "--endpoint",
        "https://127.0.0.1:8443",
    ];
    let keys = ["--transport-key", &transport_key, "--warm-key", warm_key];
    quernd(home, &[&arguments[..], &keys[..]].concat())
}

/// Gives every node the genesis document of the first.
fn share(nodes: &[Devnet]) {
    let genesis = fs::read(nodes[0].home().genesis()).unwrap();
    for node in &nodes[1..] {
        fs::write(node.home().genesis(), &genesis).unwrap();
    }
}

/// Two hosts up to their signed transactions, which lie in the first one's folder.
fn two_hosts() -> (Vec<Devnet>, Vec<String>) {
    let nodes = vec![node("north"), node("south")];
    let first = nodes[0].home().root().to_owned();
    let addresses = nodes.iter().map(key).collect::<Vec<_>>();
    for address in &addresses {
        quernd(&first, &["genesis", "add-account", address, "1000000000000nqrn"]).unwrap();
    }
    let system = [
        "genesis",
        "add-system",
        "--profile",
        "localnet",
        "--epoch-blocks",
        "5",
    ];
    quernd(&first, &[&system[..], &["--contracts", contracts()]].concat()).unwrap();
    share(&nodes);
    for (node, amount) in nodes.iter().zip(["200qrn", "100qrn"]) {
        gentx(node, amount).unwrap();
    }
    for node in &nodes[1..] {
        for file in fs::read_dir(node.home().gentx()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), nodes[0].home().gentx().join(file.file_name())).unwrap();
        }
    }
    (nodes, addresses)
}

fn validators(node: &Devnet) -> usize {
    let client = tendermint_rpc::HttpClient::new(node.rpc().as_str()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let set = runtime.block_on(tendermint_rpc::Client::validators(
        &client,
        tendermint_rpc::client::CompatMode::V0_38 as u32,
        tendermint_rpc::Paging::All,
    ));
    set.unwrap().validators.len()
}

#[test]
fn two_hosts_begin_a_chain_by_gentx_and_a_third_node_joins_from_genesis_alone() {
    let (mut nodes, _) = two_hosts();
    let said = quernd(nodes[0].home().root(), &["genesis", "collect"]).unwrap();
    assert!(said.contains("2 validators"), "{said}");
    share(&nodes);
    for node in &nodes {
        quernd(node.home().root(), &["genesis", "validate"]).unwrap();
    }
    let peers = nodes.iter().map(|n| n.peer().unwrap()).collect::<Vec<_>>();
    for node in &mut nodes {
        node.dial(&peers).unwrap();
        node.launch().unwrap();
    }
    // beyond two epochs, with both needed for every block
    let height = nodes[0].wait_for_height(12, PATIENCE).unwrap();
    assert_eq!(validators(&nodes[0]), 2);

    let mut late = node("late");
    fs::copy(nodes[0].home().genesis(), late.home().genesis()).unwrap();
    late.dial(&peers).unwrap();
    late.launch().unwrap();
    let caught_up = late.wait_for_height(height + 5, PATIENCE).unwrap();
    nodes[0].wait_for_height(caught_up, PATIENCE).unwrap();

    nodes.push(late);
    for node in &mut nodes {
        assert!(node.stop().unwrap().success(), "{}", node.log_tail());
    }
    let folder = |node: &Devnet| node.home().app_data().join("state");
    let (reference, height) = state(&folder(&nodes[2]), Some(caught_up));
    for node in &nodes[..2] {
        assert_equal(&reference, &state(&folder(node), Some(height)).0);
    }
}

#[test]
fn a_gentx_that_the_chain_would_refuse_is_refused_when_it_is_collected() {
    let (nodes, addresses) = two_hosts();
    let first = nodes[0].home().root();
    let genesis = fs::read(nodes[0].home().genesis()).unwrap();
    let path = nodes[0]
        .home()
        .gentx()
        .join(format!("gentx-{}.json", addresses[1]));
    let good = fs::read_to_string(&path).unwrap();
    let again = nodes[0].home().gentx().join("gentx-again.json");

    let refused = |what: &str| {
        let error = quernd(first, &["genesis", "collect"]).unwrap_err();
        assert!(error.contains(what), "{error}");
        assert_eq!(fs::read(nodes[0].home().genesis()).unwrap(), genesis);
    };
    fs::write(&again, &good).unwrap();
    refused("the same host");
    fs::remove_file(&again).unwrap();

    let mut tx: Value = serde_json::from_str(&good).unwrap();
    tx["body"]["memo"] = "changed after signing".into();
    fs::write(&path, tx.to_string()).unwrap();
    refused("signature verification failed");

    tx["body"]["messages"].as_array_mut().unwrap().pop();
    fs::write(&path, tx.to_string()).unwrap();
    refused("two messages");

    fs::write(&path, "{").unwrap();
    refused("gentx-");

    // one that is signed for another chain
    fs::remove_file(nodes[1].home().gentx().join(path.file_name().unwrap())).unwrap();
    let text = String::from_utf8(genesis.clone()).unwrap();
    fs::write(nodes[1].home().genesis(), text.replace(CHAIN, "another-1")).unwrap();
    gentx(&nodes[1], "100qrn").unwrap();
    fs::copy(nodes[1].home().gentx().join(path.file_name().unwrap()), &path).unwrap();
    refused("signature verification failed");
}

#[test]
fn a_gentx_that_its_account_cannot_pay_is_not_signed_over() {
    let (nodes, addresses) = two_hosts();
    let file = nodes[0]
        .home()
        .gentx()
        .join(format!("gentx-{}.json", addresses[0]));
    fs::remove_file(&file).unwrap();
    let error = gentx(&nodes[0], "5000qrn").unwrap_err();
    assert!(error.contains("add-account") && !file.exists(), "{error}");
}
