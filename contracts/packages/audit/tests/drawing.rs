//! Which leaves are drawn, and that no host can bend it.

mod common;

use common::{batches, receipt, session, CHAIN, HOST};
use proptest::prelude::*;
use quern_audit::{
    draw_count, forfeit, leaf_seed, prefix, AuditError, BatchContents, CommittedBatch, OwnedReveal, Range,
    Sampling, Span, Walk, MAX_TOTAL,
};
use quern_protocol::{hash_fields, Amount, Hash, Node, SumTree};
use std::collections::BTreeMap;

fn reveal(contents: &[BatchContents], span: &Span, offset: Amount) -> (OwnedReveal, Range) {
    let (batch, inside) = span.find(offset).unwrap();
    let found = contents[batch.sequence as usize - 10].at(inside).unwrap();
    let range = span.place(CHAIN, HOST, batch.sequence, &found.view()).unwrap();
    (found, range)
}

fn seed(number: u64) -> Hash {
    hash_fields(&[&number.to_be_bytes()])
}

/// Leaves of a span of bare amounts, drawn in order.
fn drawn(amounts: &[u128], seed: Hash, count: u32) -> Vec<usize> {
    let total: u128 = amounts.iter().sum();
    let mut sampling = Sampling::new(seed, Amount::ZERO, Amount(total), count, vec![]).unwrap();
    let mut order = Vec::new();
    while let Some(asked) = sampling.pending() {
        let mut start = 0;
        let index = amounts
            .iter()
            .position(|amount| {
                let found = asked.offset.0 < start + amount;
                start += if found { 0 } else { *amount };
                found
            })
            .unwrap();
        let range = Range::new(Amount(start), Amount(amounts[index])).unwrap();
        assert_eq!(sampling.reveal(range).unwrap(), asked);
        order.push(index);
    }
    order
}

fn shapes() -> impl Strategy<Value = Vec<Vec<Vec<u128>>>> {
    let captures = prop::collection::vec(prop_oneof![1 => Just(0_u128), 6 => 1..9_u128], 1..9);
    prop::collection::vec(prop::collection::vec(captures, 1..6), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_nqrn_is_covered_by_exactly_one_leaf(shape in shapes()) {
        let (contents, span) = batches(&shape);
        let total: u128 = shape.iter().flatten().flatten().sum();
        prop_assert_eq!(span.total(), Amount(total));
        let mut covered: BTreeMap<u64, Range> = BTreeMap::new();
        for offset in 0..total {
            let (found, range) = reveal(&contents, &span, Amount(offset));
            prop_assert!(range.contains(Amount(offset)));
            prop_assert_eq!(range.amount(), found.receipt.capture);
            let nonce = found.receipt.voucher.nonce;
            prop_assert_eq!(*covered.entry(nonce).or_insert(range), range);
        }
        prop_assert_eq!(span.find(Amount(total)), None);
        // the ranges tile the span: no gap, no overlap, no leaf with an amount left out
        let mut ranges: Vec<Range> = covered.into_values().collect();
        ranges.sort();
        let mut end = Amount::ZERO;
        for range in &ranges {
            prop_assert_eq!(range.start, end);
            end = range.end;
        }
        prop_assert_eq!(end, Amount(total));
        let paid = shape.iter().flatten().flatten().filter(|capture| **capture > 0).count();
        prop_assert_eq!(ranges.len(), paid);
    }

    #[test]
    fn a_leaf_cannot_be_passed_off_as_covering_another_place(shape in shapes(), at: u64, flip in 0..6_u8) {
        let (contents, span) = batches(&shape);
        prop_assume!(!span.total().is_zero());
        let offset = Amount(u128::from(at) % span.total().0);
        let (batch, _) = span.find(offset).unwrap();
        let (mut found, range) = reveal(&contents, &span, offset);
        match flip {
            0 => found.receipt.capture.0 += 1,
            1 => found.leaf.subroot.sum.0 += 1,
            2 => found.receipt_proof.index ^= 1,
            3 => found.leaf_proof.index ^= 1,
            4 => found.leaf_proof.count += 1,
            _ => match found.leaf_proof.siblings.first_mut() {
                Some(sibling) => sibling.sum.0 += 1,
                None => found.leaf.cumulative.0 += 1,
            },
        }
        let placed = span.place(CHAIN, HOST, batch.sequence, &found.view());
        // another count of the same shape is the same proof: it can only give the same place
        prop_assert!(placed.is_err() || placed == Ok(range), "{placed:?} instead of {range:?}");
        prop_assert!(flip == 4 || placed.is_err());
    }

    #[test]
    fn a_draw_is_reproducible_and_repeats_no_leaf(amounts in prop::collection::vec(0..50_u128, 1..40), n: u64, count in 0..50_u32) {
        let order = drawn(&amounts, seed(n), count);
        prop_assert_eq!(&order, &drawn(&amounts, seed(n), count));
        let mut distinct = order.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), order.len());
        prop_assert!(order.len() <= count as usize);
        prop_assert!(order.iter().all(|i| amounts[*i] > 0));
    }

    #[test]
    fn a_prefix_is_the_sum_to_the_left(amounts in prop::collection::vec(0..u128::from(u64::MAX), 1..70)) {
        let nodes: Vec<Node> = amounts
            .iter()
            .enumerate()
            .map(|(i, amount)| Node::leaf(&seed(i as u64), Amount(*amount)))
            .collect();
        let tree = SumTree::new(nodes.clone()).unwrap();
        let mut before = 0;
        for (i, node) in nodes.iter().enumerate() {
            let proof = tree.prove(i as u32).unwrap();
            prop_assert_eq!(prefix(&proof, *node), Some((tree.root().unwrap(), Amount(before))));
            before += amounts[i];
        }
    }
}

