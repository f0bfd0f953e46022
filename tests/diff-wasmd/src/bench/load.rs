//! The load: transactions that are signed before the clock runs, sent through CometBFT's RPC in batches.
//!
//! Each connection has accounts of its own, so that their sequences arrive in order. A connection sends its next batch
//! when the last is answered and the mempool has room: the node is never without work, and never drowned in it.

use std::collections::VecDeque;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Scope, ScopedJoinHandle, scope, sleep};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quern_proto::cosmwasm::wasm::v1::MsgExecuteContract;
use quern_testkit::{TxBuilder, User, any, bank_send};
use serde_json::{Value, json};

use super::http::{Client, get_request, post_request};
use super::node::{Node, number};

/// Connections.
const LANES: usize = 4;
/// CometBFT closes connections that were idle for ten seconds.
const IDLE: Duration = Duration::from_secs(4);
/// Transactions of one request.
const BATCH: usize = 64;
/// Accounts that send.
pub const USERS: usize = LANES * BATCH;

/// Gas that a transfer of coins is given.
pub const TRANSFER_GAS: i64 = 120_000;

/// What the transactions do.
#[derive(Clone)]
pub enum Kind {
    /// Send coins.
    Coins,
    /// Transfer tokens of this contract.
    Tokens(String),
}

/// Transactions of one kind for one chain.
pub struct Pool {
    kind: Kind,
    lanes: Vec<Lane>,
}

struct Lane {
    users: Vec<User>,
    numbers: Vec<u64>,
    sequence: u64,
    ready: VecDeque<Vec<u8>>,
}

/// What one connection did.
pub struct Sent {
    /// Transactions that the node took.
    pub txs: u64,
    /// Seconds that it worked, and had neither to wait for an answer nor for room.
    pub busy: f64,
    /// Whether it ran out of signed transactions.
    pub dry: bool,
}

impl Pool {
    /// Users with the numbers of their accounts, which have signed nothing yet.
    pub fn new(kind: Kind, users: &[User], numbers: &[u64]) -> Self {
        assert_eq!((users.len(), numbers.len()), (USERS, USERS));
        let lanes = users.chunks(BATCH).zip(numbers.chunks(BATCH));
        let lanes = lanes.map(|(users, numbers)| Lane {
            users: users.to_vec(),
            numbers: numbers.to_vec(),
            sequence: 0,
            ready: VecDeque::new(),
        });
        Self {
            kind,
            lanes: lanes.collect(),
        }
    }

    /// Signs until this many transactions are ready.
    pub fn fill(&mut self, txs: usize) {
        let batches = txs.div_ceil(USERS);
        let kind = &self.kind;
        scope(|threads| {
            for lane in &mut self.lanes {
                threads.spawn(move || {
                    while lane.ready.len() < batches {
                        let batch = lane.batch(kind);
                        lane.ready.push_back(batch);
                    }
                });
            }
        });
    }

    /// Sends until told to stop, with `room` transactions in the mempool at most.
    pub fn send<'a>(
        &'a mut self,
        threads: &'a Scope<'a, '_>,
        node: &Node,
        room: u64,
        stop: &'a Flags,
    ) -> Vec<ScopedJoinHandle<'a, Result<Sent>>> {
        let rpc = node.rpc;
        threads.spawn(move || {
            while !stop.stop.load(Ordering::Relaxed) {
                // A node that does not answer now has work enough.
                let full = Client::connect(rpc).and_then(|mut client| watch(&mut client, room, stop));
                stop.full.store(full.is_err(), Ordering::Relaxed);
                sleep(Duration::from_millis(20));
            }
        });
        let lanes = self.lanes.iter_mut();
        lanes
            .map(|lane| threads.spawn(move || lane.send(rpc, stop)))
            .collect()
    }
}

/// Between the threads of a load.
#[derive(Default)]
pub struct Flags {
    /// Set to end the load.
    pub stop: AtomicBool,
    full: AtomicBool,
}

/// Keeps the flag that says whether the mempool is full.
fn watch(client: &mut Client, room: u64, flags: &Flags) -> Result<()> {
    let request = get_request("/num_unconfirmed_txs");
    while !flags.stop.load(Ordering::Relaxed) {
        let (_, body) = client.send(&request)?;
        let answer: Value = serde_json::from_slice(&body)?;
        let waiting = answer.pointer("/result/n_txs").and_then(number);
        let waiting = waiting.ok_or_else(|| Error::other(format!("no count: {answer}")))?;
        flags.full.store(waiting >= room, Ordering::Relaxed);
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

impl Lane {
    /// The next transaction of every user, as one request.
    fn batch(&mut self, kind: &Kind) -> Vec<u8> {
        let count = self.users.len();
        let calls = (0..count).map(|index| {
            let (from, to) = (&self.users[index], &self.users[(index * 7 + 1) % count]);
            let tx = transaction(kind, from, to, self.numbers[index], self.sequence);
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"broadcast_tx_async","params":{{"tx":"{}"}}}}"#,
                STANDARD.encode(tx)
            )
        });
        let body = format!("[{}]", calls.collect::<Vec<_>>().join(","));
        self.sequence += 1;
        post_request(&body)
    }

    fn send(&mut self, rpc: SocketAddr, flags: &Flags) -> Result<Sent> {
        let mut client = Client::connect(rpc)?;
        let started = Instant::now();
        let mut used = started;
        let mut idle = Duration::ZERO;
        let mut sent = Sent {
            txs: 0,
            busy: 0.0,
            dry: false,
        };
        while !flags.stop.load(Ordering::Relaxed) {
            let waits = Instant::now();
            if flags.full.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(2));
                idle += waits.elapsed();
                continue;
            }
            let Some(request) = self.ready.pop_front() else {
                sent.dry = true;
                break;
            };
            if used.elapsed() > IDLE {
                client = Client::connect(rpc)?;
            }
            let (status, body) = client.send(&request)?;
            used = Instant::now();
            idle += waits.elapsed();
            let text = String::from_utf8_lossy(&body);
            if status != 200 || text.contains("\"error\"") {
                return Err(Error::other(format!("{status}: {}", start_of(&text))));
            }
            sent.txs += self.users.len() as u64;
        }
        sent.busy = (started.elapsed() - idle).as_secs_f64();
        Ok(sent)
    }
}

fn start_of(text: &str) -> String {
    let at = text.find("\"error\"").unwrap_or(0);
    text[at..].chars().take(300).collect()
}

/// A signed transfer.
fn transaction(kind: &Kind, from: &User, to: &User, number: u64, sequence: u64) -> Vec<u8> {
    let (message, gas) = match kind {
        Kind::Coins => (bank_send(from, to, "1nqrn"), TRANSFER_GAS.unsigned_abs()),
        Kind::Tokens(contract) => {
            let order = json!({"transfer": {"recipient": to.address().to_string(), "amount": "1"}});
            let message = MsgExecuteContract {
                sender: from.address().to_string(),
                contract: contract.clone(),
                msg: order.to_string().into_bytes(),
                funds: vec![],
            };
            (any(&message), 300_000)
        }
    };
    let tx = TxBuilder::new(number, sequence).gas(gas).message(message);
    tx.fee("5000nqrn").sign(from)
}
