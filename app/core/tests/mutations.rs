//! Queries of every method with something wrong in them: nothing panics or hangs, and two instances say the same.
//!
//! `QUERN_MUTATIONS` is how many, `SEED` which.
#![allow(
    clippy::disallowed_methods,
    reason = "whether something hangs is a matter of time"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support;

use quern_core::App;
use quern_testkit::{Chain, bank_send};
use rand::SeedableRng;
use rand::rngs::StdRng;
use support::{
    crowd::{hex, populated, sane, setting},
    mutate::mutate,
    samples::{Names, queries},
    staking::valoper,
};

/// Longest time of a query.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn no_mutation_of_a_query_panics_hangs_or_is_answered_in_two_ways() {
    let seed = setting("SEED", 1);
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let (one, users, contract) = populated(2);
    let (two, ..) = populated(2);
    let send = bank_send(&users[0], &users[1], "5nqrn");
    let tx = one.chain.tx(&users[0]).message(send).sign(&users[0]);
    let names = Names {
        user: &users[0],
        other: &users[1],
        validator: &valoper(&one.hosts[0]),
        contract: &contract,
        tx: &tx,
    };
    let unknown = |path: &str, data: &[u8]| {
        let answer = one.chain.query_raw(path, data.to_vec(), 0, false);
        answer.code == 6 && answer.log.contains("unknown query path")
    };
    let all: Vec<_> = queries(&names)
        .into_iter()
        .filter(|(path, data)| !unknown(path, data))
        .collect();
    assert!(all.len() > 90, "{} queries", all.len());
    let (mut answered, mut tally) = (0, BTreeMap::<(String, u32), u64>::new());
    for turn in 0..setting("QUERN_MUTATIONS", 3_000) as usize {
        let (path, data) = &all[turn % all.len()];
        let data = if turn < all.len() {
            data.clone()
        } else {
            mutate(&mut rng, data)
        };
        let started = Instant::now();
        let ask = |chain: &Chain<App>| chain.query_raw(path, data.clone(), 0, false);
        let (answer, again) = (ask(&one.chain), ask(&two.chain));
        let what = format!("{path} {}", hex(&data));
        assert!(started.elapsed() < PATIENCE, "{what}");
        assert_eq!(answer, again, "{what}");
        sane(&answer.codespace, answer.code, &answer.log, &what);
        answered += u32::from(answer.code == 0);
        *tally.entry((answer.codespace, answer.code)).or_default() += 1;
    }
    println!("{answered} answered: {tally:?}");
    assert!(answered > 100, "{tally:?}");
}