/// How often each leaf is among `count` drawn ones.
fn frequencies(amounts: &[u128], count: u32, runs: u64, salt: u64) -> Vec<f64> {
    let mut hits = vec![0_u32; amounts.len()];
    for run in 0..runs {
        for index in drawn(amounts, seed(salt + run), count) {
            hits[index] += 1;
        }
    }
    hits.iter().map(|hits| f64::from(*hits) / runs as f64).collect()
}

#[test]
fn the_first_leaf_is_drawn_in_proportion_to_amount_wherever_it_lies() {
    let (runs, total) = (6_000, 100.0);
    for amounts in [[1_u128, 9, 40, 30, 20], [40, 20, 1, 30, 9]] {
        for (amount, frequency) in amounts.iter().zip(frequencies(&amounts, 1, runs, 0)) {
            let expected = *amount as f64 / total;
            let noise = 4.5 * (expected * (1.0 - expected) / runs as f64).sqrt();
            assert!((frequency - expected).abs() < noise, "{amount}: {frequency}");
        }
    }
}

#[test]
fn splitting_or_padding_does_not_hide_a_leaf() {
    // one bad leaf of 10 out of 100, alone, behind one huge leaf, or cut in two: 5 draws per 100 nqrn
    let least = |amount: f64, total: f64, count: i32| 1.0 - (1.0 - amount / total).powi(count);
    let noise = 0.03;
    let plain = frequencies(&[10; 10], 5, 2_000, 1);
    assert!((plain[3] - 0.5).abs() < noise, "{}", plain[3]);
    let mut padded = vec![10; 10];
    padded.push(900);
    let count = draw_count(Amount(1_000), Amount(10), 5_000, 4_096).unwrap();
    assert_eq!(count, 50);
    let behind = frequencies(&padded, count, 1_000, 2)[3];
    assert!(behind > least(10.0, 1_000.0, 50) - noise, "{behind}");
    // cut in two, at least one half is found at least as often
    let mut cut = vec![10; 9];
    cut.extend([5, 5]);
    let runs = 2_000;
    let either = (0..runs)
        .filter(|run| drawn(&cut, seed(run + 9_000), 5).iter().any(|i| *i >= 9))
        .count() as f64
        / runs as f64;
    assert!(either > 0.5 - noise, "{either}");
}

#[test]
fn withholding_a_payload_gains_nothing_at_any_size() {
    // the forfeit times the probability of being drawn is at least the amount kept
    for (amount, rest) in [(1_u128, 99_u32), (10, 9), (50, 5), (300, 10)] {
        let mut amounts = vec![10_u128; rest as usize];
        amounts.push(amount);
        let total: u128 = amounts.iter().sum();
        for count in [1_u32, 3, 8] {
            let runs = 1_500;
            let drawn = *frequencies(&amounts, count, runs, 77).last().unwrap();
            let noise = 4.0 * (drawn * (1.0 - drawn) / runs as f64).sqrt();
            let forfeits = forfeit(Amount(amount), Amount(total), count).unwrap().0 as f64;
            assert!(
                (drawn + noise) * forfeits >= amount as f64,
                "{amount} of {total}, {count} draws: {drawn}"
            );
        }
    }
    assert_eq!(forfeit(Amount(7), Amount(100), 0), None);
}

#[test]
fn a_complete_draw_is_bounded_and_stops_when_nothing_is_left() {
    // one leaf is everything: found once, then the stream ends
    assert_eq!(drawn(&[50], seed(1), 4_096), [0]);
    let mut nothing = Sampling::new(seed(1), Amount(5), Amount(5), 3, vec![]).unwrap();
    assert_eq!(
        (nothing.pending(), nothing.withhold()),
        (None, Err(AuditError::Done))
    );
    // a silent host: each draw is given up, and the number is exact
    let mut silent = Sampling::new(seed(2), Amount::ZERO, Amount(1_000), 20, vec![]).unwrap();
    let given_up = std::iter::from_fn(|| silent.withhold().ok()).count();
    assert_eq!(given_up, 20);
}

