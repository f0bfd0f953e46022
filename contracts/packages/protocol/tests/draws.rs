//! Draws and ranks: fair by weight, complete, and the same for everyone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use quern_protocol::{committee_seed, hash_fields, rank, Draw};

const CHAIN: &str = "quern-test-1";

/// Chi-square of counts against shares.
fn chi_square(counts: &[u64], shares: &[u64]) -> f64 {
    let (n, total): (u64, u64) = (counts.iter().sum(), shares.iter().sum());
    counts
        .iter()
        .zip(shares)
        .map(|(count, share)| {
            let expected = n as f64 * *share as f64 / total as f64;
            (*count as f64 - expected).powi(2) / expected
        })
        .sum()
}

#[test]
fn draws_fall_evenly() {
    let mut draw = Draw::new(hash_fields(&[b"even"]));
    let mut counts = [0; 10];
    for _ in 0..20_000 {
        counts[draw.below(10).unwrap() as usize] += 1;
    }
    // 9 degrees of freedom: 27.9 is exceeded once in a thousand seeds, and the seed is fixed
    assert!(chi_square(&counts, &[1; 10]) < 27.9, "{counts:?}");
    assert_eq!(draw.below(0), None);
    assert_eq!(draw.below(1), Some(0));
}

#[test]
fn a_host_is_first_as_often_as_its_weight_says_and_second_as_often_as_what_is_left_says() {
    let weights = [400, 300, 200, 100];
    let beacon = hash_fields(&[b"beacon"]);
    let (mut first, mut second) = ([0; 4], [0; 4]);
    for nonce in 1..=20_000 {
        let order = rank(CHAIN, 7, nonce, &beacon, &weights);
        first[order[0]] += 1;
        if order[0] == 0 {
            second[order[1]] += 1;
        }
    }
    // 3 degrees of freedom: 16.3; 2 degrees: 13.8
    assert!(chi_square(&first, &weights) < 16.3, "{first:?}");
    assert!(chi_square(&second[1..], &weights[1..]) < 13.8, "{second:?}");
}

#[test]
fn every_part_of_the_seed_changes_the_draw() {
    let beacon = hash_fields(&[b"beacon"]);
    let weights = vec![10; 8];
    let orders = |chain: &str, session, beacon| -> Vec<Vec<usize>> {
        (1..20)
            .map(|nonce| rank(chain, session, nonce, beacon, &weights))
            .collect()
    };
    let base = orders(CHAIN, 1, &beacon);
    assert_ne!(base, orders("quern-test-2", 1, &beacon));
    assert_ne!(base, orders(CHAIN, 2, &beacon));
    assert_ne!(base, orders(CHAIN, 1, &hash_fields(&[b"other"])));
    assert!(base.windows(2).any(|pair| pair[0] != pair[1]));
    let seed = committee_seed(CHAIN, 1, &beacon);
    assert_ne!(seed, committee_seed(CHAIN, 2, &beacon));
    assert_ne!(seed, committee_seed("quern-test-2", 1, &beacon));
}

proptest! {
    #[test]
    fn a_rank_names_every_host_once_and_those_without_weight_last(
        weights in vec(prop_oneof![Just(0_u64), 1..1_000_u64, Just(u64::MAX)], 0..9),
        nonce: u64,
    ) {
        let order = rank(CHAIN, 1, nonce, &hash_fields(&[b"beacon"]), &weights);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..weights.len()).collect::<Vec<_>>());
        let idle: Vec<usize> = (0..weights.len()).filter(|i| weights[*i] == 0).collect();
        // weights that overflow together are cut, so only sums that fit keep the promise
        if weights.iter().try_fold(0_u64, |sum, w| sum.checked_add(*w)).is_some() {
            prop_assert_eq!(&order[order.len() - idle.len()..], &idle[..]);
        }
    }
}
