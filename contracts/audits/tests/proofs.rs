//! What rounds make of proofs of compute.

use crate::common;

use common::chain::name;
use common::{Audits, CLEAN, FAILED, UNFETCHABLE};
use quern_evidence::Wealth;
use quern_interface::audits::{LeafSource, Params, Phase, Verdict};
use quern_interface::poc_weights::Judged;
use quern_protocol::Amount;

#[test]
fn answers_of_a_sprint_are_drawn_audited_and_told_to_the_contract_of_weights() {
    let mut audits = Audits::new(10);
    audits.fresh();
    let answers = [audits.prove(0, 6), audits.prove(3, 1)];
    let leaves = audits.play_with(&answers, &[], &|_, _, _| CLEAN);
    // two of six, and the only one
    let of = |host| {
        let host = audits.host(host).to_string();
        leaves.iter().filter(move |leaf| leaf.host == host).count()
    };
    assert_eq!((of(0), of(3)), (2, 1));
    assert!(leaves
        .iter()
        .all(|leaf| matches!(leaf.source, LeafSource::Proof { .. })));
    assert!(leaves
        .iter()
        .all(|leaf| leaf.auditor.as_deref() != Some(leaf.host.as_str())));
    assert!(leaves
        .iter()
        .all(|leaf| (leaf.positions, leaf.greedy) == (20, false)));
    let judged = |of: &common::proofs::Answers| audits.proof(of).judged.unwrap();
    assert_eq!(judged(&answers[0]), Judged { clean: 2, failed: 0 });
    assert_eq!(judged(&answers[1]), Judged { clean: 1, failed: 0 });
    let record = audits.record(0);
    assert_eq!((record.proofs, record.proofs_failed, record.audited), (2, 0, 2));
    assert!(audits.evidence(0).highest() < Wealth::ONE);
    // three leaves of twenty positions
    let owed: u128 = (0..10).map(|host| audits.record(host).owed.0).sum();
    assert_eq!(owed, 60);
}

#[test]
fn answers_that_nobody_reveals_count_as_failed_and_cost_no_coins() {
    let mut audits = Audits::new(10);
    audits.fresh();
    let answers = [audits.prove(0, 6)];
    let leaves = audits.play_with(&answers, &[0], &|_, _, _| CLEAN);
    assert!(leaves.is_empty());
    let judged = audits.proof(&answers[0]).judged;
    assert_eq!(judged, Some(Judged { clean: 0, failed: 2 }));
    let record = audits.record(0);
    assert_eq!((record.proofs, record.proofs_failed), (2, 2));
    assert_eq!((record.forfeited, record.withheld), (Amount(0), 2));
    assert_eq!(audits.evidence(0).highest(), Wealth::ONE, "liveness is not fraud");
}

#[test]
fn answers_that_a_panel_cannot_fetch_fail_the_sprint_and_enter_no_evidence() {
    let mut audits = Audits::new(10);
    audits.fresh();
    let answers = [audits.prove(0, 6)];
    let leaves = audits.play_with(&answers, &[], &|_, _, _| UNFETCHABLE);
    assert!(leaves.iter().all(|leaf| leaf.verdict == Some(Verdict::Missing)));
    let judged = audits.proof(&answers[0]).judged;
    assert_eq!(judged, Some(Judged { clean: 0, failed: 2 }));
    assert_eq!(
        (audits.record(0).missing, audits.record(0).forfeited),
        (2, Amount(0))
    );
    assert_eq!(audits.evidence(0).highest(), Wealth::ONE);
}

#[test]
fn proofs_that_were_not_computed_convict_without_any_payer() {
    let params = Params {
        proof_draws: 4,
        ..common::params()
    };
    let mut audits = Audits::with(10, &params);
    audits.fresh();
    let answers = [audits.prove(0, 30)];
    audits.play_with(&answers, &[], &|_, _, _| FAILED);
    let judged = audits.proof(&answers[0]).judged;
    assert_eq!(judged, Some(Judged { clean: 0, failed: 4 }));
    let record = audits.record(0);
    assert_eq!((record.condemned, record.convictions), (4, 1));
}

#[test]
fn only_the_drawn_answer_of_the_right_lengths_at_its_own_place_is_taken() {
    let mut audits = Audits::new(10);
    audits.fresh();
    let answers = audits.prove(0, 6);
    // as much work, but of lengths that nobody was asked for
    let long = audits.prove_with(1, &[(20, 17), (0, 23)]);
    audits.until(Phase::Reveal);
    let anyone = name("stranger");
    let drawn = audits.drawn(&answers).unwrap();
    let other = audits.proof_msg(&answers, answers.shown((drawn + 1) % 6));
    audits.refuse(&anyone, &other, "not_drawn");
    let mut forged = answers.shown(drawn);
    forged.leaf.output_hash = quern_protocol::Bytes::new([7; 32]);
    let forged = audits.proof_msg(&answers, forged);
    audits.refuse(&anyone, &forged, "bad_proof");
    let mut renamed = answers.shown(drawn);
    renamed.leaf.index += 1;
    let renamed = audits.proof_msg(&answers, renamed);
    audits.refuse(&anyone, &renamed, "bad_proof");
    let index = audits.drawn(&long).unwrap();
    let msg = audits.proof_msg(&long, long.shown(index));
    audits.refuse(&anyone, &msg, "bad_proof");
    let right = audits.proof_msg(&answers, answers.shown(drawn));
    audits.must(&anyone, &right);
    audits.refuse(&anyone, &right, "not_drawn");
}
