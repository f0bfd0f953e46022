//! Homes of both nodes: the same accounts, the same limits of blocks, the same config.toml but for its ports and the
//! database, of which wasmd as it is released knows goleveldb alone.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use quern_genesis::Document;
use quern_testkit::{CHAIN_ID, Genesis, User};
use serde_json::json;
use toml_edit::{DocumentMut, Value, value};

use super::node::{Node, free};
use crate::wasmd::{GO_RUNTIME, Program};

/// What both chains are made of.
pub struct Plan<'a> {
    /// wasmd.
    pub program: &'a Program,
    /// Folder for the homes.
    pub folder: &'a Path,
    /// Who has coins.
    pub users: &'a [User],
    /// Gas of a block at most; -1 for no limit.
    pub max_gas: i64,
}

/// Section, key and value.
type Setting = (&'static str, &'static str, fn() -> Value);

/// The configuration of CometBFT: the localnet's pace, and room for what the load puts in. The rest is as `quernd init`
/// leaves it, the index of transactions included.
const SETTINGS: &[Setting] = &[
    ("consensus", "timeout_commit", || "500ms".into()),
    ("mempool", "size", || 20_000_i64.into()),
    ("mempool", "cache_size", || 200_000_i64.into()),
    ("rpc", "max_body_bytes", || 4_000_000_i64.into()),
    ("rpc", "max_request_batch_size", || 100_i64.into()),
    // What any answer may take follows from it.
    ("rpc", "timeout_broadcast_tx_commit", || "60s".into()),
    ("p2p", "addr_book_strict", || false.into()),
    ("p2p", "allow_duplicate_ip", || true.into()),
];

impl Plan<'_> {
    /// Starts this chain's node.
    pub fn ours(&self) -> (Node, PathBuf) {
        let home = self.folder.join("ours");
        let ports = init(&home);
        let path = home.join("config/genesis.json");
        let text = fs::read(&path).expect("a genesis");
        let mut document = Document::from_json(&text).expect("our genesis");
        let funded = self.genesis();
        let state = &funded.document().app_state;
        document.app_state.auth = state.auth.clone();
        document.app_state.bank = state.bank.clone();
        document.consensus_params.block.max_gas = self.max_gas;
        fs::write(&path, document.to_json().expect("our genesis")).expect("a file");
        // The beacon's reveal is the first transaction of each block.
        (Node::start("ours", &start(&home), &home, ports, 1), home)
    }

    /// Starts wasmd, its consensus engine inside, with the config.toml of our node in `other`.
    pub fn theirs(&self, other: &Path) -> Node {
        let home = self.folder.join("wasmd");
        fs::create_dir_all(&home).expect("a folder");
        let mut document = self.program.document(&home, &self.genesis());
        let limits = json!({"max_bytes": "4194304", "max_gas": self.max_gas.to_string()});
        document["consensus"]["params"]["block"] = limits;
        fs::write(home.join("config/genesis.json"), document.to_string()).expect("a file");
        let rpc = free();
        let (rest, grpc) = (free(), free());
        let text = fs::read_to_string(other.join("config/config.toml")).expect("a configuration");
        configure(&home, &text, [rpc, free()]);
        edit(&home.join("config/config.toml"), |config| {
            config["db_backend"] = value("goleveldb");
        });
        let mut command = self.program.command(&home);
        command
            .args(["start", "--minimum-gas-prices", "0nqrn", "--api.enable"])
            .arg(format!("--api.address=tcp://{rest}"))
            .arg(format!("--grpc.address={grpc}"));
        Node::start("wasmd", &command, &home, [rpc, rest], 0)
    }

    /// Starts a node that has our chain's genesis and nothing else, and dials the one whose home is `other`.
    pub fn follower(&self, other: &Path) -> Node {
        let home = self.folder.join("follower");
        // An earlier one.
        let _ = fs::remove_dir_all(&home);
        let ports = init(&home);
        let from = |file: &str| other.join("config").join(file);
        fs::copy(from("genesis.json"), home.join("config/genesis.json")).expect("a file");
        let config: DocumentMut = fs::read_to_string(from("config.toml"))
            .expect("a file")
            .parse()
            .expect("TOML");
        let listens = config["p2p"]["laddr"].as_str().expect("an address");
        let mut ask = quernd(other);
        let id = said(ask.args(["comet", "show-node-id"]));
        let peer = format!("{id}@{}", listens.trim_start_matches("tcp://"));
        edit(&home.join("config/config.toml"), |config| {
            config["p2p"]["persistent_peers"] = value(peer);
        });
        Node::start("follower", &start(&home), &home, ports, 1)
    }

    fn genesis(&self) -> Genesis {
        let fund = |genesis: Genesis, user| genesis.fund(user, "1000000000000nqrn");
        self.users.iter().fold(Genesis::new(), fund)
    }
}

