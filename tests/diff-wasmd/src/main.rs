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
mod generate;
mod golden;
mod questions;
mod remote;
mod report;
mod rest;
mod wasmd;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use quern_core::{App, Options};
use quern_proto::cosmos::auth::v1beta1::BaseAccount;
use quern_testkit::{Chain, Genesis};
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::ExecTxResult;

use compare::{Difference, Kind, Tally};
use generate::{Artifacts, Draft, FUNDED, Generator};
use remote::Remote;

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
    /// Examples to print of each class of differences.
    #[arg(long, default_value_t = 1)]
    examples: usize,
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
    let read = |name: &str| std::fs::read(arguments.artifacts.join(name)).expect("run make contracts first");
    let artifacts = Artifacts {
        token: read("cw20_base.wasm"),
        probe: read("probe.wasm"),
    };
    let program = wasmd::Program {
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
    let generator = Generator::new(arguments.seed, artifacts);
    let mut genesis = Genesis::new()
        .params(|params| params.block.max_gas = -1)
        .state(|state| state.gov.params = Some(generate::governance_params()));
    for user in &generator.users[..FUNDED] {
        genesis = genesis.fund(user, "1000000000nqrn,1000000other");
    }
    let (node, theirs) = program.start(&genesis, "0nqrn");
    let folder = tempfile::tempdir().expect("a folder");
    let app = App::open(Options::new(folder.path())).expect("the application opens");
    let ours = Chain::start(app, genesis);
    let mut run = Run {
        ours,
        theirs,
        generator,
        tally: Tally::default(),
        sent: 0,
        asked: 0,
        differences: Vec::new(),
    };
    run.all(arguments.txs);
    run.rest(&program, node.rest);
    run.report(arguments.examples)
}

struct Run {
    ours: Chain<App>,
    theirs: Chain<Remote>,
    generator: Generator,
    tally: Tally,
    sent: usize,
    asked: usize,
    differences: Vec<Difference>,
}

impl Run {
    fn all(&mut self, txs: usize) {
        self.ours.empty_blocks(1);
        self.theirs.empty_blocks(1);
        let drafts = self.generator.preparation();
        self.block(&drafts);
        let drafts = self.generator.instances();
        self.block(&drafts);
        while self.sent < txs {
            let drafts = self.generator.block(25);
            self.block(&drafts);
            if self.ours.height % 10 == 0 {
                let asks = self.generator.questions();
                self.ask(&asks);
            }
            if self.ours.height % 100 == 0 {
                eprintln!(
                    "{} transactions, {} differences",
                    self.sent,
                    self.differences.len()
                );
            }
        }
    }

    fn block(&mut self, drafts: &[Draft]) {
        let users = &self.generator.users;
        let sign = |draft: &Draft, account: &BaseAccount| {
            let user = &users[draft.user];
            draft
                .mangle
                .sign(&draft.tx, user, account.account_number, account.sequence)
        };
        let mut both = [Vec::new(), Vec::new()];
        for draft in drafts {
            let user = &users[draft.user];
            let (ours, theirs) = (base(&self.ours, user), base(&self.theirs, user));
            both[0].push(sign(draft, &ours));
            both[1].push(sign(draft, &theirs));
        }
        let [first, second] = both;
        for ((draft, first), second) in drafts.iter().zip(&first).zip(&second) {
            let what = || {
                format!(
                    "{} at the mempool ({:?}): {}",
                    draft.what,
                    draft.mangle,
                    describe(draft)
                )
            };
            let (ours, theirs) = (self.ours.check(first), self.theirs.check(second));
            self.differences.extend(compare::admissions(what, &ours, &theirs));
        }
        let ours = self.ours.block(first).tx_results;
        let theirs = self.theirs.block(second).tx_results;
        for ((draft, ours), theirs) in drafts.iter().zip(&ours).zip(&theirs) {
            let what = format!(
                "{} in block {} ({:?}): {}",
                draft.what,
                self.ours.height,
                draft.mangle,
                describe(draft)
            );
            self.differences.extend(compare::results(&what, ours, theirs));
            self.tally.count(theirs);
            if ours.code == 0 && theirs.code == 0 {
                learn(&mut self.generator, draft, ours);
            }
        }
        self.sent += drafts.len();
        let touched: Vec<usize> = drafts.iter().map(|draft| draft.user).collect();
        let asks = self.generator.after(&touched);
        self.ask(&asks);
    }

    fn ask(&mut self, asks: &[questions::Question]) {
        for ask in asks {
            let answer = |chain: &dyn Fn(&str, Vec<u8>) -> _| chain(ask.path, ask.request.clone());
            let ours = answer(&|path, data| self.ours.query_raw(path, data, 0, false));
            let theirs = answer(&|path, data| self.theirs.query_raw(path, data, 0, false));
            let what = format!("{} {} at {}", ask.path, ask.about, self.ours.height);
            self.differences.extend(compare::answers(&what, &ours, &theirs));
            self.asked += 1;
        }
    }

