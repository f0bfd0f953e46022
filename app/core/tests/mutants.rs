//! Transactions of every message with something wrong in them, many in each block, by every way into the chain: check,
//! simulation, proposals and blocks. Nothing panics or hangs, two nodes say the same, and what is refused before its fee is
//! paid leaves no trace.
//!
//! `QUERN_MUTANTS` is how many, `SEED` which.
#![allow(
    clippy::disallowed_methods,
    reason = "whether something hangs is a matter of time"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support;

use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage};
use quern_proto::{Any, cosmos::tx::v1beta1::TxRaw};
use quern_testkit::{TxBuilder, User};
use quern_types::module_address;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::{
    crowd::{hex, populated, sane, setting, sign},
    mutate::mutate,
    samples::{Names, decoded, messages, signed},
    shipped::{World, address},
    staking::valoper,
    twist::{Odd, twist},
};
use tendermint_proto::v0_38::abci::ExecTxResult;

/// Who sends: as many transactions are in a block.
const USERS: usize = 100;
/// Longest time of one transaction in one way, and of a block of them.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(60));
/// Most bytes of a proposal.
const PROPOSAL: i64 = 1 << 20;

/// Two equal chains.
struct Twins {
    one: World,
    two: World,
    /// With the number of their accounts.
    users: Vec<(User, u64)>,
    /// A message of every type, as the first user signs it.
    samples: Vec<Any>,
    taken_apart: Vec<DynamicMessage>,
    /// Whoever there is on the chain, and nobody.
    addresses: Vec<String>,
    rng: StdRng,
    /// How many ended how in a block, by codespace and code.
    tally: BTreeMap<(String, u32), u64>,
    paid: u64,
    /// What refusals say that have no code of their own, or that were not decoded.
    words: BTreeMap<String, u64>,
}

fn addresses(w: &World, users: &[User], contract: &str) -> Vec<String> {
    let accounts = users.iter().take(3).chain(&w.hosts);
    let mut all: Vec<String> = accounts.clone().map(|user| user.address().to_string()).collect();
    all.extend(accounts.map(valoper));
    all.extend(["gov", "fee_collector", "bonded_tokens_pool"].map(|name| module_address(name).to_string()));
    all.extend(["registry", "bonding", "settlement"].map(address));
    all.extend([contract.to_owned(), String::new(), "quern1".into()]);
    all.push("cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh".into());
    all
}

impl Twins {
    fn new() -> Self {
        let seed = setting("SEED", 1);
        println!("seed {seed}");
        let (one, mut users, contract) = populated(USERS - 1);
        let (two, ..) = populated(USERS - 1);
        assert_eq!(one.chain.app_hash, two.chain.app_hash);
        let addresses = addresses(&one, &users, &contract);
        // one of the hosts, too: some messages are theirs
        users.push(one.hosts[1].clone());
        let samples = messages(&Names {
            user: &users[0],
            other: &users[1],
            validator: &valoper(&one.hosts[0]),
            contract: &contract,
            tx: &[],
        });
        let number = |user: User| {
            let number = one.chain.account(&user).unwrap().account_number;
            (user, number)
        };
        let users = users.into_iter().map(number).collect();
        Self {
            users,
            taken_apart: samples.iter().map(decoded).collect(),
            samples,
            addresses,
            one,
            two,
            rng: StdRng::seed_from_u64(seed),
            tally: BTreeMap::new(),
            paid: 0,
            words: BTreeMap::new(),
        }
    }

