//! Lost payloads that a host gives up, hidden answers, and receipts that say nothing.

use crate::common;

use common::chain::name;
use common::{Audits, CLEAN, UNFETCHABLE};
use proptest::prelude::*;
use quern_evidence::{RateParams, Wealth};
use quern_interface::audits::{ExecuteMsg, Params, PendingSource, Phase, Verdict};
use quern_interface::poc_weights::Judged;
use quern_protocol::Amount;

/// No first leaves: half of the amount is drawn, in leaves of 100.
fn drawn_half() -> Params {
    let rates = RateParams {
        first_leaves: 0,
        base_bps: 5_000,
        raised_bps: 5_000,
        ..RateParams::DEFAULT
    };
    Params {
        rates,
        ..common::params()
    }
}

fn served(params: &Params, leaves: usize) -> Audits {
    let mut audits = Audits::with(10, params);
    let sessions = ["payer", "router", "stranger"].map(|payer| audits.open(payer, 0));
    audits.fresh();
    for at in 0..leaves.div_ceil(3) {
        let count = (leaves - 3 * at).min(3);
        audits.serve(0, &sessions[..count], 100);
        audits.block();
    }
    audits.until(Phase::Reveal);
    audits
}

fn receipts(offset: u128) -> PendingSource {
    PendingSource::Receipts {
        offset: Amount(offset),
    }
}

fn give_up(audits: &Audits, source: PendingSource, end: u128) -> ExecuteMsg {
    ExecuteMsg::GiveUp {
        round: audits.round().number,
        host: audits.host(0).into(),
        source,
        end: Amount(end),
    }
}

fn reveal_next(audits: &mut Audits) {
    let offset = audits.pending(0).unwrap();
    let msg = audits.reveal_msg(0, audits.covering(0, offset.0));
    audits.must(&name("stranger"), &msg);
}

#[test]
fn one_lost_payload_among_first_leaves_costs_five_thirds_of_it_and_the_rest_is_audited() {
    let mut audits = served(&common::params(), 6);
    let host = audits.host(0);
    reveal_next(&mut audits);
    let msg = give_up(&audits, receipts(100), 200);
    audits.must(&host, &msg);
    audits.refuse(&host, &msg, "not_drawn");
    let leaves = audits.play(&[], &|_, _, _| CLEAN);
    assert_eq!(leaves.len(), 5);
    let record = audits.record(0);
    assert_eq!((record.withheld, record.forfeited), (1, Amount(167)));
    assert_eq!((record.walked, record.audited, record.missing), (5, 5, 0));
    assert!(audits.evidence(0).highest() < Wealth::ONE);
}

#[test]
fn one_lost_payload_of_a_draw_costs_five_thirds_over_its_chance_and_the_rest_is_audited() {
    let mut audits = served(&drawn_half(), 6);
    let host = audits.host(0);
    let offset = audits.pending(0).unwrap();
    let msg = give_up(&audits, receipts(offset.0), 0);
    audits.must(&host, &msg);
    audits.play(&[], &|_, _, _| CLEAN);
    let record = audits.record(0);
    // three draws of six leaves: each was drawn with a chance of one half
    assert_eq!(
        (record.withheld, record.forfeited, record.audited),
        (1, Amount(334), 2)
    );
}

#[test]
fn nobody_gives_up_for_another_host_nor_what_is_not_asked_for() {
    let mut audits = served(&common::params(), 3);
    let (host, other) = (audits.host(0), audits.host(1));
    let msg = give_up(&audits, receipts(0), 100);
    for stranger in [name("stranger"), other] {
        audits.refuse(&stranger, &msg, "unauthorized");
    }
    for (offset, end) in [(100, 200), (1, 100)] {
        let msg = give_up(&audits, receipts(offset), end);
        audits.refuse(&host, &msg, "not_drawn");
    }
    for end in [0, 301, u128::MAX] {
        let msg = give_up(&audits, receipts(0), end);
        audits.refuse(&host, &msg, "audit");
    }
    let proofs = PendingSource::Proofs {
        sprint: 1,
        model: common::chain::MODEL.into(),
        offset: Amount(0),
    };
    let msg = give_up(&audits, proofs, 0);
    audits.refuse(&host, &msg, "not_drawn");
    audits.until(Phase::Commit);
    let msg = give_up(&audits, receipts(0), 100);
    audits.refuse(&host, &msg, "wrong_phase");
}