/// Starts CometBFT with `application`: `noop` for the one inside it, or the address of a socket.
pub fn comet(folder: &Path, application: &str) -> Node {
    let home = folder.join("comet");
    let _ = fs::remove_dir_all(&home);
    said(Command::new("cometbft").args(["init", "--home"]).arg(&home));
    let rpc = free();
    let text = fs::read_to_string(home.join("config/config.toml")).expect("a configuration");
    configure(&home, &text, [rpc, free()]);
    edit(&home.join("config/config.toml"), |config| {
        config["db_backend"] = value("pebbledb");
    });
    let mut command = Command::new("cometbft");
    command
        .args(["start", "--proxy_app", application, "--home"])
        .arg(&home)
        .envs(GO_RUNTIME);
    Node::start("CometBFT", &command, &home, [rpc, rpc], 0)
}

/// A home of our node. Returns where RPC and REST will listen.
fn init(home: &Path) -> [SocketAddr; 2] {
    let [rpc, p2p, grpc, rest, telemetry] = [free(), free(), free(), free(), free()];
    let mut command = quernd(home);
    command.args(["init", "bench", "--chain-id", CHAIN_ID]);
    for (flag, address) in [
        ("--rpc-port", rpc),
        ("--p2p-port", p2p),
        ("--grpc-port", grpc),
        ("--api-port", rest),
        ("--telemetry-port", telemetry),
    ] {
        command.args([flag, &address.port().to_string()]);
    }
    said(&mut command);
    let text = fs::read_to_string(home.join("config/config.toml")).expect("a configuration");
    configure(home, &text, [rpc, p2p]);
    [rpc, rest]
}

/// Writes config.toml out of `text` with the settings that all have.
fn configure(home: &Path, text: &str, [rpc, p2p]: [SocketAddr; 2]) {
    let mut config: DocumentMut = text.parse().expect("TOML");
    for (section, key, setting) in SETTINGS {
        let known = config[*section].get(*key).is_some();
        assert!(known, "config.toml has no {section}.{key}");
        config[*section][*key] = value(setting());
    }
    config["rpc"]["laddr"] = value(format!("tcp://{rpc}"));
    config["p2p"]["laddr"] = value(format!("tcp://{p2p}"));
    fs::write(home.join("config/config.toml"), config.to_string()).expect("a file");
}

fn edit(path: &Path, change: impl FnOnce(&mut DocumentMut)) {
    let text = fs::read_to_string(path).expect("a file");
    let mut document: DocumentMut = text.parse().expect("TOML");
    change(&mut document);
    fs::write(path, document.to_string()).expect("a file");
}

fn start(home: &Path) -> Command {
    let mut command = quernd(home);
    command.arg("start");
    command
}

/// Our node's program, beside this one.
fn quernd(home: &Path) -> Command {
    let here = std::env::current_exe().expect("this program's path");
    let mut command = Command::new(here.with_file_name("quernd"));
    command.arg("--home").arg(home);
    command
}

/// What a command prints.
fn said(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