    fn sequences(&self) -> Vec<u64> {
        let of = |(user, _): &(User, u64)| self.one.chain.account(user).unwrap().sequence;
        self.users.iter().map(of).collect()
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.rng.gen_range(0..of.len())]
    }

    /// A message of any type, of the user's most often, with something wrong in it most often.
    fn message(&mut self, user: usize) -> Any {
        let at = self.rng.gen_range(0..self.samples.len());
        let mut message = self.taken_apart[at].clone();
        let from = &self.users[user].0;
        let part = self.rng.gen_range(0..100);
        if part < 60 {
            let odd = Odd {
                signer: from.address().to_string(),
                addresses: &self.addresses,
                messages: &self.samples,
            };
            twist(&mut self.rng, &mut message, &odd);
        }
        if part >= 6 {
            signed(&mut message, from);
        }
        let mut value = message.encode_to_vec();
        if (60..70).contains(&part) {
            value = mutate(&mut self.rng, &value);
        }
        Any {
            type_url: format!("/{}", message.descriptor().full_name()),
            value,
        }
    }

    /// The user's transaction, signed, with something wrong in it most often.
    fn mutant(&mut self, user: usize, sequence: u64, before: &[Vec<u8>]) -> Vec<u8> {
        let (from, number) = self.users[user].clone();
        let mut tx = TxBuilder::new(number, sequence).gas(1_500_000).fee("1000nqrn");
        for _ in 0..self.pick(&[1, 1, 1, 1, 1, 1, 1, 2, 2, 4]) {
            tx = tx.message(self.message(user));
        }
        match self.rng.gen_range(0..30) {
            0 => tx.fee.gas_limit = self.pick(&[0, 1, 50_000, 1 << 40, u64::MAX]),
            1 => tx.body.timeout_height = self.pick(&[1, 1_000_000, u64::MAX]),
            2 => tx.body.memo = "m".repeat(self.pick(&[1, 256, 257, 5_000])),
            3 => tx.extra_body = mutate(&mut self.rng, &[0xba, 0x06, 1, 0]),
            4 => tx.fee.amount.clear(),
            5 => tx.fee.payer = self.addresses[self.rng.gen_range(0..self.addresses.len())].clone(),
            6 => tx.fee.granter = self.addresses[self.rng.gen_range(0..self.addresses.len())].clone(),
            _ => {}
        }
        let mut raw = tx.sign_raw(&from);
        let part = self.rng.gen_range(0..100);
        match part {
            0..=71 => return raw.encode_to_vec(),
            72..=78 => raw.body_bytes = mutate(&mut self.rng, &raw.body_bytes),
            79..=85 => raw.auth_info_bytes = mutate(&mut self.rng, &raw.auth_info_bytes),
            86..=87 => {
                raw.body_bytes = mutate(&mut self.rng, &raw.body_bytes);
                raw.auth_info_bytes = mutate(&mut self.rng, &raw.auth_info_bytes);
            }
            88..=91 => {
                let other = before.get(self.rng.gen_range(0..before.len().max(1)));
                if let Some(other) = other.and_then(|other| TxRaw::decode(other.as_slice()).ok()) {
                    raw.body_bytes = other.body_bytes;
                }
            }
            _ => return self.broken(raw.encode_to_vec(), before),
        }
        if self.rng.gen_bool(0.5) {
            sign(&mut raw, &from, number);
        }
        raw.encode_to_vec()
    }

    /// Bytes that were changed after they were signed.
    fn broken(&mut self, bytes: Vec<u8>, before: &[Vec<u8>]) -> Vec<u8> {
        let other = before.get(self.rng.gen_range(0..before.len().max(1)));
        match (self.rng.gen_range(0..4), other) {
            // the head of one and the tail of another
            (0, Some(other)) => {
                let at = self.rng.gen_range(0..=bytes.len());
                let from = self.rng.gen_range(0..=other.len());
                [&bytes[..at], &other[from..]].concat()
            }
            // protobuf joins what is written one after the other
            (1, Some(other)) => [bytes.as_slice(), other].concat(),
            _ => mutate(&mut self.rng, &bytes),
        }
    }

    /// What the mempool and an estimate of gas say.
    fn ask(&mut self, tx: &[u8]) {
        let started = Instant::now();
        let what = hex(tx);
        let (one, two) = (self.one.chain.check(tx), self.two.chain.check(tx));
        assert_eq!(one, two, "{what}");
        sane(&one.codespace, one.code, &one.log, &what);
        if matches!((one.codespace.as_str(), one.code), ("undefined", _) | ("sdk", 2)) {
            let words = one.log.chars().filter(|c| !c.is_ascii_digit());
            *self.words.entry(words.take(60).collect()).or_default() += 1;
        }
        let (one, two) = (self.one.chain.simulate(tx), self.two.chain.simulate(tx));
        assert_eq!(one, two, "{what}");
        if let Err(refused) = one {
            sane(&refused.codespace, refused.code, &refused.log, &what);
        }
        assert!(started.elapsed() < PATIENCE.0, "{:?}: {what}", started.elapsed());
    }

    /// What proposers make of them: what one proposes, both accept, and of anything else both think the same.
    fn propose(&self, txs: &[Vec<u8>]) {
        let proposal = self.one.chain.prepare(txs.to_vec(), PROPOSAL);
        assert_eq!(self.two.chain.prepare(txs.to_vec(), PROPOSAL), proposal);
        for chain in [&self.one.chain, &self.two.chain] {
            assert!(chain.accepts(proposal.clone()), "{}", shown(&proposal));
        }
        let unchecked = self.one.chain.accepts(txs.to_vec());
        assert_eq!(unchecked, self.two.chain.accepts(txs.to_vec()), "{}", shown(txs));
    }

    /// Executes these on both chains, or on the second only those that paid on the first.
    fn block(&mut self, txs: &[Vec<u8>], whole: bool) {
        let before = self.sequences();
        let results = self.one.chain.block(txs.to_vec()).tx_results;
        let paid: Vec<bool> = (self.sequences().iter().zip(&before))
            .map(|(after, before)| after > before)
            .collect();
        let kept = |place: usize| whole || paid[place];
        let chosen: Vec<usize> = (0..txs.len()).filter(|place| kept(*place)).collect();
        let again = chosen.iter().map(|place| txs[*place].clone());
        let again = self.two.chain.block(again).tx_results;
        for (place, other) in chosen.iter().zip(&again) {
            let shown = |result: &ExecTxResult| {
                let ExecTxResult {
                    gas_used, gas_wanted, ..
                } = *result;
                (
                    result.codespace.clone(),
                    result.code,
                    result.data.clone(),
                    gas_used,
                    gas_wanted,
                )
            };
            assert_eq!(shown(&results[*place]), shown(other), "{}", hex(&txs[*place]));
        }
        for ((tx, result), paid) in txs.iter().zip(&results).zip(&paid) {
            let what = hex(tx);
            sane(&result.codespace, result.code, &result.log, &what);
            assert!(*paid || result.code != 0, "{what} passed and paid nothing");
            let ended = (result.codespace.clone(), result.code);
            *self.tally.entry(ended).or_default() += 1;
            self.paid += u64::from(*paid);
        }
        assert_eq!(
            self.one.chain.app_hash,
            self.two.chain.app_hash,
            "what was refused left a trace: {}",
            shown(txs)
        );
    }
}