#[test]
fn what_a_host_gives_up_before_a_first_leaf_does_not_choose_its_auditor() {
    let auditors = |crumbs: &[u128]| {
        let mut audits = served(&common::params(), 6);
        let host = audits.host(0);
        for ends in crumbs.windows(2) {
            let msg = give_up(&audits, receipts(ends[0]), ends[1]);
            audits.must(&host, &msg);
        }
        audits.reveal(0);
        let auditors: Vec<_> = audits.leaves().into_iter().map(|leaf| leaf.auditor).collect();
        auditors
    };
    let all = auditors(&[]);
    assert_eq!(all.len(), 6);
    for crumbs in [&[0, 100][..], &[0, 1, 2, 3, 100], &[0, 50, 200]] {
        let shown = auditors(crumbs);
        assert_eq!(shown, all[6 - shown.len()..], "{crumbs:?}");
    }
}

#[test]
fn first_leaves_cannot_be_used_up_by_giving_up_crumbs_of_them() {
    let rates = RateParams {
        first_leaves: 3,
        ..RateParams::DEFAULT
    };
    let params = Params {
        rates,
        ..common::params()
    };
    let mut audits = served(&params, 9);
    let host = audits.host(0);
    for crumb in 0..5 {
        let msg = give_up(&audits, receipts(crumb), crumb + 1);
        audits.must(&host, &msg);
    }
    // the leaf that is torn cannot be shown any more
    let torn = audits.reveal_msg(0, audits.covering(0, 5));
    audits.refuse(&name("stranger"), &torn, "audit");
    let msg = give_up(&audits, receipts(5), 100);
    audits.must(&host, &msg);
    audits.play(&[], &|_, _, _| CLEAN);
    let record = audits.record(0);
    // five thirds of 1 five times, and of 95
    assert_eq!((record.withheld, record.forfeited), (6, Amount(5 * 2 + 159)));
    assert_eq!(record.walked, 3, "what was given up is no first leaf");
}

#[test]
fn receipts_without_output_use_up_no_first_leaves_and_enter_no_evidence() {
    let rates = RateParams {
        first_leaves: 2,
        ..RateParams::DEFAULT
    };
    let params = Params {
        mean_capture: Amount(10_000_000),
        rates,
        ..common::params()
    };
    let mut audits = Audits::with(10, &params);
    let sessions = ["payer", "router"].map(|payer| audits.open(payer, 0));
    audits.fresh();
    for _ in 0..4 {
        audits.serve_empty(0, &sessions);
        audits.block();
    }
    for _ in 0..2 {
        audits.serve(0, &sessions, 100);
        audits.block();
    }
    let leaves = audits.play(&[], &|_, _, _| CLEAN);
    assert!(leaves.iter().all(|leaf| leaf.positions > 0));
    let record = audits.record(0);
    assert_eq!(
        (record.walked, record.withheld, record.forfeited),
        (2, 0, Amount(0))
    );
    assert_eq!(
        record.audited, 3,
        "both first leaves, and the one draw among the rest"
    );
}

#[test]
fn receipts_without_output_take_no_places_in_a_draw() {
    let mut audits = Audits::with(10, &drawn_half());
    let sessions = ["payer", "router", "stranger"].map(|payer| audits.open(payer, 0));
    audits.fresh();
    // 60 receipts of 6 beside 4 of 100: ceil(760 / 200) draws
    for _ in 0..20 {
        audits.serve_empty(0, &sessions);
        audits.block();
    }
    audits.serve(0, &sessions, 100);
    audits.block();
    audits.serve(0, &sessions[..1], 100);
    let leaves = audits.play(&[], &|_, _, _| CLEAN);
    assert_eq!((leaves.len(), audits.record(0).audited), (4, 4));
    assert!(leaves.iter().all(|leaf| leaf.positions > 0));
}

