//! A node that joins by state sync, and what operators do with the snapshots that it joined from.

use crate::support;

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Instant;

use quern_node::devnet::Devnet;
use quern_store::{Config, MultiStore, Order, Pruning};
use serde_json::Value;
use support::hosts::{PATIENCE, node, quernd, run, running, two_hosts};
use support::http;
use support::state::{assert_equal, state};

/// Settings of config.toml, as operators make them.
fn set(node: &Devnet, settings: &[(&str, &str)]) {
    for (key, value) in settings {
        quernd(node.home().root(), &["config", "set", "config", key, value]).unwrap();
    }
}

fn json(home: &Path, arguments: &[&str]) -> Value {
    let said = quernd(home, &[arguments, &["-o", "json"]].concat()).unwrap();
    serde_json::from_str(&said).unwrap()
}

fn heights(home: &Path) -> Vec<u64> {
    let listed = json(home, &["snapshots", "list"]);
    let listed = listed.as_array().unwrap().iter();
    listed.map(|one| one["height"].as_u64().unwrap()).collect()
}

/// Time of a block, as its header has it.
fn time_of(node: &Devnet, height: u64) -> String {
    let block = http::get(&format!("{}/block?height={height}", node.rpc()));
    let block: Value = serde_json::from_str(&block).unwrap();
    let time = block.pointer("/result/block/header/time").unwrap();
    time.as_str().unwrap().to_owned()
}

/// Every metric that the dashboard asks for.
fn dashboard() -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/grafana/quern.json");
    let text = fs::read_to_string(path).unwrap();
    let board: Value = serde_json::from_str(&text).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut names = BTreeSet::new();
    for target in targets {
        let expression = target["expr"].as_str().unwrap();
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let known = |word: &&str| {
            ["quern_", "cometbft_", "process_"]
                .iter()
                .any(|p| word.starts_with(p))
        };
        let before = names.len();
        names.extend(words.filter(known).map(str::to_owned));
        assert!(names.len() >= before && !expression.is_empty());
    }
    names
}

