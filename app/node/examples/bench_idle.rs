//! Resident memory of an idle node: supervisor, application and CometBFT together.
//!
//! `cargo run -p quern-node --example bench_idle` after `cargo build -p quern-node`; `BENCH_SECONDS`
//! changes how long the node idles. Writes `target/bench/node.json`.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_arithmetic
)]

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use quern_node::config::comet::Pace;
use quern_node::devnet::{Devnet, Plan};
use serde_json::json;

/// MB of 10^6 bytes.
const TARGET: f64 = 400.0;

fn main() {
    let seconds = std::env::var("BENCH_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(30);
    let net = Devnet::start(Plan {
        pace: Pace::Standard,
        ..Plan::default()
    })
    .expect("the node starts");
    sleep(Duration::from_secs(seconds));
    let supervisor = net.pid().expect("it runs");
    let list = fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap();
    let children: Vec<u32> = list.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert_eq!(children.len(), 2, "application and CometBFT");
    let mut total = 0.0;
    for pid in children.into_iter().chain([supervisor]) {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .unwrap()
            .replace('\0', " ");
        let megabytes = resident(pid);
        println!(
            "{megabytes:7.1} MB  {}",
            line.chars().take(60).collect::<String>()
        );
        total += megabytes;
    }
    let holds = total < TARGET;
    println!("{total:7.1} MB  together after {seconds} s idle (target under {TARGET} MB)");
    let report = json!([{
        "name": "resident memory of an idle node with CometBFT",
        "ours": total, "comparator": null, "ratio": null,
        "target": TARGET, "unit": "MB", "holds": holds,
    }]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .join("target/bench");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("node.json"), format!("{report:#}\n")).unwrap();
}

fn resident(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kibibytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes * 1024.0 / 1e6
}
