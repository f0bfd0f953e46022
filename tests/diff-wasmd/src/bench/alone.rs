//! Throughput beside wasmd: signed transfers of coins and of cw20 tokens, both applications alone behind the same kind
//! of socket, in rounds that alternate between them. Writes `target/bench/wasmd.json`.
//!
//! This chain's commits are on disk when they return; wasmd leaves its own to the operating system.
#![allow(
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    reason = "a benchmark measures time, and its figures are for people"
)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use quern_abci::{Address, Server};
use quern_core::{App, Options};
use quern_proto::Any;
use quern_proto::cosmwasm::wasm::v1::{MsgExecuteContract, MsgInstantiateContract, MsgStoreCode};
use quern_testkit::{Chain, Genesis, TxBuilder, User, any, bank_send};
use serde_json::json;
use tendermint_proto::v0_38::abci::{RequestCheckTx, request::Value as Ask, response::Value as Answer};

use crate::generate::Artifacts;
use crate::questions::account;
use crate::remote::Remote;
use crate::wasmd::Program;

/// Who sends.
const USERS: usize = 250;
/// Transactions of one block.
const TXS: usize = 2_000;

/// A chain and what its next transactions need.
struct Side {
    chain: Chain<Remote>,
    /// Number and sequence of each user.
    accounts: Vec<(u64, u64)>,
    token: String,
}

/// Seconds that a block's transactions took.
struct Took {
    admission: f64,
    block: f64,
}

#[derive(Clone, Copy)]
enum Load {
    Coins,
    Tokens,
}

/// Runs the rounds and prints what they say.
pub fn run(program: &Program, artifacts: &Artifacts, rounds: usize) {
    let users: Vec<User> = (0..USERS).map(|i| User::new(&format!("bench {i}"))).collect();
    let mut genesis = Genesis::new().params(|params| params.block.max_gas = -1);
    for user in &users {
        genesis = genesis.fund(user, "1000000000000nqrn");
    }
    let (_node, theirs) = program.start(&genesis, "0nqrn");
    let folder = tempfile::tempdir().expect("a folder");
    let app = App::open(Options::new(folder.path())).expect("the application opens");
    let any_port = "tcp://127.0.0.1:0".parse().expect("an address");
    let server = Server::start(&any_port, app, quern_abci::Options::default()).expect("it listens");
    let Address::Tcp(address) = server.address() else {
        panic!("another kind of address: {}", server.address());
    };
    let remote = Remote::connect(*address, Duration::from_secs(10)).expect("it listens");
    let ours = Chain::start(remote, genesis);
    let mut sides = [ours, theirs].map(|chain| Side::prepare(chain, &users, artifacts));
    let mut figures = Vec::new();
    for (name, load, target) in [
        ("signed bank transfers", Load::Coins, 3.0),
        ("cw20 transfers", Load::Tokens, 2.0),
    ] {
        let mut took = [Vec::new(), Vec::new()];
        for round in 0..rounds {
            for which in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
                took[which].push(sides[which].round(&users, load));
            }
            let rate = |which: usize| took[which].last().map_or(0.0, Took::rate);
            println!(
                "round {}, {name}: ours {:.0}/s, wasmd {:.0}/s",
                round + 1,
                rate(0),
                rate(1)
            );
        }
        let median = |which: usize, of: fn(&Took) -> f64| -> f64 {
            let mut rates: Vec<f64> = took[which].iter().map(of).collect();
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        };
        for (part, of, target) in [
            (
                "admitted, executed and committed",
                Took::rate as fn(&Took) -> f64,
                Some(target),
            ),
            (
                "executed and committed, as in a replay",
                Took::block_rate as fn(&Took) -> f64,
                None,
            ),
        ] {
            let (ours, theirs) = (median(0, of), median(1, of));
            let ratio = ours / theirs;
            println!("{name} {part}: ours {ours:.0}/s, wasmd {theirs:.0}/s, ratio {ratio:.2}");
            figures.push(json!({
                "name": format!("{name} {part}, application alone, against wasmd"),
                "ours": ours, "comparator": theirs, "ratio": ratio, "target": target,
                "unit": "tx/s", "holds": target.map(|target| ratio >= target),
            }));
        }
    }
    fs::create_dir_all("target/bench").expect("a folder");
    fs::write(
        Path::new("target/bench/wasmd.json"),
        format!("{:#}\n", json!(figures)),
    )
    .expect("a file");
}