#[test]
fn audited_leaves_are_not_drawn_again_and_wrong_reveals_change_nothing() {
    let excluded = vec![
        Range::new(Amount(0), Amount(60)).unwrap(),
        Range::new(Amount(70), Amount(20)).unwrap(),
    ];
    let mut sampling = Sampling::new(seed(3), Amount::ZERO, Amount(100), 50, excluded.clone()).unwrap();
    while let Some(asked) = sampling.pending() {
        assert!(excluded.iter().all(|range| !range.contains(asked.offset)));
        let before = sampling.clone();
        let beside = Range::new(asked.offset.checked_add(Amount(1)).unwrap(), Amount(1)).unwrap();
        assert_eq!(sampling.reveal(beside), Err(AuditError::NotDrawn));
        let all = Range::new(Amount(0), Amount(100)).unwrap();
        assert_eq!(sampling.reveal(all), Err(AuditError::Overlap));
        assert_eq!(sampling, before);
        sampling
            .reveal(Range::new(asked.offset, Amount(1)).unwrap())
            .unwrap();
    }
    let reversed = excluded.into_iter().rev().collect();
    assert_eq!(
        Sampling::new(seed(3), Amount::ZERO, Amount(100), 5, reversed),
        Err(AuditError::Unsorted("excluded leaves"))
    );
}

#[test]
fn a_new_host_is_walked_leaf_by_leaf_and_then_sampled() {
    let (contents, span) = batches(&[vec![vec![3, 0, 4], vec![5]], vec![vec![0, 6, 7]]]);
    let mut walk = Walk::new(span.total(), 4);
    let mut seen = Vec::new();
    while let Some(offset) = walk.pending() {
        let (found, range) = reveal(&contents, &span, offset);
        // skipping a leaf is refused
        let skipped = Range::new(range.end, Amount(1)).unwrap();
        assert_eq!(walk.reveal(skipped), Err(AuditError::NotDrawn));
        // and so is one that reaches back over a leaf before
        if let Some(before) = range.start.checked_sub(Amount(1)) {
            let back = Range {
                start: before,
                ..range
            };
            assert_eq!(walk.reveal(back), Err(AuditError::NotDrawn));
        }
        walk.reveal(range).unwrap();
        seen.push(found.receipt.capture.0);
    }
    assert_eq!(seen, [3, 4, 5, 6]);
    assert_eq!(
        walk.reveal(Range::new(walk.end(), Amount(7)).unwrap()),
        Err(AuditError::Done)
    );
    let mut rest = Sampling::new(seed(4), walk.end(), span.total(), 1, vec![]).unwrap();
    let (found, range) = reveal(&contents, &span, rest.pending().unwrap().offset);
    rest.reveal(range).unwrap();
    assert_eq!(found.receipt.capture, Amount(7));
}

#[test]
fn the_number_of_draws_follows_the_amount_and_has_a_bound() {
    let count = |total, mean, bps| draw_count(Amount(total), Amount(mean), bps, 2_000);
    assert_eq!(count(10_000, 10, 500), Ok(50));
    assert_eq!(count(10_001, 10, 500), Ok(51));
    assert_eq!(count(0, 10, 500), Ok(0));
    assert_eq!(count(u128::MAX / 2, 1, 10_000), Ok(2_000));
    assert!(count(1, 0, 500).is_err() && count(1, 1, 10_001).is_err());
    assert!(draw_count(Amount(1), Amount(1), 1, 5_000).is_err());
    assert!(count(1, u128::MAX, 1).is_err());
}

#[test]
fn spans_and_reveals_that_do_not_belong_together_are_refused() {
    let node = |sum| Node {
        hash: seed(1),
        sum: Amount(sum),
    };
    let batch = |sequence, sum| CommittedBatch {
        sequence,
        root: node(sum),
    };
    assert_eq!(
        Span::new(&[batch(2, 1), batch(2, 1)]),
        Err(AuditError::Unsorted("batches"))
    );
    assert_eq!(Span::new(&[batch(1, MAX_TOTAL)]), Err(AuditError::Overflow));
    assert_eq!(
        Span::new(&[batch(1, 1), batch(2, u128::MAX)]),
        Err(AuditError::Overflow)
    );
    assert!(Span::new(&vec![batch(1, 1); 4_097]).is_err());
    assert_eq!(Span::new(&[]).unwrap().total(), Amount::ZERO);

    let (contents, span) = batches(&[vec![vec![3, 4], vec![5]]]);
    let found = contents[0].at(Amount(3)).unwrap();
    assert!(span.place(CHAIN, HOST, 10, &found.view()).is_ok());
    assert_eq!(
        span.place(CHAIN, HOST, 11, &found.view()),
        Err(AuditError::UnknownBatch(11))
    );
    assert!(span.place("quern-other-1", HOST, 10, &found.view()).is_err());
    assert!(span.place(CHAIN, "quern1other", 10, &found.view()).is_err());
    let (leaf, _) = session(9, 1, &[1]);
    let view = found.view();
    let wrong_leaf = quern_audit::Reveal { leaf: &leaf, ..view };
    assert!(span.place(CHAIN, HOST, 10, &wrong_leaf).is_err());
    let other = receipt(1, 9, 4);
    let wrong_receipt = quern_audit::Reveal {
        receipt: &other,
        ..view
    };
    assert!(span.place(CHAIN, HOST, 10, &wrong_receipt).is_err());
    assert_ne!(
        leaf_seed(CHAIN, HOST, 1, &seed(1)),
        leaf_seed(CHAIN, HOST, 2, &seed(1))
    );
}
