//! Attacks by name.

use crate::common;

use common::chain::name;
use common::{Audits, CLEAN, FAILED};
use quern_audit::Vote;
use quern_evidence::{RateParams, Score, Wealth};
use quern_interface::audits::{ExecuteMsg, LeafInfo, Params, Phase, Verdict};
use quern_protocol::{Amount, Hash};

fn clean(_: usize, _: &LeafInfo, _: u32) -> Option<Vote> {
    CLEAN
}

/// Leaves of host 0 from three payers, drawn and revealed; the auditors' turn to commit.
fn assigned() -> (Audits, Vec<LeafInfo>) {
    let mut audits = Audits::new(10);
    let sessions: Vec<u64> = ["payer", "router", "stranger"]
        .iter()
        .map(|p| audits.open(p, 0))
        .collect();
    audits.serve(0, &sessions, 100);
    audits.until(Phase::Reveal);
    audits.reveal(0);
    audits.until(Phase::Commit);
    let leaves = audits.leaves();
    assert_eq!(leaves.len(), 3);
    (audits, leaves)
}

fn auditor(audits: &Audits, leaf: &LeafInfo) -> usize {
    audits.index(&leaf.auditor.clone().unwrap())
}

fn to_openings(audits: &mut Audits) {
    audits.until(Phase::Panel);
    for _ in 0..3 {
        audits.block();
    }
}

#[test]
fn an_auditor_that_copies_a_report_can_open_none_of_it_and_earns_nothing() {
    // a round in which two hosts audit as many leaves each
    let (mut audits, leaves) = assigned();
    let copyist = auditor(&audits, &leaves[0]);
    // the copyist commits what an honest other would have found about these very leaves
    let mut stolen = audits.report(copyist, &clean).unwrap();
    let findings: Vec<_> = {
        let mut of_other = leaves.clone();
        of_other.retain(|leaf| leaf.auditor == leaves[0].auditor);
        let other = (copyist + 1) % 10;
        for leaf in &mut of_other {
            leaf.auditor = Some(audits.host(other).into());
        }
        of_other
    };
    let other = findings[0].auditor.clone().unwrap();
    let mine = stolen.votes();
    stolen = common::report_of(&other, audits.round().number, &findings, &mine);
    let (host, commit) = (audits.host(copyist), audits.commit_msg(copyist, &stolen));
    audits.must(&host, &commit);
    audits.until(Phase::Vote);
    let votes = audits.votes_msg(copyist, &stolen);
    audits.must(&host, &votes);
    to_openings(&mut audits);
    let opening = audits.opening(copyist, &stolen).unwrap();
    audits.refuse(&host, &opening, "not_in_root");
    audits.until(Phase::Collect);
    let record = audits.record(copyist);
    assert_eq!((record.missed, record.reports, record.owed), (1, 0, Amount(0)));
}

#[test]
fn a_silent_auditor_earns_nothing_and_its_leaf_enters_as_clean() {
    let (mut audits, leaves) = assigned();
    audits.until(Phase::Collect);
    for leaf in &leaves {
        let record = audits.record(auditor(&audits, leaf));
        assert_eq!((record.missed, record.owed), (1, Amount(0)));
    }
    let record = audits.record(0);
    assert_eq!((record.audited, record.condemned), (3, 0));
    assert!(audits.evidence(0).highest() < Wealth::ONE);
}

#[test]
fn an_auditor_whose_revealed_vote_is_not_the_committed_one_is_found_out() {
    let (mut audits, leaves) = assigned();
    let liar = auditor(&audits, &leaves[0]);
    let (host, report) = (audits.host(liar), audits.report(liar, &clean).unwrap());
    let commit = audits.commit_msg(liar, &report);
    audits.must(&host, &commit);
    audits.until(Phase::Vote);
    let changed = audits.report(liar, &|_, _, _| FAILED).unwrap();
    let votes = audits.votes_msg(liar, &changed);
    audits.must(&host, &votes);
    to_openings(&mut audits);
    let opening = audits.opening(liar, &report).unwrap();
    audits.refuse(&host, &opening, "bad_opening");
}