    /// Asks both over REST what the transactions left behind.
    fn rest(&mut self, program: &wasmd::Program, theirs: std::net::SocketAddr) {
        let sides = rest::Sides::new(&self.ours.app, theirs);
        let drafts: Vec<Draft> = (0..4).flat_map(|_| self.generator.block(25)).collect();
        let samples = drafts.iter().map(|draft| {
            let user = &self.generator.users[draft.user];
            let account = base(&self.ours, user);
            draft
                .mangle
                .sign(&draft.tx, user, account.account_number, account.sequence)
        });
        let samples = samples.collect();
        let known = &self.generator.known;
        let known = rest::Known {
            users: (0..6)
                .map(|index| self.generator.users[index].address().to_string())
                .collect(),
            contracts: {
                let two = |found: &[String]| found.iter().take(2).cloned().collect::<Vec<_>>();
                [two(&known.token_contracts), two(&known.probe_contracts)].concat()
            },
            proposals: known.proposals,
            height: u64::try_from(self.ours.height).unwrap_or_default(),
            ..rest::Known::default()
        };
        let entries = sides.entries.clone();
        let (asked, differences) = sides.compare(&known, &samples);
        println!("{asked} requests over REST, {} answers differ", differences.len());
        self.differences.extend(differences);
        let (asked, differences) = rest::compare_live(program, &entries);
        println!("{asked} to whole nodes, {} answers differ", differences.len());
        self.differences.extend(differences);
    }

    /// How far the gas of transactions that used any differs.
    fn report_gas(&self) {
        let mut percents: Vec<i64> = (self.differences.iter())
            .filter(|d| d.kind == Kind::GasUsed)
            .filter_map(|d| Some((d.ours.parse::<i64>().ok()?, d.theirs.parse::<i64>().ok()?)))
            .filter(|(_, theirs)| *theirs > 0)
            .map(|(ours, theirs)| ours * 100 / theirs)
            .collect();
        percents.sort_unstable();
        let (Some(least), Some(most)) = (percents.first(), percents.last()) else {
            return;
        };
        let median = percents[percents.len() / 2];
        println!("gas where it differs: {median} % of wasmd's at the median, from {least} % to {most} %\n");
    }

    fn report(&self, examples: usize) -> ExitCode {
        println!(
            "{} transactions, {} queries; as wasmd ended them:\n{}",
            self.sent, self.asked, self.tally
        );
        self.report_gas();
        if report::print(&self.differences, examples) {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// A user's number and sequence, whatever kind of account it is; zeros if there is none.
fn base<A: Application>(chain: &Chain<A>, user: &quern_testkit::User) -> BaseAccount {
    questions::account(chain, &user.address().to_string()).unwrap_or_default()
}

fn describe(draft: &Draft) -> String {
    let body = &draft.tx.body;
    let urls: Vec<&str> = body
        .messages
        .iter()
        .map(|m| m.type_url.rsplit('.').next().unwrap_or(""))
        .collect();
    let texts: Vec<String> = body
        .messages
        .iter()
        .map(|m| String::from_utf8_lossy(&m.value).into_owned())
        .collect();
    let fee = &draft.tx.fee;
    format!(
        "user {} {urls:?} fee {:?} granter {:?} payer {:?} {texts:?}",
        draft.user, fee.amount, fee.granter, fee.payer
    )
    .chars()
    .filter(|c| !c.is_control())
    .take(260)
    .collect()
}

/// Takes down what the transaction made.
fn learn(generator: &mut Generator, draft: &Draft, result: &ExecTxResult) {
    let attribute = |kind: &str, key: &str| -> Option<String> {
        let event = result.events.iter().find(|event| event.r#type == kind)?;
        Some(event.attributes.iter().find(|a| a.key == key)?.value.clone())
    };
    if let Some(code) = attribute("store_code", "code_id").and_then(|id| id.parse().ok()) {
        if draft.what == "store" && draft.user == 0 && generator.known.tokens.is_empty() {
            generator.known.tokens.push(code);
        } else if draft.what == "store" && draft.user == 1 && generator.known.probes.is_empty() {
            generator.known.probes.push(code);
        }
    }
    if let Some(id) = attribute("submit_proposal", "proposal_id").and_then(|id| id.parse().ok()) {
        generator.known.proposals = id;
    }
    let (Some(code), Some(contract)) = (
        attribute("instantiate", "code_id"),
        attribute("instantiate", "_contract_address"),
    ) else {
        return;
    };
    let known = &mut generator.known;
    let code: u64 = code.parse().unwrap_or(0);
    if known.tokens.contains(&code) {
        known.token_contracts.push(contract);
    } else if known.probes.contains(&code) {
        known.probe_contracts.push(contract);
    }
}