fn shown(txs: &[Vec<u8>]) -> String {
    txs.iter().map(|tx| hex(tx)).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_mutation_of_a_transaction_panics_hangs_or_changes_the_state_for_nothing() {
    let mut twins = Twins::new();
    assert!(twins.samples.len() > 60, "{} messages", twins.samples.len());
    let count = setting("QUERN_MUTANTS", 3_000);
    for round in 0..count.div_ceil(USERS as u64) {
        let sequences = twins.sequences();
        let mut txs: Vec<Vec<u8>> = Vec::with_capacity(USERS);
        for (user, sequence) in sequences.iter().enumerate() {
            let tx = twins.mutant(user, *sequence, &txs);
            twins.ask(&tx);
            txs.push(tx);
        }
        let started = Instant::now();
        twins.propose(&txs);
        twins.block(&txs, round % 2 == 0);
        assert!(
            started.elapsed() < PATIENCE.1,
            "{:?}: {}",
            started.elapsed(),
            shown(&txs)
        );
    }
    println!(
        "{count} transactions, {} of them paid: {:?}",
        twins.paid, twins.tally
    );
    println!("{:#?}", twins.words);
    assert!(twins.tally.len() > 25, "{:?}", twins.tally);
    let undecodable = twins.tally[&("sdk".to_owned(), 2)];
    assert!(
        undecodable * 2 < count,
        "{undecodable} were not decoded: {:?}",
        twins.tally
    );
    assert!(
        twins.paid * 3 > count,
        "{} reached a module: {:?}",
        twins.paid,
        twins.tally
    );
    twins.one.chain.app.check_invariants(0).unwrap();
}