impl Took {
    fn rate(&self) -> f64 {
        TXS as f64 / (self.admission + self.block)
    }

    fn block_rate(&self) -> f64 {
        TXS as f64 / self.block
    }
}

impl Side {
    /// Stores the token's code and makes an instance in which every user has some.
    fn prepare(mut chain: Chain<Remote>, users: &[User], artifacts: &Artifacts) -> Self {
        chain.empty_blocks(1);
        let balances: Vec<_> = users
            .iter()
            .map(|user| json!({"address": user.address().to_string(), "amount": "1000000000"}))
            .collect();
        let init = json!({"name": "Bench", "symbol": "BENCH", "decimals": 6, "initial_balances": balances});
        let sender = users[0].address().to_string();
        let mut side = Self {
            accounts: users
                .iter()
                .map(|user| number_and_sequence(&chain, user))
                .collect(),
            chain,
            token: String::new(),
        };
        side.alone(
            &users[0],
            any(&MsgStoreCode {
                sender: sender.clone(),
                wasm_byte_code: artifacts.token.clone(),
                instantiate_permission: None,
            }),
        );
        let made = side.alone(
            &users[0],
            any(&MsgInstantiateContract {
                sender,
                admin: String::new(),
                code_id: 1,
                label: "bench".into(),
                msg: init.to_string().into_bytes(),
                funds: vec![],
            }),
        );
        side.token = made.expect("a contract's address");
        side
    }

    /// One transaction of the first user; the contract that it made.
    fn alone(&mut self, user: &User, message: Any) -> Option<String> {
        let (number, sequence) = self.accounts[0];
        let tx = TxBuilder::new(number, sequence).gas(100_000_000).message(message);
        self.accounts[0].1 += 1;
        let answer = self.chain.block([tx.sign(user)]);
        let result = &answer.tx_results[0];
        assert_eq!(result.code, 0, "{}", result.log);
        let event = result.events.iter().find(|e| e.r#type == "instantiate")?;
        let address = event.attributes.iter().find(|a| a.key == "_contract_address")?;
        Some(address.value.clone())
    }

    fn round(&mut self, users: &[User], load: Load) -> Took {
        let txs: Vec<Vec<u8>> = (0..TXS).map(|index| self.transfer(users, index, load)).collect();
        let asks = txs.iter().map(|tx| {
            Ask::CheckTx(RequestCheckTx {
                tx: tx.clone().into(),
                ..Default::default()
            })
        });
        let asks = asks.collect();
        let started = Instant::now();
        let admitted = self.chain.app.ask_all(asks);
        let admission = started.elapsed();
        for answer in &admitted {
            let Answer::CheckTx(answer) = answer else {
                panic!("not the answer to this request: {answer:?}");
            };
            assert_eq!(answer.code, 0, "{}", answer.log);
        }
        let started = Instant::now();
        let answer = self.chain.block(txs);
        let block = started.elapsed();
        for result in &answer.tx_results {
            assert_eq!(result.code, 0, "{}", result.log);
        }
        let seconds = |time: Duration| time.as_secs_f64();
        Took {
            admission: seconds(admission),
            block: seconds(block),
        }
    }

    fn transfer(&mut self, users: &[User], index: usize, load: Load) -> Vec<u8> {
        let from = index % users.len();
        let to = &users[(index * 7 + 1) % users.len()];
        let message = match load {
            Load::Coins => bank_send(&users[from], to, "1nqrn"),
            Load::Tokens => {
                let order = json!({"transfer": {"recipient": to.address().to_string(), "amount": "1"}});
                any(&MsgExecuteContract {
                    sender: users[from].address().to_string(),
                    contract: self.token.clone(),
                    msg: order.to_string().into_bytes(),
                    funds: vec![],
                })
            }
        };
        let (number, sequence) = self.accounts[from];
        self.accounts[from].1 += 1;
        let tx = TxBuilder::new(number, sequence).gas(500_000).message(message);
        tx.fee("5000nqrn").sign(&users[from])
    }
}

fn number_and_sequence(chain: &Chain<Remote>, user: &User) -> (u64, u64) {
    let account = account(chain, &user.address().to_string()).unwrap_or_default();
    (account.account_number, account.sequence)
}
