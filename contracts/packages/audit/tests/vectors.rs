//! The vectors of `docs/spec/audit.md`.

use quern_audit::{
    auditor_seed, backlog_seed, ballot_position, checked, choose, draw_count, forfeit, leaf_seed,
    opening_offset, opening_seed, pack, panel, panel_seed, proof_draw_seed, unpack, Ballot, Candidate,
    DrawnOffset, Finding, Margin, MarginTree, Profile, Range, Report, Sampling, Vote,
};
use quern_evidence::Score;
use quern_protocol::{Amount, Bytes, Hash, Node};
use serde::Deserialize;

#[derive(Deserialize)]
struct Drawn {
    index: u64,
    offset: Amount,
    leaf: usize,
}

#[derive(Deserialize)]
struct HexNode {
    hash: String,
    sum: Amount,
}

impl HexNode {
    fn node(&self) -> Node {
        Node {
            hash: self.hash.parse().unwrap(),
            sum: self.sum,
        }
    }
}

#[derive(Deserialize)]
struct Vectors {
    chain_id: String,
    host: String,
    auditor: String,
    round: u64,
    beacon: String,
    leaf: String,
    salt: String,
    leaf_seed: String,
    amounts: Vec<Amount>,
    drawn: Vec<Drawn>,
    group: Vec<(String, u64)>,
    auditor_seed: String,
    auditors: Vec<String>,
    panel_seed: String,
    panel: Vec<(String, u32)>,
    margins: Vec<i32>,
    clip: u32,
    margin_root: HexNode,
    findings: Vec<String>,
    report_root: HexNode,
    opening_seed: String,
    openings: Vec<Amount>,
    ballot: String,
    ballot_position: u32,
    proofs_seed: String,
    backlog_seed: String,
    checked: Vec<bool>,
    packed: String,
    draw_count: u32,
    forfeit: Amount,
}

fn vectors() -> Vectors {
    let page = include_str!("../../../../docs/spec/audit.md");
    let (_, rest) = page.split_once("<!-- vectors -->\n```json\n").unwrap();
    serde_json::from_str(rest.split_once("\n```").unwrap().0).unwrap()
}

#[test]
fn leaves_are_drawn_as_on_the_page() {
    let v = vectors();
    let seed = leaf_seed(&v.chain_id, &v.host, v.round, &v.beacon.parse().unwrap());
    assert_eq!(seed.to_string(), v.leaf_seed);
    let ranges: Vec<Range> = v
        .amounts
        .iter()
        .scan(Amount::ZERO, |start, amount| {
            let range = Range::new(*start, *amount)?;
            *start = range.end;
            Some(range)
        })
        .collect();
    let total = ranges.last().unwrap().end;
    let mut sampling = Sampling::new(seed, Amount::ZERO, total, v.drawn.len() as u32, vec![]).unwrap();
    for drawn in &v.drawn {
        let expected = DrawnOffset {
            index: drawn.index,
            offset: drawn.offset,
        };
        assert_eq!(sampling.reveal(ranges[drawn.leaf]), Ok(expected));
    }
    assert_eq!(sampling.pending(), None);
    assert_eq!(draw_count(total, Amount(20), 500, 4_096), Ok(v.draw_count));
    assert_eq!(forfeit(v.amounts[0], total, 4), Some(v.forfeit));
}

#[test]
fn auditors_and_panels_are_drawn_as_on_the_page() {
    let v = vectors();
    let beacon: Hash = v.beacon.parse().unwrap();
    let group: Vec<Candidate> = v
        .group
        .iter()
        .map(|(host, weight)| Candidate {
            host: host.clone(),
            weight: *weight,
            funders: vec![],
        })
        .collect();
    let may: Vec<&Candidate> = group.iter().collect();
    let seed = auditor_seed(&v.chain_id, &v.host, v.round, &beacon);
    assert_eq!(seed.to_string(), v.auditor_seed);
    for (index, auditor) in (0..).zip(&v.auditors) {
        assert_eq!(choose(&seed, index, &may).unwrap().host, *auditor);
    }
    let seed = panel_seed(&v.chain_id, &v.leaf.parse().unwrap(), 1, &beacon);
    assert_eq!(seed.to_string(), v.panel_seed);
    let seats = panel(&seed, Profile::DEFAULT.panel, &may).unwrap();
    let seats: Vec<(String, u32)> = seats.into_iter().map(|seat| (seat.host, seat.seats)).collect();
    assert_eq!(seats, v.panel);
}

#[test]
fn reports_are_hashed_and_opened_as_on_the_page() {
    let v = vectors();
    let (leaf, salt): (Hash, Bytes<16>) = (v.leaf.parse().unwrap(), v.salt.parse().unwrap());
    let margins: Vec<Margin> = v.margins.iter().copied().map(Margin).collect();
    let tree = MarginTree::new(&v.chain_id, &v.auditor, &leaf, &salt, &margins, v.clip).unwrap();
    assert_eq!(tree.root(), Some(v.margin_root.node()));
    let findings = vec![
        Finding {
            leaf,
            vote: Vote::Score(Score::FAILED),
            positions: margins.len() as u32,
            clipped: 1,
            margins: v.margin_root.node(),
        },
        Finding {
            leaf: Hash::new([0xCD; 32]),
            vote: Vote::Unfetchable,
            positions: 0,
            clipped: 0,
            margins: Node {
                hash: Hash::new([0; 32]),
                sum: Amount::ZERO,
            },
        },
    ];
    for (finding, digest) in findings.iter().zip(&v.findings) {
        assert_eq!(
            finding.digest(&v.chain_id, &v.auditor, v.round).to_string(),
            *digest
        );
    }
    let (chain_id, auditor, beacon) = (&v.chain_id, &v.auditor, v.beacon.parse().unwrap());
    let ballot = Ballot::commitment(chain_id, auditor, v.round, 1, &findings[0], &salt);
    assert_eq!(ballot.to_string(), v.ballot);
    assert_eq!(
        ballot_position(chain_id, &leaf, 1, &beacon, 5),
        Some(v.ballot_position)
    );
    assert_eq!(ballot_position(chain_id, &leaf, 1, &beacon, 0), None);
    for (every, is) in (1..).zip(&v.checked) {
        assert_eq!(checked(chain_id, auditor, v.round, &beacon, every), *is);
    }
    assert!(!checked(chain_id, auditor, v.round, &beacon, 0));
    let seed = proof_draw_seed(chain_id, &v.host, (3, "quern-small"), v.round, &beacon);
    assert_eq!(seed.to_string(), v.proofs_seed);
    let seed = backlog_seed(chain_id, &v.host, v.round, &beacon);
    assert_eq!(seed.to_string(), v.backlog_seed);
    let report = Report::new(&v.chain_id, &v.auditor, v.round, findings).unwrap();
    let root = report.root().unwrap();
    assert_eq!(root, v.report_root.node());
    let packed: String = pack(&report.votes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(packed, v.packed);
    assert_eq!(unpack(&pack(&report.votes()), 2), Ok(report.votes()));
    let seed = opening_seed(&v.chain_id, &v.auditor, v.round, &v.beacon.parse().unwrap());
    assert_eq!(seed.to_string(), v.opening_seed);
    for (index, offset) in (0..).zip(&v.openings) {
        assert_eq!(opening_offset(&seed, index, &root), Some(*offset));
    }
}
