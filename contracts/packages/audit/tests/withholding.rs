//! Giving up bad leaves never pays: what it costs against what they captured, and against being audited on them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use proptest::prelude::*;
use quern_audit::{
    auditor_seed, backlog_seed, choose, draw_count, forfeit, hiding, leaf_seed, Candidate, Range, Sampling,
};
use quern_evidence::{Entry, Null, Params, Process, Score, Status};
use quern_protocol::{Amount, Hash};

const MEAN: Amount = Amount(100);

fn seed(number: u64) -> Hash {
    leaf_seed("quern-test-1", "quern1host", number, &Hash::new([7; 32]))
}

/// A leaf: amount and whether it is bad.
type Leaf = (u128, bool);

fn range(leaves: &[Leaf], offset: u128) -> (usize, Range) {
    let mut start = 0;
    for (at, (amount, _)) in leaves.iter().enumerate() {
        if offset < start + amount {
            return (at, Range::new(Amount(start), Amount(*amount)).unwrap());
        }
        start += amount;
    }
    unreachable!("{offset}")
}

/// Plays one draw: good leaves are shown; of bad ones each offset is given up, or each leaf is shown. Answers what
/// the host forfeits, and the bad leaves that were audited.
fn play(leaves: &[Leaf], bps: u32, seed: Hash, gives_up: bool) -> (u128, usize) {
    let total = Amount(leaves.iter().map(|leaf| leaf.0).sum());
    let count = draw_count(total, MEAN, bps, 256).unwrap();
    let mut sampling = Sampling::new(seed, Amount::ZERO, total, count, vec![]).unwrap();
    let (mut cost, mut audited) = (0, 0);
    while let Some(drawn) = sampling.pending() {
        let (at, range) = range(leaves, drawn.offset.0);
        if leaves[at].1 && gives_up {
            sampling.withhold().unwrap();
            cost += forfeit(Amount::ZERO, total, count).unwrap().0;
        } else {
            audited += usize::from(leaves[at].1);
            sampling.reveal(range).unwrap();
        }
    }
    (cost, audited)
}

fn bad_amount(leaves: &[Leaf]) -> u128 {
    leaves.iter().filter(|leaf| leaf.1).map(|leaf| leaf.0).sum()
}

/// Leaves of which every `every`-th is bad.
fn regular(count: usize, every: usize, amount: u128) -> Vec<Leaf> {
    (0..count).map(|at| (amount, at % every == 0)).collect()
}

#[test]
fn giving_up_every_bad_leaf_that_is_drawn_forfeits_all_that_they_captured() {
    const DRAWS: u64 = 3_000;
    for (leaves, bps) in [
        (regular(200, 1, 100), 500),
        (regular(200, 2, 100), 500),
        (regular(200, 20, 100), 500),
        (regular(400, 3, 37), 2_500),
        // one huge bad leaf among small ones, and the reverse
        (vec![(9_000, true), (500, false), (500, false)], 500),
        ([vec![(9_000, false)], vec![(10, true); 100]].concat(), 500),
    ] {
        let sum: u128 = (0..DRAWS)
            .map(|draw| play(&leaves, bps, seed(draw), true).0)
            .sum();
        let (mean, captured) = (sum as f64 / DRAWS as f64, bad_amount(&leaves) as f64);
        // good leaves leave the draw once shown, which only brings more of it onto the others
        assert!(mean > 0.95 * captured, "{mean} {captured}");
    }
}

/// Part of a cheat's captures that it forfeits on average, if it shows a bad leaf to one of its friends, who hold
/// so many percent of the weight, and gives it up where another audits it.
fn forfeited_among_friends(leaves: &[Leaf], bps: u32, friends: u64) -> f64 {
    const DRAWS: u64 = 3_000;
    let group = [("friend", friends), ("other", 100 - friends)].map(|(host, weight)| Candidate {
        host: host.into(),
        weight,
        funders: vec![],
    });
    let total = Amount(leaves.iter().map(|leaf| leaf.0).sum());
    let count = draw_count(total, MEAN, bps, 256).unwrap();
    let each = hiding(forfeit(Amount::ZERO, total, count).unwrap()).unwrap();
    let mut sum = 0;
    for draw in 0..DRAWS {
        let beacon = seed(draw);
        let auditors = auditor_seed("quern-test-1", "quern1host", draw, &beacon);
        let mut sampling = Sampling::new(beacon, Amount::ZERO, total, count, vec![]).unwrap();
        while let Some(drawn) = sampling.pending() {
            let (at, range) = range(leaves, drawn.offset.0);
            // the number is the leaf's place, so each offset that hits it has the same auditor
            let auditor = choose(&auditors, range.start.0 as u64, &group.each_ref()).unwrap();
            if leaves[at].1 && auditor.host == "other" {
                sampling.withhold().unwrap();
                sum += each.0;
            } else {
                sampling.reveal(range).unwrap();
            }
        }
    }
    sum as f64 / DRAWS as f64 / bad_amount(leaves) as f64
}

