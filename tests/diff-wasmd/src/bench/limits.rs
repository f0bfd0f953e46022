//! At the chain's own limits of a block, its default genesis, and the localnet's pace: what a balance takes over REST,
//! idle and while every block is full, and how fast a fresh node replays full blocks.

use std::net::SocketAddr;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use quern_testkit::User;
use serde_json::Value;

use super::accounts::{numbers, people};
use super::homes::Plan;
use super::http::{Client, get_request};
use super::load::{Kind, Pool, TRANSFER_GAS, USERS};
use super::node::{Node, shares};
use super::round::{Load, Round, blocks_for};
use super::rows::{less, median, more};
use crate::wasmd::Program;

/// Gas of a block in a default genesis.
const MAX_GAS: i64 = 40_000_000;
/// Transfers that fill it.
const FULL: f64 = (MAX_GAS / TRANSFER_GAS) as f64;
/// Three blocks wait all the time.
const LOAD: Load = Load {
    room: 1_000,
    warm: Duration::from_secs(2),
};
/// Transactions signed for a second of load; three blocks, which its pace does not reach.
const SIGNED: f64 = 1_200.0;
/// Requests a second, at either node.
const RATE: f64 = 200.0;
/// Connections that make them.
const CONNECTIONS: usize = 16;
/// How long one pass of requests takes, in seconds.
const PASS: f64 = 8.0;
/// How long blocks are made for each replay, in seconds.
const PRODUCTION: f64 = 15.0;

struct Side {
    node: Node,
    pool: Pool,
    idle: Vec<f64>,
    busy: Vec<f64>,
    sizes: Vec<f64>,
}

/// Runs the rounds: at each node in turns a pass of requests, idle and under full blocks, then as often full blocks and
/// their replay. Returns the rows.
pub fn run(program: &Program, rounds: usize) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let users = people(USERS);
    let plan = Plan {
        program,
        folder: folder.path(),
        users: &users,
        max_gas: MAX_GAS,
    };
    let (ours, home) = plan.ours();
    let ours = Side::prepare(ours, &users);
    let mut sides = [ours, Side::prepare(plan.theirs(&home), &users)];
    let requests: Vec<_> = users.iter().map(balance).collect();
    for round in 0..rounds {
        for which in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            sides[which].idle(&requests);
            sides[which].full(&requests);
        }
    }
    let mut rows = latencies(&sides);
    let [mut ours, theirs] = sides;
    drop(theirs);
    let (mut made, mut replayed, mut size) = (Vec::new(), Vec::new(), f64::MAX);
    for _ in 0..rounds {
        let (done, ()) = ours.load(PRODUCTION, |node| blocks_for(node, PRODUCTION));
        println!(
            "full load: {:.2} blocks/s of {:.0} transactions; cores: {}",
            done.pace, done.size, done.shares
        );
        ours.node.thaw();
        replayed.push(replay(&mut plan.follower(&home), done.heights));
        ours.node.freeze();
        made.push(done.pace);
        size = size.min(done.size);
    }
    rows.push(more(
        &format!(
            "replay by a fresh node of blocks of {size:.0} transfers, against their production by one node at full load"
        ),
        "blocks/s",
        median(replayed),
        median(made),
        Some(6.0),
    ));
    rows
}

fn balance(user: &User) -> Vec<u8> {
    let address = user.address();
    get_request(&format!(
        "/cosmos/bank/v1beta1/balances/{address}/by_denom?denom=nqrn"
    ))
}

impl Side {
    fn prepare(mut node: Node, users: &[User]) -> Self {
        let numbers = numbers(&mut node, users);
        node.freeze();
        Self {
            node,
            pool: Pool::new(Kind::Coins, users, &numbers),
            idle: Vec::new(),
            busy: Vec::new(),
            sizes: Vec::new(),
        }
    }

    fn idle(&mut self, requests: &[Vec<u8>]) {
        self.node.thaw();
        let took = ask(self.node.rest, requests);
        self.node.freeze();
        self.report("idle", &took);
        self.idle.extend(took);
    }

