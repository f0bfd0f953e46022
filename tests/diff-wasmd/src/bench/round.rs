//! One measured stretch of load, as the blocks tell it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::http;
use super::load::{Flags, Pool};
use super::node::{Block, Node, shares};
use super::rows::median;

/// How long the last transactions may take into a block.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the blocks of the stretch say.
pub struct Round {
    /// Transactions a second.
    pub rate: f64,
    /// Blocks a second.
    pub pace: f64,
    /// Transactions of the block in the middle of them all, by size.
    pub size: f64,
    /// First and last height of the stretch.
    pub heights: (u64, u64),
    /// Who used the cores.
    pub shares: String,
    /// Part of its time that the busiest connection of the load did not wait, in percent.
    pub busy: f64,
}

/// How a load is put on.
#[derive(Clone, Copy)]
pub struct Load {
    /// Transactions in the mempool at most.
    pub room: u64,
    /// How long it goes on before the clock runs.
    pub warm: Duration,
}

impl Load {
    /// Puts the load on the node while `during` runs, waits until every transaction is in a block, and asserts that they
    /// passed. Signs twice as many and does it again where those signed did not suffice.
    pub fn run<T>(
        self,
        node: &mut Node,
        pool: &mut Pool,
        mut signed: f64,
        during: impl Fn(&Node) -> T,
    ) -> (Round, T) {
        loop {
            pool.fill(signed as usize);
            if let Some(done) = self.once(node, pool, &during) {
                return done;
            }
            println!("{}: {signed:.0} transactions were too few, once more", node.name);
            signed *= 2.0;
        }
    }

    fn once<T>(self, node: &mut Node, pool: &mut Pool, during: impl Fn(&Node) -> T) -> Option<(Round, T)> {
        let first = node.height().expect("it answers") + 1;
        let flags = Flags::default();
        let asked: &Node = node;
        let (sent, stretch, spent, outcome) = scope(|threads| {
            let lanes = pool.send(threads, asked, self.room, &flags);
            // Whatever happens meanwhile, the threads end.
            let end = End(&flags.stop);
            sleep(self.warm);
            let (before, from) = (asked.ticks(), now());
            let outcome = during(asked);
            let (after, to) = (asked.ticks(), now());
            drop(end);
            let sent: Vec<_> = lanes
                .into_iter()
                .map(|lane| lane.join().expect("a thread").expect("the node takes them"))
                .collect();
            (sent, (from, to), (before, after), outcome)
        });
        let took = (self.warm.as_secs_f64() + stretch.1 - stretch.0).max(1.0);
        let txs: u64 = sent.iter().map(|lane| lane.txs).sum();
        let busy = sent.iter().map(|lane| lane.busy).fold(0.0, f64::max);
        node.wait("an empty mempool", |node| node.waiting() == Some(0));
        let blocks = included(node, first, txs);
        if sent.iter().any(|lane| lane.dry) {
            return None;
        }
        let inside: Vec<&Block> = blocks
            .iter()
            .filter(|block| (stretch.0..=stretch.1).contains(&block.time))
            .collect();
        let [begin, _, .., end] = inside[..] else {
            panic!(
                "{}: {} blocks in {took:.0} s are too few",
                node.name,
                inside.len()
            );
        };
        let seconds = end.time - begin.time;
        let counted = &inside[..inside.len() - 1];
        let txs: u64 = counted.iter().map(|block| block.txs).sum();
        all_passed(node, counted[counted.len() / 2].height);
        let round = Round {
            rate: txs as f64 / seconds,
            pace: counted.len() as f64 / seconds,
            size: median(counted.iter().map(|block| block.txs as f64).collect()),
            heights: (begin.height, end.height),
            shares: shares(&spent.0, &spent.1),
            busy: 100.0 * busy / took,
        };
        Some((round, outcome))
    }
}

/// Waits so many seconds, and until there are blocks enough to measure between.
pub fn blocks_for(node: &Node, seconds: f64) {
    let (started, first) = (Instant::now(), node.height());
    let enough = |node: &Node| node.height() >= first.map(|height| height + 5);
    while started.elapsed().as_secs_f64() < seconds || !enough(node) && started.elapsed() < PATIENCE {
        sleep(Duration::from_millis(100));
    }
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("after 1970").as_secs_f64()
}

/// The blocks from `first` on that hold all of these transactions.
fn included(node: &Node, first: u64, txs: u64) -> Vec<Block> {
    let started = Instant::now();
    loop {
        let last = node.height().expect("it answers");
        let blocks = if last < first {
            Vec::new()
        } else {
            node.blocks(first, last)
        };
        let found: u64 = blocks.iter().map(|block| block.txs).sum();
        if found == txs {
            return blocks;
        }
        assert!(
            found < txs && started.elapsed() < PATIENCE,
            "{}: {found} transactions in blocks, {txs} sent:\n{}",
            node.name,
            node.log_tail()
        );
        sleep(Duration::from_millis(100));
    }
}

/// Asserts that no transaction of this block failed.
fn all_passed(node: &Node, height: u64) {
    let answer = http::get(node.rpc, &format!("/block_results?height={height}")).expect("an answer");
    let results = answer.pointer("/result/txs_results").and_then(Value::as_array);
    for result in results.into_iter().flatten() {
        assert_eq!(result["code"], 0, "{}: {result}", node.name);
    }
}