#[test]
fn a_cheat_that_hides_from_all_but_its_friends_loses_at_thirty_percent_and_gains_nothing_at_forty() {
    // exactly: what the others' part of the weight makes it forfeit is at least what it captured
    for cost in [1_u128, 2, 3, 100, 999, 1 << 90] {
        let price = hiding(Amount(cost)).unwrap().0;
        assert!(70 * price > 100 * cost && 60 * price >= 100 * cost, "{cost}");
        assert!(
            55 * price < 100 * cost + 100,
            "no more than that asks for: {cost}"
        );
    }
    for (leaves, bps) in [
        (regular(200, 2, 100), 500),
        (regular(200, 20, 100), 500),
        (regular(400, 3, 37), 2_500),
        // one that several offsets hit: it must not get another auditor with each
        (vec![(9_000, true), (500, false), (500, false)], 1_000),
    ] {
        let (few, many) = (
            forfeited_among_friends(&leaves, bps, 30),
            forfeited_among_friends(&leaves, bps, 40),
        );
        // expected: 0.7 and 0.6 times five thirds; a little more, as good leaves leave the draw once shown
        assert!(few > 1.08, "{few}");
        assert!(many > 0.95, "{many}");
    }
}

#[test]
fn an_offset_costs_exactly_what_the_offsets_of_a_leaf_capture_on_average() {
    for leaves in [
        regular(40, 3, 100),
        regular(10, 2, 333),
        vec![(77, true), (3, false)],
    ] {
        let total: u128 = leaves.iter().map(|leaf| leaf.0).sum();
        for count in [1, 2, 7, 256] {
            let each = forfeit(Amount::ZERO, Amount(total), count).unwrap().0;
            // over all offsets alike: bad ones, times what each costs, times draws
            let expected = bad_amount(&leaves) * each * u128::from(count);
            assert!(expected >= bad_amount(&leaves) * total);
        }
    }
}

#[test]
fn a_cheat_that_is_audited_keeps_pay_until_its_conviction_and_one_that_gives_up_keeps_none() {
    // every fifth leaf is bad; claims are void if the conviction comes within two rounds
    let (leaves, null) = (regular(200, 5, 100), Null::from_micro(367).unwrap());
    let captured = bad_amount(&leaves) as i128;
    let (mut kept, mut left) = (0_i128, 0_i128);
    const HOSTS: u64 = 300;
    for host in 0..HOSTS {
        let mut process = Process::new();
        let (mut rounds, mut forfeited) = (0_i128, 0_i128);
        while process.status() == Status::Running {
            let seed = seed(host << 32 | rounds as u64);
            forfeited += play(&leaves, 500, seed, true).0 as i128;
            let (_, failed) = play(&leaves, 500, seed, false);
            for _ in 0..failed {
                let entry = Entry::single(Score::FAILED, null);
                process.enter(&entry, &Params::DEFAULT).unwrap();
            }
            rounds += 1;
            assert!(rounds < 1_000);
        }
        kept += (rounds - 2).max(0) * captured;
        left += rounds * captured - forfeited;
    }
    let scale = i128::from(HOSTS) * captured;
    assert!(kept >= 0 && left <= scale / 10, "{kept} {left} of {scale}");
    // over the same rounds, whoever gives up has nothing left of what its bad leaves captured
    assert!(left <= kept + scale / 10, "{left} {kept}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_host_serves_hiding_costs_at_least_as_much_as_it_captured(
        leaves in prop::collection::vec((1_u128..2_000, prop::bool::weighted(0.3)), 5..60), bps in 500_u32..5_000,
    ) {
        let captured = bad_amount(&leaves) as f64;
        const DRAWS: u64 = 150;
        let costs: Vec<f64> = (0..DRAWS).map(|draw| play(&leaves, bps, seed(draw), true).0 as f64).collect();
        let mean = costs.iter().sum::<f64>() / DRAWS as f64;
        let variance = costs.iter().map(|cost| (cost - mean).powi(2)).sum::<f64>() / DRAWS as f64;
        // five standard errors below is one in three million
        prop_assert!(mean + 5.0 * (variance / DRAWS as f64).sqrt() + 1.0 >= captured, "{mean} {captured}");
    }

    #[test]
    fn a_leaf_without_output_takes_no_draws_place(
        leaves in prop::collection::vec((1_u128..500, any::<bool>()), 5..40),
    ) {
        let total = Amount(leaves.iter().map(|leaf| leaf.0).sum());
        let real = leaves.iter().filter(|leaf| !leaf.1).count() as u32;
        let count = 4;
        let mut sampling = Sampling::new(seed(1), Amount::ZERO, total, count, vec![]).unwrap();
        let mut taken = 0;
        let mut steps = 0;
        while let Some(drawn) = sampling.pending() {
            let (at, range) = range(&leaves, drawn.offset.0);
            if leaves[at].1 {
                sampling.pass(range).unwrap();
            } else {
                sampling.reveal(range).unwrap();
                taken += 1;
            }
            steps += 1;
            prop_assert!(steps <= leaves.len(), "each leaf is asked for once");
        }
        prop_assert!(taken <= count.min(real));
    }

    #[test]
    fn a_backlog_never_asks_for_a_leaf_that_was_audited(
        leaves in prop::collection::vec((1_u128..500, Just(false)), 20..80),
    ) {
        let total = Amount(leaves.iter().map(|leaf| leaf.0).sum());
        let mut first = Sampling::new(seed(1), Amount::ZERO, total, 5, vec![]).unwrap();
        while let Some(drawn) = first.pending() {
            first.reveal(range(&leaves, drawn.offset.0).1).unwrap();
        }
        let seed = backlog_seed("quern-test-1", "quern1host", 2, &Hash::new([8; 32]));
        let known = first.ranges().to_vec();
        let mut second = Sampling::new(seed, Amount::ZERO, total, 12, known.clone()).unwrap();
        while let Some(drawn) = second.pending() {
            let (_, range) = range(&leaves, drawn.offset.0);
            prop_assert!(!known.contains(&range));
            second.reveal(range).unwrap();
        }
    }
}