#[test]
fn a_fresh_node_joins_by_state_sync_and_equals_the_others_key_by_key() {
    let (nodes, _) = two_hosts();
    for node in &nodes {
        let home = node.home().root();
        // All are kept: on a busy machine a join takes longer than ten blocks.
        for (key, value) in [("interval", "5"), ("keep-recent", "0")] {
            let key = format!("state-sync.snapshot-{key}");
            quernd(home, &["config", "set", "app", &key, value]).unwrap();
        }
    }
    let page = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    set(
        &nodes[0],
        &[
            ("instrumentation.prometheus", "true"),
            ("instrumentation.prometheus_listen_addr", &page.to_string()),
        ],
    );
    let (mut nodes, peers) = run(nodes, 12);
    let first = nodes[0].home().root().to_owned();
    let snapshot = *heights(&first).first().unwrap();
    assert_eq!(heights(nodes[1].home().root()).first(), Some(&snapshot));

    // What the dashboard shows is there.
    let pages = [
        http::get(&nodes[0].metrics()),
        http::get(&format!("http://{page}/metrics")),
    ]
    .concat();
    let names = dashboard();
    assert!(names.len() > 10);
    for name in names {
        let there = pages
            .lines()
            .any(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")));
        assert!(there, "no metric {name} in\n{pages}");
    }

    // A light client trusts a block that its operator names, and follows two servers from there.
    let block = http::get(&format!("{}/commit?height=2", nodes[0].rpc()));
    let block: Value = serde_json::from_str(&block).unwrap();
    let hash = block
        .pointer("/result/signed_header/commit/block_id/hash")
        .unwrap()
        .as_str()
        .unwrap();
    let mut late = node("late");
    fs::copy(nodes[0].home().genesis(), late.home().genesis()).unwrap();
    late.dial(&peers).unwrap();
    let servers = format!("{},{}", nodes[0].rpc(), nodes[1].rpc());
    set(
        &late,
        &[
            ("statesync.rpc_servers", &servers),
            ("statesync.trust_height", "2"),
            ("statesync.trust_hash", hash),
            ("statesync.trust_period", "1h0m0s"),
            ("statesync.discovery_time", "5s"),
            ("statesync.enable", "true"),
        ],
    );
    let started = Instant::now();
    late.launch().unwrap();
    let height = nodes[0].height().unwrap();
    let joined = late.wait_for_height(height + 2, PATIENCE).unwrap();
    println!("joined at height {joined} after {:?}", started.elapsed());
    for node in &mut nodes {
        node.wait_for_height(joined, PATIENCE).unwrap();
    }
    nodes.push(late);
    for node in &mut nodes {
        assert!(node.stop().unwrap().success(), "{}", node.log_tail());
    }
    let folder = |node: &Devnet| node.home().app_data().join("state");
    let (joined_state, height) = state(&folder(&nodes[2]), Some(joined));
    for node in &nodes[..2] {
        assert_equal(&joined_state, &state(&folder(node), Some(height)).0);
    }
    let store = MultiStore::open(Config {
        path: folder(&nodes[2]),
        pruning: Pruning::Nothing,
        verify: false,
    })
    .unwrap();
    assert!(
        store.oldest() >= snapshot,
        "it executed every block since genesis"
    );
    drop(store);

    // The first node's snapshot goes to the late one as an archive, and comes from there unchanged.
    let late = nodes[2].home().root().to_owned();
    let snapshot = heights(&first)[0];
    let number = snapshot.to_string();
    let archive = first.join("archive.tar.gz");
    let archive = archive.to_str().unwrap();
    json(&first, &["snapshots", "dump", &number, "--archive", archive]);
    if heights(&late).contains(&snapshot) {
        json(&late, &["snapshots", "delete", &number]);
    }
    let loaded = json(&late, &["snapshots", "load", archive]);
    assert_eq!(loaded, json(&first, &["snapshots", "list"])[0]);
    // One byte of the archive changed, or cut: nothing of it stays.
    json(&late, &["snapshots", "delete", &number]);
    let whole = fs::read(archive).unwrap();
    let broken = first.join("broken.tar.gz");
    for change in [
        &whole[..whole.len() / 2],
        &[&whole[..100], &[!whole[100]], &whole[101..]].concat(),
    ] {
        fs::write(&broken, change).unwrap();
        quernd(&late, &["snapshots", "load", broken.to_str().unwrap()]).unwrap_err();
        assert!(!heights(&late).contains(&snapshot));
    }
    json(&late, &["snapshots", "load", archive]);

    // A node that lost its application's state, but not its blocks, goes on from a snapshot of its own.
    fs::remove_dir_all(nodes[0].home().app_data()).unwrap();
    json(&first, &["snapshots", "restore", &number]);
    let refused = quernd(&first, &["snapshots", "restore", &number]).unwrap_err();
    assert!(refused.contains("has a state"), "{refused}");
    for node in &mut nodes[..2] {
        node.launch().unwrap();
    }
    // Past the snapshot, which may be the newest that the whole network had.
    let past = (height + 3).max(snapshot + 3);
    nodes[0].wait_for_height(past, PATIENCE).unwrap();
    let made = |home: &Path| quernd(home, &["snapshots", "export"]);
    let refused = made(&first).unwrap_err();
    assert!(refused.contains("another quernd"), "{refused}");
    for node in &mut nodes[..2] {
        assert!(node.stop().unwrap().success(), "{}", node.log_tail());
    }
    // The block after the one that was restored: kept, and no multiple of the interval.
    let kept = (snapshot + 1).to_string();
    let exported = json(&first, &["snapshots", "export", "--height", &kept]);
    assert!(heights(&first).contains(&exported["height"].as_u64().unwrap()));
}

/// Writes a state in which coins are that nobody made.
fn forget_the_supply(node: &Devnet) {
    let config = Config {
        path: node.home().app_data().join("state"),
        pruning: Pruning::Nothing,
        verify: false,
    };
    let store = MultiStore::open(config).unwrap();
    let next = store.latest().unwrap().version + 1;
    let snapshot = store.snapshot();
    let mut keys = snapshot
        .range(None, None, Order::Ascending)
        .map(|row| row.unwrap().0.to_vec());
    let supply = keys
        .find(|key| key.starts_with(b"bank") && key.ends_with(b"\x00nqrn"))
        .unwrap();
    let changes = [(supply, None)].into();
    store.commit(store.prepare(next, &changes).unwrap()).unwrap();
}

#[test]
fn a_chain_exported_with_its_contracts_begins_anew_at_the_next_height() {
    let (mut nodes, _) = running(7);
    let last = time_of(&nodes[0], 6);
    for node in &mut nodes {
        assert!(node.stop().unwrap().success(), "{}", node.log_tail());
    }
    let first = nodes[0].home().root().to_owned();
    let exported = quernd(&first, &["export", "--height", "6"]).unwrap();
    let document: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(document["initial_height"], "7");
    assert_eq!(document["genesis_time"], last);
    assert_eq!(json(&first, &["export", "--height", "6"]), document);
    let rows = quernd(&first, &["state", "--height", "6"]).unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    let same = json(&first, &["state", "--height", "6"]);
    let same = same.as_array().unwrap().iter();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let same = same.map(|row| format!("{} {}", text(row, "key"), text(row, "value")));
    assert_eq!(same.collect::<Vec<_>>(), rows);
    let refused = quernd(&first, &["export", "--for-zero-height"]).unwrap_err();
    assert!(refused.contains("heights"), "{refused}");
    let checked = json(&first, &["invariants", "--height", "6"]);
    assert_eq!(checked["height"], 6);
    assert_eq!(checked["held"].as_array().unwrap().len(), 2);
    forget_the_supply(&nodes[0]);
    let broken = quernd(&first, &["invariants"]).unwrap_err();
    assert!(broken.contains("total supply invariant broken"), "{broken}");
    assert_eq!(json(&first, &["invariants", "--height", "6"]), checked);
    for node in &nodes {
        quernd(node.home().root(), &["comet", "unsafe-reset-all"]).unwrap();
        fs::write(node.home().genesis(), &exported).unwrap();
        quernd(node.home().root(), &["genesis", "validate"]).unwrap();
    }
    for node in &mut nodes {
        node.launch().unwrap();
    }
    nodes[0].wait_for_height(12, PATIENCE).unwrap();
    // The clock of the new chain goes on where the old one's stopped.
    assert_eq!(time_of(&nodes[0], 7), last);
    for node in &mut nodes {
        assert!(node.stop().unwrap().success(), "{}", node.log_tail());
    }
}
