//! What a history does to a process: the null's bound, rounding, order, stopping, bad states.

use proptest::prelude::*;
use quern_evidence::{entries, Entry, EvidenceError, Leaf, Null, Params, Process, Score, Status, Wealth};
use quern_protocol::Hash;

const SMALL: Params = Params {
    alpha_inverse: 1_000_000,
    processes: 2,
    restart_every: 4,
    freeze_at: 30,
};

fn null(micro: u32) -> Null {
    Null::from_micro(micro).unwrap()
}

fn score(micro: u32) -> Score {
    Score::from_micro(micro).unwrap()
}

fn group(failed: u32, count: u32, null: Null) -> Entry {
    Entry::mean((0..count).map(|i| (if i < failed { Score::FAILED } else { Score::CLEAN }, null))).unwrap()
}

/// Sum over every outcome of `depth` honest leaves with a failure probability of exactly 1/4 of
/// probability x wealth, in units x 4^depth. `leaves` decides from the past how many leaves the next
/// entry groups; they fail together, the worst dependence.
fn expected(process: &Process, depth: u32, leaves: &dyn Fn(&Process) -> u32) -> u128 {
    if depth == 0 {
        return process.wealth().units();
    }
    let count = leaves(process);
    let after = |failed: u32| {
        let mut next = process.clone();
        next.enter(&group(failed, count, null(250_000)), &SMALL).unwrap();
        expected(&next, depth - 1, leaves)
    };
    3 * after(0) + after(count)
}

#[test]
fn an_honest_hosts_wealth_falls_in_expectation_over_every_outcome() {
    type Strategy<'a> = &'a dyn Fn(&Process) -> u32;
    let strategies: [Strategy; 3] = [
        &|_| 1,
        &|_| 3,
        // a history-dependent choice: bigger groups while the evidence is high
        &|process| if process.wealth() > Wealth::ONE { 7 } else { 1 },
    ];
    for strategy in strategies {
        let mut last = Wealth::SCALE;
        for depth in 1..=9 {
            let mean = expected(&Process::new(), depth, strategy);
            let scale = 4_u128.pow(depth);
            assert!(mean <= Wealth::SCALE * scale, "depth {depth}: {mean}");
            // exact arithmetic would keep it at 1: rounding takes a few units an entry and no more
            assert!(mean > (Wealth::SCALE - 100_000) * scale, "depth {depth}: {mean}");
            assert!(mean / scale <= last);
            last = mean / scale + 1;
        }
    }
}

#[test]
fn independent_leaves_of_one_payer_keep_the_bound_too() {
    // two leaves that fail independently with 1/4 each: 9/16 none, 6/16 one, 1/16 both
    fn walk(process: &Process, depth: u32) -> u128 {
        if depth == 0 {
            return process.wealth().units();
        }
        [(9, 0), (6, 1), (1, 2)].iter().fold(0, |sum, (weight, failed)| {
            let mut next = process.clone();
            next.enter(&group(*failed, 2, null(250_000)), &SMALL).unwrap();
            sum + weight * walk(&next, depth - 1)
        })
    }
    for depth in 1..=7 {
        assert!(walk(&Process::new(), depth) <= Wealth::SCALE * 16_u128.pow(depth));
    }
}

/// The same process in floating point.
struct Real {
    cash: f64,
    stakes: [f64; 8],
    entries: u64,
}

