//! Transactions a second end to end: signed ones go in by CometBFT's RPC, and the blocks say what came of them. Each
//! chain is one real node; while one is measured, the other stands still.

use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use quern_abci::{Options, Server};
use quern_testkit::User;
use serde_json::Value;
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::{
    ExecTxResult, RequestFinalizeBlock, RequestInfo, ResponseFinalizeBlock, ResponseInfo,
};

use super::accounts::{numbers, people, token};
use super::homes::{Plan, comet};
use super::load::{Kind, Pool, USERS};
use super::node::Node;
use super::round::{Load, blocks_for};
use super::rows::{median, more};
use crate::generate::Artifacts;
use crate::wasmd::Program;

/// More than any block holds, so that no block waits for transactions, and less than slows a node down.
const LOAD: Load = Load {
    room: 8_000,
    warm: Duration::from_millis(1_500),
};
/// What the first rounds expect, transactions a second.
const EXPECTED: f64 = 5_000.0;
/// Transactions to sign for each that is expected.
const RESERVE: f64 = 1.6;

struct Side {
    node: Node,
    pools: [Pool; 2],
    expected: [f64; 2],
    rates: [Vec<f64>; 2],
}

/// Runs the rounds. Returns their rows.
pub fn run(program: &Program, artifacts: &Artifacts, rounds: usize, seconds: f64) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let inside = ceiling(folder.path(), "noop", seconds);
    let behind = {
        let socket = format!("unix://{}", folder.path().join("noop.sock").display());
        let _noop = Noop::start(&socket);
        ceiling(folder.path(), &socket, seconds)
    };
    let users = people(2 * USERS + 1);
    let plan = Plan {
        program,
        folder: folder.path(),
        users: &users,
        max_gas: -1,
    };
    let (ours, home) = plan.ours();
    let ours = Side::prepare(ours, &users, artifacts);
    let theirs = Side::prepare(plan.theirs(&home), &users, artifacts);
    let mut sides = [ours, theirs];
    let names = ["signed bank transfers", "cw20 transfers"];
    for round in 0..rounds {
        for (load, name) in names.iter().enumerate() {
            for which in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                sides[which].round(load, name, round, seconds);
            }
        }
    }
    let mut rows = Vec::new();
    for (load, name, target) in [(0, names[0], 3.0), (1, names[1], 2.0)] {
        let [ours, theirs] = [0, 1].map(|which: usize| median(sides[which].rates[load].clone()));
        rows.push(more(
            &format!("{name} end to end through CometBFT, against wasmd"),
            "tx/s",
            ours,
            theirs,
            Some(target),
        ));
        if ours < target * theirs {
            println!(
                "the ceiling: CometBFT with the same load and an application that does nothing makes {:.2} times wasmd's",
                behind / theirs
            );
        }
    }
    rows.push(more(
        "the same load into CometBFT with no application to speak of, behind our socket, against inside it",
        "tx/s",
        behind,
        inside,
        None,
    ));
    rows
}

impl Side {
    fn prepare(mut node: Node, users: &[User], artifacts: &Artifacts) -> Self {
        let (holders, deployer) = (&users[USERS..2 * USERS], &users[2 * USERS]);
        let numbers = numbers(&mut node, users);
        let token = token(&mut node, &artifacts.token, deployer, holders);
        node.freeze();
        Self {
            node,
            pools: [
                Pool::new(Kind::Coins, &users[..USERS], &numbers[..USERS]),
                Pool::new(Kind::Tokens(token), holders, &numbers[USERS..2 * USERS]),
            ],
            expected: [EXPECTED, EXPECTED / 2.0],
            rates: [Vec::new(), Vec::new()],
        }
    }

    fn round(&mut self, load: usize, name: &str, round: usize, seconds: f64) {
        let signed = self.expected[load] * RESERVE * (seconds + 2.0);
        // What takes all cores for a while comes before the node goes on.
        self.pools[load].fill(signed as usize);
        self.node.thaw();
        let (done, ()) = LOAD.run(&mut self.node, &mut self.pools[load], signed, |node| {
            blocks_for(node, seconds);
        });
        self.node.freeze();
        println!(
            "round {}, {name}, {}: {:.0}/s, blocks of {:.0}; cores: {}; the load's busiest connection worked {:.1} % of its time",
            round + 1,
            self.node.name,
            done.rate,
            done.size,
            done.shares,
            done.busy
        );
        self.expected[load] = done.rate;
        self.rates[load].push(done.rate);
    }
}

/// What the load reaches where the application does nothing.
fn ceiling(folder: &Path, application: &str, seconds: f64) -> f64 {
    let mut node = comet(folder, application);
    let users = people(USERS);
    let mut pool = Pool::new(Kind::Coins, &users, &[0; USERS]);
    let signed = 2.0 * EXPECTED * (seconds + 2.0);
    let (done, ()) = LOAD.run(&mut node, &mut pool, signed, |node| {
        blocks_for(node, seconds);
    });
    println!(
        "ceiling with {application}: {:.0}/s, blocks of {:.0}; cores: {}",
        done.rate, done.size, done.shares
    );
    done.rate
}

/// An application that accepts everything and keeps nothing, in a process of its own.
struct Noop(Child);

impl Noop {
    fn start(address: &str) -> Self {
        let here = std::env::current_exe().expect("this program's path");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(here)
            .args(["noop", address])
            .spawn()
            .expect("setpriv of util-linux runs");
        let noop = Self(child);
        while !Path::new(address.trim_start_matches("unix://")).exists() {
            sleep(Duration::from_millis(20));
        }
        noop
    }
}

impl Drop for Noop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves it until the process is ended.
pub fn serve_noop(address: &str) {
    let address = address.parse().expect("an address");
    let server = Server::start(&address, Nothing, Options::default()).expect("it listens");
    while server.wait(Duration::from_secs(3_600)).is_none() {}
}

#[derive(Clone)]
struct Nothing;

impl Application for Nothing {
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
