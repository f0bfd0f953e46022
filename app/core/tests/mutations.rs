//! Transactions of every message and queries of every method with something wrong in them: nothing panics or hangs, two
//! instances say the same, and what is refused before its fee is paid leaves no trace.
//!
//! `QUERN_MUTATIONS` is how many of each, `SEED` which.
#![allow(
    clippy::disallowed_methods,
    reason = "whether something hangs is a matter of time"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support;

use prost::Message;
use quern_core::App;
use quern_proto::{
    Any,
    cosmos::tx::v1beta1::{SignDoc, TxRaw},
};
use quern_testkit::{CHAIN_ID, Chain, TxBuilder, User, bank_send};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::{
    contract::{instantiate, instantiated, store, stored},
    mutate::mutate,
    samples::{Names, messages, queries},
    shipped::{World, world},
    staking::valoper,
};

/// Who sends: as many transactions are in a block.
const USERS: usize = 20;
/// Longest time of a block of them, or of a query.
const PATIENCE: Duration = Duration::from_secs(20);

fn setting(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| text.parse().unwrap())
}

/// A chain with users, and a contract of theirs.
fn populated() -> (World, Vec<User>, String) {
    let mut w = world(&["100000000000nqrn", "100000000000nqrn"]);
    w.chain.empty_blocks(1);
    let users: Vec<User> = (0..USERS).map(|n| User::new(&format!("mutant {n}"))).collect();
    let host = w.hosts[0].clone();
    let mut tx = w.chain.tx(&host).gas(10_000_000);
    for user in &users {
        tx = tx.message(bank_send(&host, user, "20000000000nqrn"));
    }
    let send = |chain: &mut Chain<App>, tx: TxBuilder| {
        let result = chain.block([tx.sign(&host)]).tx_results.remove(0);
        assert_eq!(result.code, 0, "{}", result.log);
        result
    };
    send(&mut w.chain, tx);
    let tx = w.chain.tx(&host).gas(30_000_000).message(store(&host, "probe"));
    let code = stored(&send(&mut w.chain, tx));
    let tx = w
        .chain
        .tx(&host)
        .gas(5_000_000)
        .message(instantiate(&host, code, "{}"));
    let contract = instantiated(&send(&mut w.chain, tx));
    (w, users, contract)
}

/// Two equal chains.
struct Twins {
    one: World,
    two: World,
    users: Vec<User>,
    contract: String,
    rng: StdRng,
    /// How many ended how, by codespace and code.
    tally: BTreeMap<(String, u32), u64>,
}

impl Twins {
    fn new() -> Self {
        let seed = setting("SEED", 1);
        println!("seed {seed}");
        let (one, users, contract) = populated();
        let (two, ..) = populated();
        assert_eq!(one.chain.app_hash, two.chain.app_hash);
        Self {
            one,
            two,
            users,
            contract,
            rng: StdRng::seed_from_u64(seed),
            tally: BTreeMap::new(),
        }
    }

    fn names<'a>(&'a self, user: usize, validator: &'a str, tx: &'a [u8]) -> Names<'a> {
        Names {
            user: &self.users[user],
            other: &self.users[(user + 1) % USERS],
            validator,
            contract: &self.contract,
            tx,
        }
    }

    fn samples(&self, user: usize) -> Vec<Any> {
        messages(&self.names(user, &valoper(&self.one.hosts[0]), &[]))
    }

    fn sequence(&self, user: &User) -> u64 {
        self.one.chain.account(user).unwrap().sequence
    }

    /// Executes these on one chain, and on the other those of them that paid.
    fn block(&mut self, txs: Vec<Vec<u8>>) -> Vec<bool> {
        let started = Instant::now();
        for tx in &txs {
            let (one, two) = (self.one.chain.check(tx), self.two.chain.check(tx));
            let what = hex(tx);
            assert_eq!(
                (&one.codespace, one.code, &one.log),
                (&two.codespace, two.code, &two.log),
                "{what}"
            );
            sane(&one.codespace, one.code, &one.log, &what);
        }
        let before: Vec<u64> = self.users.iter().map(|user| self.sequence(user)).collect();
        let results = self.one.chain.block(txs.clone()).tx_results;
        let paid: Vec<bool> = self
            .users
            .iter()
            .zip(before)
            .map(|(user, before)| self.sequence(user) > before)
            .collect();
        let of_paid: Vec<Vec<u8>> = (txs.iter().zip(&paid))
            .filter(|(_, paid)| **paid)
            .map(|(tx, _)| tx.clone())
            .collect();
        let again = self.two.chain.block(of_paid).tx_results;
        let mut again = again.iter();
        for ((tx, result), paid) in txs.iter().zip(&results).zip(&paid) {
            let what = hex(tx);
            sane(&result.codespace, result.code, &result.log, &what);
            assert!(*paid || result.code != 0, "{what} passed and paid nothing");
            if *paid {
                let other = again.next().unwrap();
                assert_eq!(
                    (&result.codespace, result.code),
                    (&other.codespace, other.code),
                    "{what}"
                );
                assert_eq!(result.gas_used, other.gas_used, "{what}");
            }
            *self
                .tally
                .entry((result.codespace.clone(), result.code))
                .or_default() += 1;
        }
        let all: Vec<String> = txs.iter().map(|tx| hex(tx)).collect();
        assert_eq!(
            self.one.chain.app_hash, self.two.chain.app_hash,
            "what was refused left a trace: {all:?}"
        );
        assert!(started.elapsed() < PATIENCE, "{:?}: {all:?}", started.elapsed());
        paid
    }

    /// The user's transaction with something wrong in it.
    fn wrong(&mut self, user: usize) -> Vec<u8> {
        let samples = self.samples(user);
        let mut message = samples[self.rng.gen_range(0..samples.len())].clone();
        let part = self.rng.gen_range(0..100);
        if part < 65 {
            message.value = mutate(&mut self.rng, &message.value);
        }
        let from = self.users[user].clone();
        let tx = self
            .one
            .chain
            .tx(&from)
            .gas(1_500_000)
            .fee("1000nqrn")
            .message(message);
        let number = tx.account_number;
        let mut raw = tx.sign_raw(&from);
        match part {
            65..=74 => raw.body_bytes = mutate(&mut self.rng, &raw.body_bytes),
            75..=84 => raw.auth_info_bytes = mutate(&mut self.rng, &raw.auth_info_bytes),
            85..=99 => return mutate(&mut self.rng, &raw.encode_to_vec()),
            _ => return raw.encode_to_vec(),
        }
        sign(&mut raw, &from, number);
        raw.encode_to_vec()
    }
}

