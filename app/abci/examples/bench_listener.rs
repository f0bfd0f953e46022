//! Throughput of the listener with a no-op application, beside `abci-cli kvstore` over the same
//! kind of socket, each under a real single-validator CometBFT loaded by its own load generator.
//!
//! `cargo run -p quern-abci --example bench_listener`; `BENCH_ROUNDS` and `BENCH_SECONDS` shorten it. The
//! rounds alternate between the two; one more run, with the application inside CometBFT, shows
//! what the load generator can do at most. Writes `target/bench/abci.json`.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_arithmetic
)]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use quern_abci::{Options, Server};
use serde_json::{Value, json};
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::{
    ExecTxResult, RequestFinalizeBlock, RequestInfo, ResponseFinalizeBlock, ResponseInfo,
};

const TARGET: f64 = 1.0;

/// Accepts everything and keeps nothing.
#[derive(Clone)]
struct Noop;

impl Application for Noop {
    fn info(&self, _: RequestInfo) -> ResponseInfo {
        ResponseInfo::default()
    }

    fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        ResponseFinalizeBlock {
            tx_results: vec![ExecTxResult::default(); request.txs.len()],
            ..Default::default()
        }
    }
}

/// A child that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Clone, Copy, PartialEq)]
enum App {
    Ours,
    Kvstore,
    InProcess,
}

fn main() {
    if let Some(address) = std::env::args().nth(1) {
        let server = Server::start(&address.parse().unwrap(), Noop, Options::default()).unwrap();
        while server.wait(Duration::from_secs(3600)).is_none() {}
        return;
    }
    let rounds = setting("BENCH_ROUNDS", 5);
    let seconds = setting("BENCH_SECONDS", 10);
    let ceiling = round(App::InProcess, seconds);
    println!("ceiling of the load generator (application inside CometBFT): {ceiling:.0} tx/s");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for index in 0..rounds {
        // Alternating which goes first evens out a machine that warms up or slows down.
        let order = if index % 2 == 0 {
            [App::Ours, App::Kvstore]
        } else {
            [App::Kvstore, App::Ours]
        };
        for app in order {
            let rate = round(app, seconds);
            if app == App::Ours { &mut ours } else { &mut theirs }.push(rate);
        }
        println!(
            "round {}: ours {:.0} tx/s, abci-cli {:.0} tx/s",
            index + 1,
            ours[ours.len() - 1],
            theirs[theirs.len() - 1]
        );
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = ours / theirs;
    println!(
        "median: ours {ours:.0}, abci-cli kvstore {theirs:.0}, ratio {ratio:.2} (target at least {TARGET})"
    );
    // At the load generator's ceiling both are as fast as it, and the ratio says nothing.
    let at_ceiling = ours.max(theirs) > 0.95 * ceiling;
    if at_ceiling {
        println!("warning: the load generator is the ceiling here; the ratio says little");
    }
    let report = json!([{
        "name": format!(
            "ABCI no-op transactions through the listener, against abci-cli kvstore (the load generator reaches {ceiling:.0})"
        ),
        "ours": ours, "comparator": theirs, "ratio": ratio,
        "target": TARGET, "unit": "tx/s", "holds": if at_ceiling { None } else { Some(ratio >= TARGET) },
    }]);
    let folder = root().join("target/bench");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("abci.json"), format!("{report:#}\n")).unwrap();
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

fn tool(name: &str) -> Command {
    let path = root().join(".deps/bin").join(name);
    assert!(path.is_file(), "{} is missing: run `make setup`", path.display());
    Command::new(path)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Committed transactions per second of one fresh chain under load.
fn round(app: App, seconds: u64) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    let run = |command: &mut Command| {
        Running(
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .stdin(Stdio::null())
                .spawn()
                .unwrap(),
        )
    };
    let status = tool("cometbft")
        .args(["init", "--home"])
        .arg(home)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let config = home.join("config/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let text = text
        .replace("indexer = \"kv\"", "indexer = \"null\"")
        .replace("\nsize = 5000", "\nsize = 100000")
        .replace("cache_size = 10000", "cache_size = 200000")
        .replace("log_level = \"info\"", "log_level = \"error\"")
        .replace("addr_book_strict = true", "addr_book_strict = false");
    fs::write(&config, text).unwrap();

    let socket = format!("unix://{}", home.join("app.sock").display());
    let _app = match app {
        App::Ours => Some(run(Command::new(std::env::current_exe().unwrap()).arg(&socket))),
        App::Kvstore => Some(run(tool("abci-cli").args([
            "kvstore",
            "--log_level",
            "error",
            "--address",
            &socket,
        ]))),
        App::InProcess => None,
    };
    if app != App::InProcess {
        wait_until("the application listens", || home.join("app.sock").exists());
    }
    let (rpc, p2p) = (free_port(), free_port());
    let proxy = if app == App::InProcess { "kvstore" } else { &socket };
    let _comet = run(tool("cometbft")
        .args(["start", "--home"])
        .arg(home)
        .args(["--proxy_app", proxy])
        .args(["--rpc.laddr", &format!("tcp://127.0.0.1:{rpc}")])
        .args(["--p2p.laddr", &format!("tcp://127.0.0.1:{p2p}")]));
    wait_until("the second block", || height(rpc) >= 2);

    let first = height(rpc);
    let started = Instant::now();
    let load = tool("load")
        .args([
            "-c",
            "4",
            "-r",
            "1250",
            "-s",
            "250",
            "--broadcast-tx-method",
            "sync",
        ])
        .args([
            "-T",
            &seconds.to_string(),
            "--endpoints",
            &format!("ws://127.0.0.1:{rpc}/websocket"),
        ])
        .output()
        .unwrap();
    assert!(
        load.status.success(),
        "the load generator failed: {}",
        String::from_utf8_lossy(&load.stderr)
    );
    let last = height(rpc);
    let took = started.elapsed().as_secs_f64();
    let mut committed = 0;
    for height in first + 1..=last {
        let meta = get(rpc, &format!("/blockchain?minHeight={height}&maxHeight={height}"));
        let count = meta
            .pointer("/result/block_metas/0/num_txs")
            .and_then(Value::as_str);
        committed += count.unwrap().parse::<u64>().unwrap();
    }
    assert!(committed > 0, "no transaction was committed");
    committed as f64 / took
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "waited in vain until {what}"
        );
        sleep(Duration::from_millis(50));
    }
}

fn height(rpc: u16) -> u64 {
    let status = get(rpc, "/status");
    let height = status
        .pointer("/result/sync_info/latest_block_height")
        .and_then(Value::as_str);
    height.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn get(rpc: u16, path: &str) -> Value {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", rpc))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).unwrap_or(Value::Null)
}
