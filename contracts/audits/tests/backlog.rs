//! High evidence reaches back to leaves that were not audited and cannot be settled yet.

use crate::common;

use common::chain::name;
use common::{Audits, CLEAN, FAILED};
use quern_audit::Vote;
use quern_evidence::RateParams;
use quern_interface::audits::{LeafInfo, LeafSource, Params, PendingSource, Phase};
use quern_protocol::{Amount, Hash};

const RATES: RateParams = RateParams {
    first_leaves: 0,
    base_bps: 1_000,
    raised_bps: 5_000,
    backlog: 2_000,
};

fn params(rates: RateParams) -> Params {
    Params {
        rates,
        ..common::params()
    }
}

/// Twenty leaves of 100 of host 0 for one payer, who alone convicts nobody, in the round that comes.
fn served(rates: RateParams) -> (Audits, Vec<Hash>, u64) {
    let mut audits = Audits::with(10, &params(rates));
    let session = audits.open("payer", 0);
    audits.until(Phase::Collect);
    while audits.round().start > audits.world.height() || audits.world.height() + 30 > audits.round().end {
        audits.block();
        audits.until(Phase::Collect);
    }
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.extend(audits.serve(0, &[session], 100));
        audits.block();
    }
    (audits, ids, session)
}

fn bad<'a>(ids: &'a [Hash]) -> impl Fn(usize, &LeafInfo, u32) -> Option<Vote> + 'a {
    |_, leaf, _| if ids.contains(&leaf.id) { FAILED } else { CLEAN }
}

fn receipts(leaves: &[LeafInfo]) -> Vec<Hash> {
    let of = |leaf: &&LeafInfo| matches!(leaf.source, LeafSource::Receipt { .. });
    leaves.iter().filter(of).map(|leaf| leaf.id).collect()
}

#[test]
fn a_cheat_whose_evidence_turns_high_is_audited_on_its_older_leaves_and_convicted() {
    let (mut audits, ids, _) = served(RATES);
    let first = receipts(&audits.play(&[], &bad(&ids)));
    assert_eq!(first.len(), 2, "ten percent");
    assert!(audits.record(0).frozen && audits.record(0).convictions == 0);
    // nothing new is served: only the older leaves are left to draw from
    let second = receipts(&audits.play(&[], &bad(&ids)));
    assert_eq!(second.len(), 10, "fifty percent of what the round before covered");
    assert!(second.iter().all(|id| ids.contains(id) && !first.contains(id)));
    let mut distinct = second.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 10, "no leaf enters the evidence twice");
    assert_eq!(audits.record(0).audited, 12);
}

#[test]
fn older_leaves_count_like_others_towards_a_conviction() {
    let mut audits = Audits::with(10, &params(RATES));
    let sessions = ["payer", "router", "stranger"].map(|payer| audits.open(payer, 0));
    audits.fresh();
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.extend(audits.serve(0, &sessions, 100));
        audits.block();
    }
    audits.until(Phase::Reveal);
    let drawn = audits.pending(0).unwrap();
    // one of its leaves was bad enough to be seen at first
    let seen = [audits.covering(0, drawn.0).receipt.digest(common::chain::CHAIN)];
    audits.play(&[], &bad(&seen));
    assert!(audits.record(0).frozen && audits.record(0).convictions == 0);
    audits.play(&[], &bad(&ids));
    assert_eq!(audits.record(0).convictions, 1);
}

#[test]
fn an_honest_host_is_not_audited_twice() {
    let (mut audits, _, _) = served(RATES);
    assert_eq!(receipts(&audits.play(&[], &|_, _, _| CLEAN)).len(), 2);
    audits.until(Phase::Reveal);
    assert!(audits.all_pending(0).is_empty());
}

#[test]
fn new_leaves_and_older_ones_are_asked_for_side_by_side_and_hidden_ones_cost() {
    let (mut audits, ids, session) = served(RATES);
    audits.play(&[], &bad(&ids));
    audits.fresh();
    audits.serve(0, &[session], 100);
    audits.until(Phase::Reveal);
    let offsets: Vec<u128> = audits
        .all_pending(0)
        .into_iter()
        .filter_map(|pending| match pending.source {
            PendingSource::Receipts { offset } => Some(offset.0),
            PendingSource::Proofs { .. } => None,
        })
        .collect();
    // the twenty leaves of the round before lie below
    assert!(matches!(offsets[..], [2_000..2_100, ..2_000]), "{offsets:?}");
    audits.play(&[0], &bad(&ids));
    let record = audits.record(0);
    // five thirds, of each of ten draws of 2,000 and of one of 100
    assert_eq!((record.withheld, record.forfeited), (11, Amount(10 * 334 + 167)));
    assert_eq!(record.audited, 2, "what is hidden enters no evidence");
}

#[test]
fn the_backlog_is_no_larger_than_its_parameter_and_than_a_draw() {
    for (backlog, draws) in [(0, 0), (4, 2), (2_000, 10)] {
        let (mut audits, ids, _) = served(RateParams { backlog, ..RATES });
        audits.play(&[], &bad(&ids));
        let second = receipts(&audits.play(&[], &bad(&ids)));
        assert_eq!(second.len(), draws, "{backlog}");
    }
}

#[test]
fn a_leaf_that_was_audited_in_the_round_before_is_refused() {
    let (mut audits, ids, _) = served(RATES);
    let first = audits.play(&[], &bad(&ids));
    audits.until(Phase::Reveal);
    let place = (0..20)
        .map(|at| audits.covering(0, at * 100))
        .find(|leaf| leaf.receipt.digest(common::chain::CHAIN) == first[0].id)
        .unwrap();
    let msg = audits.reveal_msg(0, place);
    audits.refuse(&name("stranger"), &msg, "audit");
}
