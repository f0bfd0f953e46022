//! The differential run: the same generated transactions through wasmd and through this chain, and what became of
//! them side by side: codes, texts, data, events, gas, balances, answers to queries.
//!
//! Both applications get the same blocks over ABCI, without a consensus engine. Signatures differ where account numbers
//! do. `make diff-wasmd` builds wasmd first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the run stops at a surprise"
)]

mod allowed;
mod bench;
mod compare;
mod gas;
mod generate;
mod golden;
mod grpc;
mod questions;
mod remote;
mod report;
mod rest;
mod run;
mod stakes;
mod wasmd;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use quern_core::{App, Options};
use quern_testkit::{Chain, Genesis};
use quern_types::AccAddress;

use compare::Difference;
use generate::{Artifacts, Draft, FUNDED, Generator};
use run::{Run, base};
use wasmd::{Program, Wasmd};

/// Sends generated transactions to wasmd and to this chain and compares what becomes of them.
#[derive(Parser)]
struct Arguments {
    /// wasmd 0.61.14, built with the account prefix `quern`.
    #[arg(long)]
    wasmd: PathBuf,
    /// Folder of libwasmvm.x86_64.so.
    #[arg(long)]
    library: PathBuf,
    /// Folder of cw20_base.wasm and probe.wasm.
    #[arg(long, default_value = "contracts/artifacts")]
    artifacts: PathBuf,
    /// Transactions to send, at least.
    #[arg(long, default_value_t = 10_000)]
    txs: usize,
    /// Seed of the generator.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Leave all other messages out and send delegations, rewards and validators only.
    #[arg(long)]
    stakes: bool,
    /// Examples to print of each class of differences.
    #[arg(long, default_value_t = 1)]
    examples: usize,
    /// Print classes of what is allowed, too.
    #[arg(long)]
    allowed: bool,
    /// Write what wasmd says to each common mistake into this file, instead of comparing.
    #[arg(long)]
    golden: Option<PathBuf>,
    /// Measure instead of compare, in this many rounds.
    #[arg(long)]
    bench: Option<usize>,
    /// Seconds of a round end to end.
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// Measure only this; may be given again.
    #[arg(long, value_enum)]
    part: Vec<bench::Part>,
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    if let (Some("noop"), Some(address)) = (words.next().as_deref(), words.next()) {
        bench::serve_noop(&address);
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::parse();
    let folder = arguments.artifacts;
    let read = |name: &str| std::fs::read(folder.join(name)).expect("run make contracts first");
    let artifacts = Artifacts {
        token: read("cw20_base.wasm"),
        probe: read("probe.wasm"),
    };
    let program = Program {
        binary: arguments.wasmd,
        library: arguments.library,
    };
    if let Some(file) = arguments.golden {
        golden::write(&program, &file);
        return ExitCode::SUCCESS;
    }
    if let Some(rounds) = arguments.bench {
        bench::run(&program, &artifacts, rounds, arguments.seconds, &arguments.part);
        return ExitCode::SUCCESS;
    }
    println!("seed {}, {} transactions", arguments.seed, arguments.txs);
    let mut differences = Vec::new();
    if !arguments.stakes {
        differences.extend(everything(&program, artifacts, arguments.seed, arguments.txs));
    }
    // They come besides.
    let staked = arguments.txs.div_ceil(4);
    differences.extend(stakes::compare(&program, &folder, arguments.seed, staked));
    gas::report(&differences);
    if report::print(&differences, arguments.examples, arguments.allowed) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Messages of all kinds but of stakes. Returns what differs.
fn everything(program: &Program, artifacts: Artifacts, seed: u64, txs: usize) -> Vec<Difference> {
    let generator = Generator::new(seed, artifacts);
    let mut genesis = Genesis::new()
        .params(|params| params.block.max_gas = -1)
        .state(|state| state.gov.params = Some(generate::governance_params()));
    for user in &generator.users[..FUNDED] {
        genesis = genesis.fund(user, "1000000000nqrn,1000000other");
    }
    genesis = generate::fund_groups(genesis, &generator.users);
    let (node, theirs) = program.start(&genesis, "0nqrn");
    let folder = tempfile::tempdir().expect("a folder");
    let mut run = Run::new(start(folder.path(), genesis), theirs, generator);
    send(&mut run, txs);
    rest(&mut run, program, &node);
    println!("{run}");
    run.differences
}

/// This chain in a folder.
fn start(folder: &Path, genesis: Genesis) -> Chain<App> {
    let app = App::open(Options::new(folder)).expect("the application opens");
    Chain::start(app, genesis)
}

fn send(run: &mut Run, txs: usize) {
    run.empty_blocks(1);
    let drafts = run.generator.preparation();
    run.block_and_ask(&drafts);
    let drafts = run.generator.instances();
    run.block_and_ask(&drafts);
    while run.sent < txs {
        let drafts = run.generator.block(25);
        run.block_and_ask(&drafts);
        if run.ours.height % 10 == 0 {
            let asks = run.generator.questions();
            run.ask(&asks);
        }
        run.progress();
    }
}

/// Asks both over REST what the transactions left behind.
fn rest(run: &mut Run, program: &Program, node: &Wasmd) {
    let sides = rest::Sides::new(&run.ours.app, node.rest);
    let drafts: Vec<Draft> = (0..4).flat_map(|_| run.generator.block(25)).collect();
    let account = |address: &AccAddress| base(&run.ours, address);
    let samples = drafts
        .iter()
        .map(|draft| draft.signed(&run.generator.users, account));
    let samples = samples.collect();
    let known = &run.generator.known;
    let known = rest::Known {
        users: (0..6)
            .map(|index| run.generator.users[index].address().to_string())
            .collect(),
        contracts: {
            let two = |found: &[String]| found.iter().take(2).cloned().collect::<Vec<_>>();
            [two(&known.token_contracts), two(&known.probe_contracts)].concat()
        },
        proposals: known.proposals,
        height: u64::try_from(run.ours.height).unwrap_or_default(),
        ..rest::Known::default()
    };
    let entries = sides.entries.clone();
    let calls = grpc::Sides::new(sides.grpc, node.grpc);
    let (asked, differences) = calls.compare(&entries, &rest::SAME, &known);
    println!("{asked} calls over gRPC, {} statuses differ", differences.len());
    run.differences.extend(differences);
    let (asked, differences) = sides.compare(&known, &samples);
    println!("{asked} requests over REST, {} answers differ", differences.len());
    run.differences.extend(differences);
    let (asked, differences) = rest::compare_live(program, &entries);
    println!("{asked} to whole nodes, {} answers differ", differences.len());
    run.differences.extend(differences);
}