/// Signs what was changed, so that the signature is not what is wrong.
fn sign(raw: &mut TxRaw, user: &User, account_number: u64) {
    let document = SignDoc {
        body_bytes: raw.body_bytes.clone(),
        auth_info_bytes: raw.auth_info_bytes.clone(),
        chain_id: CHAIN_ID.into(),
        account_number,
    };
    raw.signatures = vec![user.sign(&document.encode_to_vec())];
}

fn hex(bytes: &[u8]) -> String {
    let all: String = bytes
        .iter()
        .take(4_000)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{} bytes {all}", bytes.len())
}

/// A refusal has a code of the chain's, and none that a panic leaves.
fn sane(codespace: &str, code: u32, log: &str, what: &str) {
    assert_eq!(
        codespace.is_empty(),
        code == 0,
        "{codespace}/{code} {log}: {what}"
    );
    // As in the SDK, which panics on an address of a granter that is none.
    let meant = log.contains("decoding bech32 failed") || log.contains("empty address string");
    assert!(code != 111_222 || meant, "a panic: {log}: {what}");
}

#[test]
fn no_mutation_of_a_transaction_panics_hangs_or_changes_the_state_for_nothing() {
    let mut twins = Twins::new();
    let count = setting("QUERN_MUTATIONS", 3_000);
    for _ in 0..count.div_ceil(USERS as u64) {
        let txs = (0..USERS).map(|user| twins.wrong(user)).collect();
        twins.block(txs);
    }
    println!("{count} transactions: {:?}", twins.tally);
    assert!(twins.tally.len() > 15, "{:?}", twins.tally);
    twins.one.chain.app.check_invariants(0).unwrap();
}

#[test]
fn no_mutation_of_a_query_panics_hangs_or_is_answered_in_two_ways() {
    let mut twins = Twins::new();
    let from = twins.users[0].clone();
    let send = bank_send(&from, &twins.users[1], "5nqrn");
    let tx = twins.one.chain.tx(&from).message(send).sign(&from);
    let host = valoper(&twins.one.hosts[0]);
    let all = queries(&twins.names(0, &host, &tx));
    let unknown = |path: &str, data: &[u8]| {
        let answer = twins.one.chain.query_raw(path, data.to_vec(), 0, false);
        answer.code == 6 && answer.log.contains("unknown query path")
    };
    let all: Vec<_> = all
        .into_iter()
        .filter(|(path, data)| !unknown(path, data))
        .collect();
    assert!(all.len() > 90, "{} queries", all.len());
    let mut answered = 0;
    for turn in 0..setting("QUERN_MUTATIONS", 3_000) as usize {
        let (path, data) = &all[turn % all.len()];
        let data = if turn < all.len() {
            data.clone()
        } else {
            mutate(&mut twins.rng, data)
        };
        let started = Instant::now();
        let ask = |chain: &Chain<App>| chain.query_raw(path, data.clone(), 0, false);
        let (one, two) = (ask(&twins.one.chain), ask(&twins.two.chain));
        let what = format!("{path} {}", hex(&data));
        assert!(started.elapsed() < PATIENCE, "{what}");
        assert_eq!(one, two, "{what}");
        sane(&one.codespace, one.code, &one.log, &what);
        answered += u32::from(one.code == 0);
        *twins.tally.entry((one.codespace, one.code)).or_default() += 1;
    }
    println!("{answered} answered: {:?}", twins.tally);
    assert!(answered > 100, "{:?}", twins.tally);
}
