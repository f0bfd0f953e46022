//! A running node with its consensus engine. It dies with this process, however that ends.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::http;

/// How long a node may take to its first blocks.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node, killed when dropped.
pub struct Node {
    /// Who it is, for people.
    pub name: &'static str,
    /// CometBFT's RPC.
    pub rpc: SocketAddr,
    /// The application's REST.
    pub rest: SocketAddr,
    /// Transactions of each block that nobody sent.
    pub own: u64,
    child: Child,
    log: PathBuf,
}

/// A block, as its header tells.
pub struct Block {
    /// Its place in the chain.
    pub height: u64,
    /// Unix time in seconds.
    pub time: f64,
    /// Transactions that somebody sent.
    pub txs: u64,
}

/// Computing time by program, in ticks, with what all cores had under `all` and what they did not use under `idle`.
pub type Ticks = BTreeMap<String, u64>;

impl Node {
    /// Starts a program below its home, and waits until it makes blocks.
    pub fn start(
        name: &'static str,
        command: &Command,
        home: &Path,
        [rpc, rest]: [SocketAddr; 2],
        own: u64,
    ) -> Self {
        let log = home.join("node.log");
        let out = File::create(&log).expect("a file");
        // It must not outlive this process, even one that is killed.
        let mut guarded = Command::new("setpriv");
        guarded
            .args(["--pdeathsig", "KILL", "--"])
            .arg(command.get_program());
        guarded.args(command.get_args());
        for (key, value) in command.get_envs() {
            guarded.env(key, value.expect("no variable is taken away"));
        }
        let child = guarded
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a file"))
            .stderr(out)
            .spawn()
            .expect("setpriv of util-linux runs");
        let mut node = Self {
            name,
            rpc,
            rest,
            own,
            child,
            log,
        };
        node.wait("its second block", |node| node.height() >= Some(2));
        node
    }

    /// Waits until something is so, and panics with the end of the log if it takes too long.
    pub fn wait(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !done(&*self) {
            let ended = self.child.try_wait().expect("its state");
            assert!(
                ended.is_none() && started.elapsed() < PATIENCE,
                "{} came to no end waiting for {what} ({ended:?}):\n{}",
                self.name,
                self.log_tail()
            );
            sleep(Duration::from_millis(25));
        }
    }

    /// Height of the last block that CometBFT has.
    pub fn height(&self) -> Option<u64> {
        let status = http::get(self.rpc, "/status").ok()?;
        number(status.pointer("/result/sync_info/latest_block_height")?)
    }

    /// Transactions in the mempool.
    pub fn waiting(&self) -> Option<u64> {
        let answer = http::get(self.rpc, "/num_unconfirmed_txs").ok()?;
        number(answer.pointer("/result/n_txs")?)
    }

    /// The blocks of these heights.
    pub fn blocks(&self, from: u64, to: u64) -> Vec<Block> {
        let mut blocks = Vec::new();
        // Twenty come together.
        for height in (from..=to).step_by(20) {
            let last = to.min(height + 19);
            let path = format!("/blockchain?minHeight={height}&maxHeight={last}");
            let answer = http::get(self.rpc, &path).expect("an answer");
            let metas = answer.pointer("/result/block_metas").and_then(Value::as_array);
            let metas = metas.unwrap_or_else(|| panic!("no blocks: {answer}"));
            assert_eq!(metas.len() as u64, last - height + 1, "all of the blocks");
            blocks.extend(metas.iter().rev().map(|meta| self.block(meta)));
        }
        blocks
    }

    fn block(&self, meta: &Value) -> Block {
        let txs = number(&meta["num_txs"]).expect("a number");
        let time = meta["header"]["time"].as_str().expect("a time");
        let time = time::OffsetDateTime::parse(time, &time::format_description::well_known::Rfc3339);
        Block {
            height: number(&meta["header"]["height"]).expect("a number"),
            time: time.expect("a time").unix_timestamp_nanos() as f64 / 1e9,
            txs: txs.checked_sub(self.own).expect("its own transactions"),
        }
    }

    /// Stops the node where it is, so that it takes nothing from the other's time.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&mut self) {
        self.signal(Signal::CONT);
        let before = self.height();
        self.wait("a block after a pause", |node| node.height() > before);
    }

    /// Computing time so far.
    pub fn ticks(&self) -> Ticks {
        let mut ticks = Ticks::new();
        for (name, pid) in self.processes().into_iter().chain([self_process()]) {
            *ticks.entry(name).or_default() += ticks_of(pid);
        }
        let stat = fs::read_to_string("/proc/stat").expect("the kernel's figures");
        let line = stat.lines().next().unwrap_or_default();
        let all: Vec<u64> = line
            .split_whitespace()
            .skip(1)
            .take(8)
            .filter_map(|n| n.parse().ok())
            .collect();
        ticks.insert("all".into(), all.iter().sum());
        ticks.insert("idle".into(), all[3] + all[4]);
        ticks
    }

    fn signal(&self, signal: Signal) {
        for (_, pid) in self.processes() {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            let _ = pid.map(|pid| kill_process(pid, signal));
        }
    }

    /// Name and id of the process and of its children.
    fn processes(&self) -> Vec<(String, u32)> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        let name = |pid: u32| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            let name = name.trim();
            // The supervisor starts the application through this link.
            let name = if name == "exe" { "application" } else { name };
            (name.to_owned(), pid)
        };
        [id].into_iter().chain(children).map(name).collect()
    }

    /// The end of what the node printed.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let processes = self.processes();
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The kernel ends the children of a supervisor with it; their files are removed next.
        let started = Instant::now();
        let alive = |pid: &u32| ticks_file(*pid).is_some_and(|stat| !stat.contains(") Z "));
        while processes.iter().any(|(_, pid)| alive(pid)) && started.elapsed() < Duration::from_secs(10) {
            sleep(Duration::from_millis(10));
        }
    }
}

fn self_process() -> (String, u32) {
    ("load generator".to_owned(), std::process::id())
}

fn ticks_file(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok()
}

/// Ticks in user and system mode.
fn ticks_of(pid: u32) -> u64 {
    let stat = ticks_file(pid).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let fields = fields.split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// Who computed how much of all cores between two moments, in percent.
pub fn shares(before: &Ticks, after: &Ticks) -> String {
    let all = after["all"].saturating_sub(before["all"]).max(1);
    let parts = after.iter().filter(|(name, _)| *name != "all");
    let parts = parts.map(|(name, ticks)| {
        let spent = ticks.saturating_sub(before.get(name).copied().unwrap_or(0));
        format!("{name} {} %", 100 * spent / all)
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// A number that CometBFT writes as text.
pub fn number(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// A port that nobody listens on, below those that systems give to outgoing connections.
pub fn free() -> SocketAddr {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id().wrapping_mul(7_919) % 20_000).unwrap_or_default();
    loop {
        let step = TRIED.fetch_add(1, Ordering::Relaxed);
        assert!(step < 20_000, "no free port");
        let port = 12_000 + (begin + step) % 20_000;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