#[test]
fn reports_and_votes_cannot_be_replayed_and_nobody_reports_for_another() {
    let (mut audits, leaves) = assigned();
    let one = auditor(&audits, &leaves[0]);
    let (host, report) = (audits.host(one), audits.report(one, &clean).unwrap());
    let commit = audits.commit_msg(one, &report);
    audits.refuse(&name("stranger"), &commit, "unauthorized");
    let early = audits.votes_msg(one, &report);
    audits.refuse(&host, &early, "wrong_phase");
    audits.must(&host, &commit);
    audits.refuse(&host, &commit, "bad_report");
    let idle = (0..10).find(|host| audits.work(*host).is_none()).unwrap();
    let (idler, borrowed) = (audits.host(idle), audits.commit_msg(idle, &report));
    audits.refuse(&idler, &borrowed, "not_assigned");
    audits.until(Phase::Vote);
    audits.refuse(&host, &commit, "wrong_phase");
    let votes = audits.votes_msg(one, &report);
    audits.must(&host, &votes);
    audits.refuse(&host, &votes, "bad_votes");
    audits.until(Phase::Collect);
    audits.refuse(&host, &commit, "wrong_round");
    audits.refuse(&host, &votes, "wrong_round");
}

#[test]
fn a_report_over_more_positions_than_were_assigned_is_refused() {
    let (mut audits, leaves) = assigned();
    let one = auditor(&audits, &leaves[0]);
    let mut mine: Vec<LeafInfo> = leaves;
    mine.retain(|leaf| leaf.auditor.as_deref() == Some(audits.host(one).as_str()));
    let votes = vec![Vote::Score(Score::CLEAN); mine.len()];
    for leaf in &mut mine {
        leaf.positions += 1;
    }
    let padded = common::report_of(audits.host(one).as_str(), audits.round().number, &mine, &votes);
    let (host, commit) = (audits.host(one), audits.commit_msg(one, &padded));
    audits.refuse(&host, &commit, "bad_report");
}

#[test]
fn a_host_can_reveal_no_other_leaf_than_the_drawn_one_and_none_of_another_round() {
    let mut audits = Audits::new(10);
    let session = audits.open("payer", 0);
    audits.serve(0, &[session], 100);
    audits.play(&[], &clean);
    audits.serve(0, &[session], 100);
    audits.block();
    audits.serve(0, &[session], 100);
    audits.until(Phase::Reveal);
    let anyone = name("stranger");
    let pending = audits.pending(0).unwrap();
    assert_eq!(pending, Amount(100), "the first leaf of this round");
    let (old, later) = (audits.covering(0, 0), audits.covering(0, 200));
    let msg = audits.reveal_msg(0, old);
    audits.refuse(&anyone, &msg, "not_in_round");
    let msg = audits.reveal_msg(0, later);
    audits.refuse(&anyone, &msg, "not_drawn");
    let right = audits.covering(0, 100);
    let mut forged = right.clone();
    forged.receipt.capture = Amount(99);
    let msg = audits.reveal_msg(0, forged);
    audits.refuse(&anyone, &msg, "not_in_root");
    let msg = audits.reveal_msg(0, right);
    audits.must(&anyone, &msg);
    audits.refuse(&anyone, &msg, "not_drawn");
    // a host without anything drawn
    let msg = audits.reveal_msg(1, audits.covering(0, 200));
    audits.refuse(&anyone, &msg, "not_drawn");
}

