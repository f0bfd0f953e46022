//! A node that joins by state sync, and what operators do with the snapshots that it joined from.

use crate::support;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use quern_node::devnet::Devnet;
use quern_store::{Config, MultiStore, Order, Pruning};
use serde_json::Value;
use support::hosts::{CHAIN, PATIENCE, node, quernd, run, running, two_hosts};
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

/// Snapshots by their heights: how each is listed, and its files.
fn snapshots(node: &Devnet) -> BTreeMap<u64, (Value, BTreeMap<OsString, Vec<u8>>)> {
    let listed = json(node.home().root(), &["snapshots", "list"]);
    let files = |row: &Value| {
        let [height, format] = ["height", "format"].map(|key| row[key].as_u64().unwrap().to_string());
        let folder = node.home().snapshots().join(height).join(format);
        let files = fs::read_dir(folder).unwrap().map(Result::unwrap);
        files
            .map(|file| (file.file_name(), fs::read(file.path()).unwrap()))
            .collect::<BTreeMap<_, _>>()
    };
    let rows = listed.as_array().unwrap().iter();
    rows.map(|row| (row["height"].as_u64().unwrap(), (row.clone(), files(row))))
        .collect()
}

/// The metrics that an expression of PromQL asks for: its names that are neither functions nor labels.
fn metrics(expression: &str) -> Vec<String> {
    let mut rest = expression.to_owned();
    for (open, close) in [("by (", ")"), ("[", "]"), ("{", "}")] {
        while let Some(from) = rest.find(open) {
            let to = from + rest[from..].find(close).unwrap();
            rest.replace_range(from..=to, " ");
        }
    }
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut names = Vec::new();
    while let Some(start) = rest.find(part) {
        rest.drain(..start);
        let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
        let name = rest.drain(..end).collect::<String>();
        let function = rest.trim_start().starts_with('(');
        if !function && !name.starts_with(|c: char| c.is_ascii_digit()) {
            names.push(name);
        }
    }
    names
}

/// Every metric that the dashboard asks for: each panel for one at least.
fn dashboard() -> BTreeSet<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/grafana/quern.json");
    let text = fs::read_to_string(path).unwrap();
    let board: Value = serde_json::from_str(&text).unwrap();
    let mut names = BTreeSet::new();
    for panel in board["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        for target in targets {
            let asked = metrics(target["expr"].as_str().unwrap());
            assert!(!asked.is_empty(), "{target}");
            names.extend(asked);
        }
    }
    names
}

#[test]
fn of_an_expression_metrics_are_told_from_functions_labels_and_numbers() {
    let found =
        metrics("histogram_quantile(0.95, sum by (le, method) (rate(any_bucket{a=\"b\"}[5m]))) / up - 1e3");
    assert_eq!(found, ["any_bucket", "up"]);
    assert_eq!(metrics("sum(1)"), [""; 0]);
}

#[test]
fn a_fresh_node_joins_by_state_sync_and_equals_the_others_key_by_key() {
    let (nodes, _) = two_hosts();
    let keep_snapshots = |node: &Devnet| {
        // All are kept: on a busy machine a join takes longer than ten blocks.
        for (key, value) in [("interval", "5"), ("keep-recent", "0")] {
            let key = format!("state-sync.snapshot-{key}");
            quernd(node.home().root(), &["config", "set", "app", &key, value]).unwrap();
        }
    };
    nodes.iter().for_each(keep_snapshots);
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
    keep_snapshots(&late);
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
    // Until all have a snapshot of one height that the late one made, too. A busy node leaves one out while it makes the
    // one before.
    nodes.push(late);
    let waiting = Instant::now();
    let shared = loop {
        let made = |node: &Devnet| heights(node.home().root()).into_iter().collect::<BTreeSet<_>>();
        let mut both = made(&nodes[2]);
        for node in &nodes[..2] {
            both.retain(|height| made(node).contains(height));
        }
        if let Some(shared) = both.into_iter().find(|height| *height > joined) {
            break shared;
        }
        assert!(waiting.elapsed() < PATIENCE, "no snapshot of one height");
        thread::sleep(Duration::from_millis(200));
    };
    for node in &mut nodes {
        assert!(node.stop().unwrap().success(), "{}", node.log_tail());
    }
    // Of one height all nodes make one snapshot, to the byte, also who joined from another's.
    let [one, two, three] = [0, 1, 2].map(|i| snapshots(&nodes[i]));
    for (others, least) in [(&two, 3), (&three, 1)] {
        let both = one.iter().filter(|(height, _)| others.contains_key(height));
        let both = both.map(|(height, made)| {
            assert!(made.1.len() >= 2, "{height}: {:?}", made.1.keys());
            assert_eq!(made.0, others[height].0);
            assert!(made.1 == others[height].1, "files of {height} differ");
        });
        assert!(both.count() >= least);
    }
    assert!(three.contains_key(&shared));
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

/// A payment that waits for its signature.
const SEND: [&str; 11] = [
    "tx",
    "bank",
    "send",
    "host",
    "quern1avgyh77ycn997ja45q5q8ss8y9mr424j69swf4",
    "1nqrn",
    "--gas",
    "200000",
    "--fees",
    "2000nqrn",
    "--generate-only",
];

#[test]
fn a_chain_exported_with_its_contracts_begins_anew_at_the_next_height() {
    let (mut nodes, _) = running(7);
    let last = time_of(&nodes[0], 6);
    let first = nodes[0].home().root().to_owned();
    let sign = |into: &str| {
        let unsigned = quernd(&first, &SEND).unwrap();
        let [file, signed] = ["unsigned.json", into].map(|name| first.join(name));
        fs::write(&file, unsigned).unwrap();
        let signature = quernd(&first, &["tx", "sign", file.to_str().unwrap(), "--from", "host"]).unwrap();
        fs::write(&signed, signature).unwrap();
        signed.display().to_string()
    };
    let of_the_old_chain = sign("old.json");
    for node in &mut nodes {
        assert!(node.stop().unwrap().success(), "{}", node.log_tail());
    }
    let new_id = "quern-gentx-2";
    let own_id = json(&first, &["export", "--height", "6"]);
    let export = ["export", "--height", "6", "--chain-id", new_id];
    let exported = quernd(&first, &export).unwrap();
    let mut document: Value = serde_json::from_str(&exported).unwrap();
    let file = first.join("export.json");
    let to_file = [&export[..], &["--output-document", file.to_str().unwrap()]].concat();
    assert_eq!(quernd(&first, &to_file).unwrap(), "");
    assert_eq!(fs::read_to_string(&file).unwrap(), exported);
    assert_eq!(document["chain_id"], new_id);
    document["chain_id"] = CHAIN.into();
    assert_eq!(document, own_id);
    assert_eq!(document["initial_height"], "7");
    assert_eq!(document["genesis_time"], last);
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
    assert_eq!(checked["held"].as_array().unwrap().len(), 16);
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
    // What was signed for the old chain is refused on the new one, for nothing but that.
    let refused = quernd(&first, &["tx", "broadcast", &of_the_old_chain]).unwrap_err();
    assert!(refused.contains("chain-id (quern-gentx-2)"), "{refused}");
    quernd(&first, &["tx", "broadcast", &sign("new.json"), "--wait"]).unwrap();
    for node in &mut nodes {
        assert!(node.stop().unwrap().success(), "{}", node.log_tail());
    }
}