    fn full(&mut self, requests: &[Vec<u8>]) {
        let rest = self.node.rest;
        let (done, took) = self.load(PASS, |node| {
            let took = ask(rest, requests);
            blocks_for(node, 0.0);
            took
        });
        self.report(
            &format!("blocks of {:.0}; cores: {}", done.size, done.shares),
            &took,
        );
        self.busy.extend(took);
        self.sizes.push(done.size);
    }

    fn load<T>(&mut self, seconds: f64, during: impl Fn(&Node) -> T) -> (Round, T) {
        let signed = SIGNED * (seconds + LOAD.warm.as_secs_f64());
        self.pool.fill(signed as usize);
        self.node.thaw();
        let done = LOAD.run(&mut self.node, &mut self.pool, signed, during);
        self.node.freeze();
        done
    }

    fn report(&self, what: &str, took: &[f64]) {
        println!(
            "balances over REST, {}, {what}: p50 {:.2} ms, p99 {:.2} ms of {}",
            self.node.name,
            percentile(took, 50),
            percentile(took, 99),
            took.len()
        );
    }
}

fn latencies(sides: &[Side; 2]) -> Vec<Value> {
    let mut rows = Vec::new();
    let full = sides.iter().flat_map(|side| &side.sizes).copied();
    let full = full.fold(f64::MAX, f64::min) >= 0.95 * FULL;
    if !full {
        println!("not every block was full: the machine is slower than the pace");
    }
    let loaded = if full {
        "blocks are full"
    } else {
        "the mempool is full"
    };
    let states: [(&str, [&[f64]; 2]); 2] = [
        ("idle", [&sides[0].idle, &sides[1].idle]),
        (loaded, [&sides[0].busy, &sides[1].busy]),
    ];
    for (state, [ours, theirs]) in states {
        for (percent, target) in [(50, None), (99, Some(1.0))] {
            rows.push(less(
                &format!("balance over REST at {RATE} requests a second, {state}, p{percent}, against wasmd"),
                "ms",
                percentile(ours, percent),
                percentile(theirs, percent),
                target,
            ));
        }
    }
    rows
}

/// Asks for balances at the rate. Returns how long each took, in milliseconds.
fn ask(rest: SocketAddr, requests: &[Vec<u8>]) -> Vec<f64> {
    let slots = (RATE * PASS) as usize;
    let begin = Instant::now() + Duration::from_millis(50);
    let connection = move |which: usize| {
        let mut client = Client::connect(rest).expect("it listens");
        let mut took = Vec::new();
        for slot in (which..slots).step_by(CONNECTIONS) {
            let due = begin + Duration::from_secs_f64(slot as f64 / RATE);
            // One that is late since the last was slow counts from when it was due.
            let mut started = due;
            if let Some(early) = due.checked_duration_since(Instant::now()) {
                sleep(early);
                started = Instant::now();
            }
            let (status, body) = client.send(&requests[slot % requests.len()]).expect("an answer");
            took.push(started.elapsed().as_secs_f64() * 1e3);
            let text = String::from_utf8_lossy(&body);
            assert!(status == 200 && text.contains("\"amount\""), "{status}: {text}");
        }
        took
    };
    scope(|threads| {
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|which| threads.spawn(move || connection(which)))
            .collect();
        let answers = connections
            .into_iter()
            .map(|thread| thread.join().expect("a thread"));
        answers.flatten().collect()
    })
}

fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent).div_ceil(100) - 1]
}

/// Blocks a second at which the follower comes from the first to the last of these heights.
fn replay(node: &mut Node, (from, to): (u64, u64)) -> f64 {
    let mut reached = |height| {
        node.wait("a block to replay", |node| node.height() >= Some(height));
        (node.height().expect("it answers"), Instant::now(), node.ticks())
    };
    let (begin, started, before) = reached(from);
    let (end, ended, after) = reached(to);
    let seconds = (ended - started).as_secs_f64();
    println!(
        "replayed {} blocks in {seconds:.2} s; cores: {}",
        end - begin,
        shares(&before, &after)
    );
    (end - begin) as f64 / seconds
}