#[test]
fn a_first_panel_alone_takes_nothing_from_a_host_that_serves_its_reviewers() {
    let mut audits = served(&common::params(), 3);
    let leaves = audits.play(&[], &|_, _, stage| if stage == 2 { CLEAN } else { UNFETCHABLE });
    assert!(leaves.iter().all(|leaf| leaf.stage == Some(2)));
    let clean = Some(Verdict::Score(quern_evidence::Score::CLEAN));
    assert!(leaves.iter().all(|leaf| leaf.verdict == clean));
    let record = audits.record(0);
    assert_eq!(
        (record.missing, record.forfeited, record.audited),
        (0, Amount(0), 3)
    );
}

#[test]
fn of_a_sprint_with_a_hidden_answer_nothing_is_believed() {
    let mut audits = Audits::new(10);
    audits.fresh();
    let answers = [audits.prove(0, 6), audits.prove(1, 6)];
    audits.until(Phase::Reveal);
    let (host, pending) = (audits.host(0), audits.all_pending(0));
    let msg = give_up(&audits, pending[0].source.clone(), 0);
    audits.must(&host, &msg);
    audits.play_with(&answers, &[], &|_, _, _| CLEAN);
    assert_eq!(
        audits.proof(&answers[0]).judged,
        Some(Judged { clean: 0, failed: 2 })
    );
    assert_eq!(
        audits.proof(&answers[1]).judged,
        Some(Judged { clean: 2, failed: 0 })
    );
    let record = audits.record(0);
    assert_eq!((record.withheld, record.proofs, record.proofs_failed), (1, 2, 2));
    assert_eq!((record.audited, record.forfeited), (1, Amount(0)));
}

/// `C(n, k)`.
fn choose(n: u32, k: u32) -> f64 {
    (0..k).fold(1.0, |product, i| product * f64::from(n - i) / f64::from(i + 1))
}

#[test]
fn hiding_answers_that_were_not_computed_earns_less_weight_than_leaving_them_out() {
    // eight draws a sprint in each of sixteen sprints, as in the standard profile; a sprint with a hidden answer
    // counts as eight failed ones
    let (draws, sprints) = (8, 16);
    // it may show what the friends among its auditors, with a part of the weight, call clean
    let friends = [0.0, 0.3, 0.4];
    let bads = [0.01, 0.05, 0.1, 0.3, 0.6, 0.9];
    for (bad, friends) in bads
        .into_iter()
        .flat_map(|bad| friends.map(|friends| (bad, friends)))
    {
        let whole: f64 = (1.0_f64 - bad * (1.0 - friends)).powi(draws);
        let believed: f64 = (0..=sprints)
            .map(|good: u32| {
                let chance = choose(sprints, good)
                    * whole.powi(good as i32)
                    * (1.0 - whole).powi((sprints - good) as i32);
                let (clean, failed) = (u64::from(8 * good), u64::from(8 * (sprints - good)));
                chance * f64::from(quern_weights::quality(clean, failed)) / 1e6
            })
            .sum();
        assert!(believed < 1.0 - bad, "{bad} {friends}: {believed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_host_pays_for_what_it_gives_up_and_all_else_is_audited(
        lost in prop::collection::vec(prop::bool::weighted(0.4), 6), half: bool,
    ) {
        let params = if half { drawn_half() } else { common::params() };
        let mut audits = served(&params, 6);
        let host = audits.host(0);
        let (mut given, mut shown) = (0_u64, 0_u64);
        while let Some(offset) = audits.pending(0) {
            let at = offset.0 / 100;
            if lost[at as usize] {
                let msg = give_up(&audits, receipts(offset.0), (at + 1) * 100);
                audits.must(&host, &msg);
                given += 1;
            } else {
                reveal_next(&mut audits);
                shown += 1;
            }
        }
        audits.play(&[], &|_, _, _| CLEAN);
        let record = audits.record(0);
        let each = if half { 334 } else { 167 };
        prop_assert_eq!((record.withheld, record.audited), (given, shown));
        prop_assert_eq!(record.forfeited, Amount(u128::from(given) * each));
    }
}