#[test]
fn a_host_that_splits_its_work_into_many_leaves_is_under_the_same_draws() {
    let rates = RateParams {
        first_leaves: 0,
        ..RateParams::DEFAULT
    };
    let params = Params {
        mean_capture: Amount(500),
        rates,
        ..common::params()
    };
    let mut audits = Audits::with(10, &params);
    // 40,000 each: in 2 leaves of 20,000 and in 20 of 2,000
    let sessions: Vec<u64> = ["payer", "router"].iter().map(|p| audits.open(p, 0)).collect();
    let split = audits.open("payer", 1);
    audits.until(Phase::Collect);
    audits.serve(0, &sessions, 20_000);
    for _ in 0..20 {
        audits.serve(1, &[split], 2_000);
        audits.block();
    }
    audits.until(Phase::Reveal);
    audits.reveal(1);
    // ceil(40,000 * 5 % / 500) draws, all of them different leaves
    let drawn = audits.leaves();
    assert_eq!(drawn.len(), 4);
    let mut ids: Vec<Hash> = drawn.iter().map(|leaf| leaf.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    // five thirds of its amount and of what a draw stands for
    assert!(drawn
        .iter()
        .all(|leaf| leaf.stake == Amount((2_000 + 10_000) * 5 / 3)));
    audits.reveal(0);
    let whole = audits
        .leaves()
        .iter()
        .filter(|leaf| leaf.host == audits.host(0).as_str())
        .count();
    assert!((1..=2).contains(&whole), "as many draws fall on two leaves");
}

#[test]
fn hostile_auditors_below_a_majority_of_the_panels_condemn_nobody() {
    let mut audits = Audits::new(10);
    let sessions: Vec<u64> = ["payer", "router", "stranger"]
        .iter()
        .map(|p| audits.open(p, 0))
        .collect();
    for _ in 0..6 {
        audits.serve(0, &sessions, 100);
        audits.block();
    }
    // a fifth of the weight calls everything a fraud, at every stage
    let leaves = audits.play(&[], &|who, _, _| {
        if who == 1 || who == 2 {
            FAILED
        } else {
            CLEAN
        }
    });
    assert!(
        leaves.iter().any(|leaf| leaf.vote == FAILED),
        "somebody was accused"
    );
    assert!(leaves
        .iter()
        .all(|leaf| leaf.verdict == Some(Verdict::Score(Score::CLEAN))));
    assert_eq!((audits.record(0).condemned, audits.record(0).convictions), (0, 0));
}

#[test]
fn who_shares_a_funder_with_a_host_never_judges_it() {
    let mut audits = Audits::new(10);
    // host 1 holds half of the bonds of host 0: they are one owner
    let (bonding, funder) = (audits.world.bonding.clone(), audits.host(1));
    let bond = quern_interface::bonding::ExecuteMsg::Bond {
        host: audits.host(0).into(),
    };
    let coins = common::chain::coins(900);
    // a tenth is too little of it to count, so the operator's part shrinks first
    let less = quern_interface::bonding::ExecuteMsg::Unbond {
        host: audits.host(0).into(),
        amount: Amount(999_000),
    };
    let host = audits.host(0);
    let app = &mut audits.world.app;
    use cw_multi_test::Executor;
    app.execute_contract(host, bonding.clone(), &less, &[]).unwrap();
    app.execute_contract(funder, bonding, &bond, &coins).unwrap();
    let sessions: Vec<u64> = ["payer", "router", "stranger"]
        .iter()
        .map(|p| audits.open(p, 0))
        .collect();
    for _ in 0..8 {
        audits.serve(0, &sessions, 100);
        audits.block();
    }
    audits.until(Phase::Reveal);
    audits.reveal(0);
    let leaves = audits.leaves();
    assert_eq!(leaves.len(), 24);
    assert!(leaves.iter().all(|leaf| auditor(&audits, leaf) > 1));
}

#[test]
fn only_the_authority_changes_rules_and_only_from_the_next_round_on() {
    let mut audits = Audits::new(3);
    let next = Params {
        openings: 5,
        ..common::params()
    };
    let msg = ExecuteMsg::UpdateParams(next.clone());
    audits.refuse(&name("stranger"), &msg, "unauthorized");
    audits.must(&name("gov"), &msg);
    let now = |audits: &Audits| -> Params { audits.ask(&quern_interface::audits::QueryMsg::Params {}) };
    assert_eq!(now(&audits), common::params());
    audits.until(Phase::Review);
    audits.until(Phase::Collect);
    assert_eq!(now(&audits), next);
    for wrong in [
        Params {
            round_blocks: 45,
            ..common::params()
        },
        Params {
            mean_capture: Amount(0),
            ..common::params()
        },
        Params {
            max_draws: 257,
            ..common::params()
        },
        Params {
            steps: 65,
            ..common::params()
        },
        Params {
            denom: "other".into(),
            ..common::params()
        },
    ] {
        audits.refuse(&name("gov"), &ExecuteMsg::UpdateParams(wrong), "bad_params");
    }
    // a second model would be a third process under an alpha for two
    let more = ExecuteMsg::SetCalibration {
        model: "other".into(),
        calibration: common::calibration(),
    };
    audits.refuse(&name("gov"), &more, "bad_params");
}

#[test]
fn capacity_that_is_moved_after_the_snapshot_moves_no_draw() {
    let mut audits = Audits::new(10);
    let sessions: Vec<u64> = ["payer", "router", "stranger"]
        .iter()
        .map(|payer| audits.open(payer, 0))
        .collect();
    audits.fresh();
    for _ in 0..4 {
        audits.serve(0, &sessions, 100);
        audits.block();
    }
    audits.until(Phase::Draw);
    // the beacon is not known yet, but whom it may fall on is: all but host 1 leave the group too late
    for host in 2..10 {
        let (who, none) = (
            audits.host(host),
            quern_interface::registry::ExecuteMsg::SetOffers { offers: vec![] },
        );
        audits.world.at_registry(&who, &none, &[]);
    }
    audits.until(Phase::Reveal);
    audits.reveal(0);
    let leaves = audits.leaves();
    assert_eq!(leaves.len(), 12);
    assert!(leaves.iter().any(|leaf| auditor(&audits, leaf) > 1));
}
