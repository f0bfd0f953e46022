//! Who audits, what their words are worth, and how guessing is caught.

use proptest::prelude::*;
use quern_audit::{
    auditor_seed, choose, eligible, final_score, independent, opening_offset, opening_seed, pack, panel,
    panel_seed, pay, stage_score, unfetchable, unpack, AuditError, Candidate, Finding, Margin, MarginTree,
    Opening, Profile, Report, SeatVote, StageRule, Vote,
};
use quern_evidence::Score;
use quern_protocol::{hash_fields, Amount, Bytes, Hash, Node, Price};

const CHAIN: &str = "quern-test-1";

fn seed(number: u64) -> Hash {
    hash_fields(&[&number.to_be_bytes()])
}

fn candidate(number: u32, weight: u64, funders: &[u32]) -> Candidate {
    Candidate {
        host: format!("quern1h{number:04}"),
        weight,
        funders: funders.iter().map(|f| format!("quern1f{f:04}")).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_excluded_auditor_is_never_drawn(
        group in prop::collection::vec((0..50_u64, prop::collection::vec(0..12_u32, 0..3)), 1..30),
        audited in 0..30_usize,
        n: u64,
    ) {
        let group: Vec<Candidate> =
            (0..).zip(&group).map(|(i, (weight, funders))| candidate(i, *weight, funders)).collect();
        let host = &group[audited % group.len()];
        let may = eligible(host, &group).unwrap();
        let excluded = |other: &str| {
            let other = group.iter().find(|c| c.host == other).unwrap();
            other.host == host.host || other.weight == 0 || other.funders.iter().any(|f| host.funders.contains(f))
        };
        if may.is_empty() {
            prop_assert_eq!(choose(&seed(n), 0, &may), Err(AuditError::NoAuditor));
            return Ok(());
        }
        for index in 0..20 {
            let drawn = choose(&seed(n), index, &may).unwrap();
            prop_assert!(!excluded(&drawn.host));
            prop_assert_eq!(choose(&seed(n), index, &may).unwrap(), drawn);
        }
        let seats = panel(&seed(n), Profile::DEFAULT.review, &may).unwrap();
        prop_assert_eq!(seats.iter().map(|seat| seat.seats).sum::<u32>(), 21);
        prop_assert!(seats.iter().all(|seat| !excluded(&seat.host)));
        prop_assert!(seats.windows(2).all(|pair| pair[0].host < pair[1].host));
    }

    #[test]
    fn packed_votes_read_back(votes in prop::collection::vec(prop::option::of(0..=1_000_000_u32), 0..50)) {
        let votes: Vec<Vote> = votes
            .iter()
            .map(|micro| micro.map_or(Vote::Unfetchable, |m| Vote::Score(Score::from_micro(m).unwrap())))
            .collect();
        let bytes = pack(&votes);
        prop_assert_eq!(bytes.len(), 3 * votes.len());
        prop_assert_eq!(unpack(&bytes, votes.len()).unwrap(), votes);
        prop_assert_eq!(unpack(&bytes, bytes.len() / 3 + 1), Err(AuditError::Packed));
    }

    #[test]
    fn a_report_opens_at_any_drawn_position_and_nowhere_else(
        leaves in prop::collection::vec(prop::collection::vec(-900..5_000_i32, 0..12), 1..8),
        n: u64,
        lie in 0..8_u8,
    ) {
        let made = Made::new(&leaves);
        let root = made.report.root().unwrap();
        let positions: usize = leaves.iter().map(Vec::len).sum();
        prop_assert_eq!(root.sum, Amount(positions as u128));
        let drawn = opening_offset(&opening_seed(CHAIN, AUDITOR, ROUND, &seed(n)), 0, &root);
        prop_assert_eq!(drawn.is_some(), positions > 0);
        let Some(offset) = drawn else { return Ok(()) };
        let mut opening = made.open(offset);
        let check = |opening: &Opening, auditor, offset| {
            opening.verify(CHAIN, auditor, ROUND, CLIP, &root, leaves.len() as u32, offset)
        };
        let position = check(&opening, AUDITOR, offset).unwrap();
        let margin = leaves[opening.finding_proof.index as usize][position as usize];
        prop_assert_eq!(opening.margin, Margin(margin));
        // not another auditor's, not another position
        prop_assert!(check(&opening, "quern1copycat", offset).is_err());
        prop_assert!(check(&opening, AUDITOR, Amount((offset.0 + 1) % 97)).is_err());
        match lie {
            0 => opening.margin.0 += 1,
            1 => opening.finding.vote = Vote::Unfetchable,
            2 => opening.finding.margins.sum.0 += 1,
            3 => opening.salt = Bytes::new([0xEE; 16]),
            4 => opening.finding.positions += 1,
            // a larger tree of the same shape would have room for a second margin
            5 => opening.margin_proof.count += 1,
            6 => opening.finding_proof.count += 1,
            _ => opening.finding.clipped += 1,
        }
        prop_assert!(check(&opening, AUDITOR, offset).is_err());
    }
}

const AUDITOR: &str = "quern1auditor";
const ROUND: u64 = 12;
const CLIP: u32 = 500;

struct Made {
    report: Report,
    leaves: Vec<Vec<Margin>>,
    trees: Vec<Option<MarginTree>>,
}

impl Made {
    fn new(leaves: &[Vec<i32>]) -> Self {
        let leaves: Vec<Vec<Margin>> = leaves
            .iter()
            .map(|l| l.iter().copied().map(Margin).collect())
            .collect();
        let tree = |(i, margins): (u64, &Vec<Margin>)| {
            MarginTree::new(CHAIN, AUDITOR, &seed(i), &Self::salt(i), margins, CLIP)
        };
        let trees: Vec<_> = (0..).zip(&leaves).map(tree).collect();
        let nothing = Node {
            hash: Hash::new([0; 32]),
            sum: Amount::ZERO,
        };
        let finding = |((i, margins), tree): ((u64, &Vec<Margin>), &Option<MarginTree>)| Finding {
            leaf: seed(i),
            vote: Vote::Score(Score::CLEAN),
            positions: margins.len() as u32,
            clipped: margins.iter().filter(|m| m.gap(u32::MAX) > CLIP).count() as u32,
            margins: tree.as_ref().and_then(MarginTree::root).unwrap_or(nothing),
        };
        let findings = (0..).zip(&leaves).zip(&trees).map(finding).collect();
        let report = Report::new(CHAIN, AUDITOR, ROUND, findings).unwrap();
        Self {
            report,
            leaves,
            trees,
        }
    }

    fn salt(leaf: u64) -> Bytes<16> {
        Bytes::new([leaf as u8 + 1; 16])
    }

    fn open(&self, offset: Amount) -> Opening {
        let (finding, finding_proof, position) = self.report.at(offset).unwrap();
        let leaf = finding_proof.index as usize;
        Opening {
            finding: finding.clone(),
            salt: Self::salt(leaf as u64),
            margin: self.leaves[leaf][position as usize],
            margin_proof: self.trees[leaf].as_ref().unwrap().prove(position).unwrap(),
            finding_proof,
        }
    }
}

#[test]
fn another_position_than_the_drawn_one_is_named_as_such() {
    let made = Made::new(&[vec![5, 6, 7, 8]]);
    let root = made.report.root().unwrap();
    let opening = made.open(Amount(1));
    let check = |offset| opening.verify(CHAIN, AUDITOR, ROUND, CLIP, &root, 1, Amount(offset));
    assert_eq!(check(1), Ok(1));
    assert_eq!(check(2), Err(AuditError::NotDrawn));
    assert_eq!(check(u128::MAX), Err(AuditError::NotDrawn));
}

#[test]
fn a_findings_sum_is_its_clipped_gaps_and_a_far_margin_needs_no_precision() {
    let margins = [Margin(-700), Margin(-20), Margin(0), Margin(4_000)];
    let tree = MarginTree::new(CHAIN, AUDITOR, &seed(1), &Bytes::new([1; 16]), &margins, CLIP).unwrap();
    assert_eq!(tree.root().unwrap().sum, Amount(520));
    assert!(Margin(100).agrees(Margin(104), 5, 1_000));
    assert!(!Margin(100).agrees(Margin(106), 5, 1_000));
    assert!(!Margin(0).agrees(Margin(4_000), 5, 1_000));
    assert!(Margin(4_000).agrees(Margin(9_000), 5, 1_000));
    // the far ends do not overflow
    assert!(!Margin(i32::MIN).agrees(Margin(i32::MAX), u32::MAX - 1, u32::MAX));
    assert_eq!(Margin(i32::MIN).gap(u32::MAX), 1 << 31);
    assert!(MarginTree::new(CHAIN, AUDITOR, &seed(1), &Bytes::new([1; 16]), &[], CLIP).is_none());
}

#[test]
fn hostile_weight_holds_its_share_of_seats_however_it_is_split() {
    // 30 % of the weight in one host, or spread over thirty small ones beside seven large honest ones
    let whole: Vec<Candidate> = (0..7)
        .map(|i| candidate(i, 100, &[]))
        .chain([candidate(900, 300, &[])])
        .collect();
    let split: Vec<Candidate> = (0..7)
        .map(|i| candidate(i, 100, &[]))
        .chain((900..930).map(|i| candidate(i, 10, &[])))
        .collect();
    for group in [whole, split] {
        let may: Vec<&Candidate> = group.iter().collect();
        let panels = 300;
        let hostile: u32 = (0..panels)
            .flat_map(|n| {
                panel(
                    &panel_seed(CHAIN, &seed(5), 2, &seed(n)),
                    Profile::DEFAULT.review,
                    &may,
                )
                .unwrap()
            })
            .filter(|seat| seat.host.as_str() >= "quern1h0900")
            .map(|seat| seat.seats)
            .sum();
        let share = f64::from(hostile) / (21.0 * panels as f64);
        assert!((share - 0.3).abs() < 0.03, "{share}");
    }
}

#[test]
fn auditors_are_drawn_by_weight() {
    let group: Vec<Candidate> = (0..4).map(|i| candidate(i, u64::from(i) * 10, &[])).collect();
    let may = eligible(&candidate(99, 1, &[]), &group).unwrap();
    let seed = auditor_seed(CHAIN, "quern1h0099", 3, &seed(8));
    let mut hits = [0_u32; 4];
    for index in 0..6_000 {
        let drawn = choose(&seed, index, &may).unwrap();
        hits[group.iter().position(|c| c == drawn).unwrap()] += 1;
    }
    assert_eq!(hits[0], 0);
    for (hit, expected) in hits.iter().zip([0.0, 1_000.0, 2_000.0, 3_000.0_f64]).skip(1) {
        assert!((f64::from(*hit) - expected).abs() < 170.0, "{hits:?}");
    }
}

#[test]
fn a_majority_of_seats_decides_and_silence_counts_for_the_host() {
    let rule = Profile::DEFAULT.panel;
    let seat = |seats, vote| SeatVote { seats, vote };
    let bad = Some(Vote::Score(Score::FAILED));
    let clean = Some(Vote::Score(Score::CLEAN));
    let half = Some(Vote::Score(Score::from_micro(500_000).unwrap()));
    assert_eq!(stage_score(rule, &[seat(3, bad), seat(4, clean)]), Score::CLEAN);
    assert_eq!(stage_score(rule, &[seat(4, bad), seat(3, clean)]), Score::FAILED);
    assert_eq!(stage_score(rule, &[seat(3, bad), seat(4, None)]), Score::CLEAN);
    assert_eq!(
        stage_score(rule, &[seat(3, bad), seat(1, half), seat(3, clean)]).micro(),
        500_000
    );
    assert_eq!(
        stage_score(rule, &[seat(3, bad), seat(4, Some(Vote::Unfetchable))]),
        Score::CLEAN
    );
    assert!(unfetchable(
        rule,
        &[seat(3, bad), seat(4, Some(Vote::Unfetchable))]
    ));
    // whom the host serves is its choice, so both kinds count together
    let split = [seat(2, bad), seat(2, Some(Vote::Unfetchable)), seat(3, clean)];
    assert!(unfetchable(rule, &split));
    assert_eq!(stage_score(rule, &split), Score::CLEAN);
    assert!(!unfetchable(rule, &[seat(3, bad), seat(4, clean)]));
    assert!(!unfetchable(
        rule,
        &[seat(3, Some(Vote::Unfetchable)), seat(4, None)]
    ));
    assert_eq!(stage_score(rule, &[]), Score::CLEAN);
    assert_eq!(
        final_score(&[Score::FAILED, Score::CLEAN, Score::FAILED]),
        Score::CLEAN
    );
    assert_eq!(final_score(&[Score::FAILED, Score::FAILED]), Score::FAILED);
    assert_eq!(final_score(&[]), Score::CLEAN);
}

#[test]
fn hosts_with_a_common_owner_count_once() {
    let group = [
        candidate(1, 5, &[10]),
        candidate(2, 5, &[11]),
        candidate(3, 5, &[10, 11]),
        candidate(4, 5, &[12]),
        candidate(5, 0, &[13]),
    ];
    assert_eq!(independent(&group), Ok(2));
    // a host that funds another makes both one
    let mut funding = vec![candidate(1, 5, &[]), candidate(2, 5, &[])];
    assert_eq!(independent(&funding), Ok(2));
    funding[1].funders = vec![funding[0].host.clone()];
    assert_eq!(independent(&funding), Ok(1));
    assert!(eligible(&funding[0], &funding).unwrap().is_empty());
    assert_eq!(independent(&[]), Ok(0));
}

#[test]
fn only_a_tenth_of_a_bond_makes_a_funder_count() {
    let counts = |position, bond| Profile::DEFAULT.counts(Amount(position), Amount(bond));
    assert!(counts(10, 100) && !counts(9, 100) && counts(11, 101) && !counts(10, 101));
    assert!(!counts(0, 0) && counts(u128::MAX / 10 + 1, u128::MAX));
}

#[test]
fn groups_and_rules_out_of_bounds_are_refused() {
    let host = candidate(1, 1, &[]);
    let twice = [candidate(2, 1, &[]), candidate(2, 1, &[])];
    assert_eq!(eligible(&host, &twice), Err(AuditError::Unsorted("candidates")));
    let heavy = [candidate(2, u64::MAX, &[]), candidate(3, 1, &[])];
    assert_eq!(eligible(&host, &heavy), Err(AuditError::Overflow));
    let crowd: Vec<Candidate> = (0..1_025).map(|i| candidate(i, 1, &[])).collect();
    assert!(eligible(&host, &crowd).is_err());
    let funded = [candidate(2, 1, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])];
    assert!(eligible(&host, &funded).is_err());
    assert_eq!(Profile::DEFAULT.validate(), Ok(()));
    for rule in [(0, 0), (7, 3), (7, 8), (65, 40), (8, 4)] {
        let panel = StageRule {
            seats: rule.0,
            needed: rule.1,
        };
        assert!(
            Profile {
                panel,
                ..Profile::DEFAULT
            }
            .validate()
            .is_err(),
            "{rule:?}"
        );
    }
    let small = Profile {
        panel: StageRule { seats: 1, needed: 1 },
        ..Profile::DEFAULT
    };
    assert_eq!(small.validate(), Ok(()));
    assert_eq!(unpack(&[0xFF, 0, 0], 1), Err(AuditError::Packed));
    assert_eq!(unpack(&[0x0F, 0x42, 0x41], 1), Err(AuditError::Packed));
    assert_eq!(
        unpack(&[0x0F, 0x42, 0x40], 1),
        Ok(vec![Vote::Score(Score::FAILED)])
    );
}

#[test]
fn pay_is_per_token_and_the_same_for_either_verdict() {
    let price: Price = "0.3".parse().unwrap();
    assert_eq!(pay(price, 1_000), Some(Amount(300)));
    assert_eq!(pay(price, 1), Some(Amount(0)));
    assert_eq!(pay(Price::from_atomics(u128::MAX), u64::MAX), None);
}