impl Real {
    fn enter(&mut self, ratios: &[f64], every: u64) -> f64 {
        if self.entries % every == 0 {
            let j = (self.entries / every + 1) as f64;
            let w = 1.0 / (j * (j + 1.0));
            self.cash -= w;
            self.stakes.iter_mut().for_each(|r| *r += w / 8.0);
        }
        self.entries += 1;
        for (r, k) in self.stakes.iter_mut().zip(2..) {
            let bet = 0.5_f64.powi(k);
            *r *= ratios.iter().map(|x| 1.0 + bet * (x - 1.0)).sum::<f64>() / ratios.len() as f64;
        }
        self.cash + self.stakes.iter().sum::<f64>()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn wealth_is_never_above_the_real_martingale_and_hardly_below(
        history in prop::collection::vec(
            prop::collection::vec((prop_oneof![4 => Just(0_u32), 1 => 0..=1_000_000_u32], 50_000..999_999_u32), 1..6),
            1..200,
        ),
    ) {
        let mut process = Process::new();
        let mut real = Real { cash: 1.0, stakes: [0.0; 8], entries: 0 };
        // each floor costs below one unit and the ratio's floor below 10^-6 of a leaf's factor
        let mut slack = 0.0;
        for leaves in &history {
            let entry = Entry::mean(leaves.iter().map(|(s, n)| (score(*s), null(*n)))).unwrap();
            let status = process.enter(&entry, &SMALL).unwrap();
            let ratios: Vec<f64> = leaves.iter().map(|(s, n)| f64::from(*s) / f64::from(*n)).collect();
            let exact = real.enter(&ratios, 4);
            let units = process.wealth().units() as f64 / 1e12;
            prop_assert!(units <= exact * (1.0 + 1e-12) + 1e-12, "{units} above {exact}");
            slack += exact * 1e-6 + 1e-9;
            prop_assert!(exact - units <= slack, "{units} far below {exact}");
            if status == Status::Convicted {
                break;
            }
        }
    }

    #[test]
    fn no_history_overflows_or_goes_back(
        history in prop::collection::vec((0..=4_096_u32, 1..=4_096_u32, 1..1_000_000_u32), 1..120),
        processes in 1..=10_000_u32,
    ) {
        let params = Params { processes, ..SMALL };
        params.validate().unwrap();
        let mut process = Process::new();
        for (failed, count, micro) in history {
            let before = process.clone();
            let status = process.enter(&group(failed.min(count), count, null(micro)), &params).unwrap();
            if before.status() == Status::Convicted {
                prop_assert_eq!(&process, &before);
            }
            prop_assert_eq!(status == Status::Convicted, process.wealth().reaches(params.threshold()));
        }
    }

    #[test]
    fn a_round_does_not_depend_on_the_order_of_its_leaves(
        leaves in prop::collection::vec((0..5_u8, 0..=1_000_000_u32, 300..1_000_u32), 0..60),
        turns in 0..60_usize,
    ) {
        let mut leaves: Vec<Leaf> = leaves
            .iter()
            .enumerate()
            .map(|(i, (payer, s, n))| Leaf {
                id: Hash::new([i as u8; 32]),
                payer: (*payer > 0).then(|| format!("payer{payer}")),
                score: score(*s),
                null: null(*n),
            })
            .collect();
        let first = entries(&leaves).unwrap();
        let proofs = leaves.iter().filter(|leaf| leaf.payer.is_none()).count();
        prop_assert!(first.len() <= 4 + proofs);
        prop_assert_eq!(first.iter().map(|e| e.count() as usize).sum::<usize>(), leaves.len());
        leaves.reverse();
        let middle = turns.min(leaves.len());
        leaves.rotate_left(middle);
        prop_assert_eq!(entries(&leaves).unwrap(), first);
    }

    #[test]
    fn a_state_survives_json_and_a_corrupt_one_is_an_error(cash: u128, stake: u128, count: u64, restarts: u64) {
        let text = format!(
            r#"{{"cash":"{cash}","stakes":["{stake}","0","0","0","0","0","0","{stake}"],"entries":{count},"restarts":{restarts},"status":"running"}}"#
        );
        let mut process: Process = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&process).unwrap(), text);
        let before = process.clone();
        if let Err(error) = process.enter(&Entry::single(Score::FAILED, null(1)), &SMALL) {
            prop_assert_eq!(error, EvidenceError::CorruptState);
            prop_assert_eq!(process, before);
        }
    }
}

#[test]
fn a_payer_who_repeats_one_bad_prompt_counts_once() {
    let leaf = |i: u8, payer: Option<&str>| Leaf {
        id: Hash::new([i; 32]),
        payer: payer.map(str::to_owned),
        score: Score::FAILED,
        null: null(1_000),
    };
    let wealth = |leaves: &[Leaf]| {
        let mut process = Process::new();
        process
            .enter_all(&entries(leaves).unwrap(), &Params::DEFAULT)
            .unwrap();
        process.wealth()
    };
    let one_payer: Vec<Leaf> = (0..20).map(|i| leaf(i, Some("mallory"))).collect();
    assert_eq!(wealth(&one_payer), wealth(&one_payer[..1]));
    // failed proofs, which no payer chose, add up: four convict
    let proofs: Vec<Leaf> = (0..4).map(|i| leaf(i, None)).collect();
    assert!(wealth(&proofs).reaches(2_000_000));
    assert!(!wealth(&proofs[..3]).reaches(2_000_000));
}

#[test]
fn an_entry_needs_leaves_and_a_round_has_a_bound_and_no_leaf_twice() {
    assert_eq!(Entry::mean([]), Err(EvidenceError::EmptyEntry));
    let one = (Score::CLEAN, null(300));
    assert_eq!(
        Entry::mean(vec![one; 4_097]),
        Err(EvidenceError::TooManyLeaves(4_097))
    );
    assert!(Entry::mean(vec![one; 4_096]).is_ok());
    let leaf = Leaf {
        id: Hash::new([1; 32]),
        payer: None,
        score: Score::CLEAN,
        null: null(300),
    };
    let twice = [leaf.clone(), leaf.clone()];
    assert_eq!(entries(&twice), Err(EvidenceError::DuplicateLeaf(leaf.id)));
    assert!(serde_json::from_str::<Score>("1000001").is_err());
    assert!(serde_json::from_str::<Null>("0").is_err());
    assert!(serde_json::from_str::<Null>("1000000").is_err());
    assert!(serde_json::from_str::<Wealth>(r#""+1""#).is_err());
}
