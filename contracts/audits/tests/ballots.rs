//! What panels and auditors gain by words that they did not work for.

use crate::common;

use common::chain::CHAIN;
use common::{calibration, Audits, FAILED};
use quern_audit::{Ballot, Finding, Margin, MarginTree, OpenedMargin, Report, Vote};
use quern_evidence::Score;
use quern_interface::audits::{
    ExecuteMsg, HostRecord, LeafInfo, PanelInfo, Params, Phase, QueryMsg, Totals, Verdict,
};
use quern_protocol::{Amount, Bytes};

const SALT: Bytes<16> = Bytes::new([77; 16]);

/// A round in which every auditor accuses host 0; the panels' turn.
fn accused() -> (Audits, Vec<LeafInfo>) {
    let mut audits = Audits::new(10);
    let sessions: Vec<u64> = ["payer", "router", "stranger"]
        .iter()
        .map(|p| audits.open(p, 0))
        .collect();
    audits.fresh();
    audits.serve(0, &sessions, 100);
    audits.until(Phase::Reveal);
    audits.reveal(0);
    audits.until(Phase::Commit);
    let failed = |_: usize, _: &LeafInfo, _: u32| FAILED;
    let reports: Vec<(usize, Report)> = (0..10)
        .filter_map(|auditor| Some((auditor, audits.report(auditor, &failed)?)))
        .collect();
    for (auditor, report) in &reports {
        let msg = audits.commit_msg(*auditor, report);
        audits.must(&audits.host(*auditor), &msg);
    }
    audits.until(Phase::Vote);
    for (auditor, report) in &reports {
        let msg = audits.votes_msg(*auditor, report);
        audits.must(&audits.host(*auditor), &msg);
    }
    audits.until(Phase::Panel);
    for _ in 0..3 {
        audits.block();
    }
    let leaves = audits.leaves();
    assert_eq!(leaves.len(), 3);
    (audits, leaves)
}

/// Hosts of a panel.
fn members(audits: &Audits, leaf: &LeafInfo) -> Vec<usize> {
    let panel: PanelInfo = audits.panel(leaf.number).unwrap();
    panel.seats.iter().map(|seat| audits.index(&seat.host)).collect()
}

fn clean() -> Vote {
    Vote::Score(Score::CLEAN)
}

#[test]
fn a_late_seat_cannot_copy_an_early_ballot_nor_vote_without_one() {
    let (mut audits, leaves) = accused();
    let leaf = &leaves[0];
    let panel = members(&audits, leaf);
    let (first, copyist, silent) = (panel[0], panel[1], panel[2]);
    let honest = audits.ballot_msg(first, leaf, 1, clean());
    audits.must(&audits.host(first), &honest);
    audits.refuse(&audits.host(first), &honest, "voted");
    let outsider = (1..10).find(|host| !panel.contains(host)).unwrap();
    let uninvited = audits.ballot_msg(outsider, leaf, 1, clean());
    audits.refuse(&audits.host(outsider), &uninvited, "no_seat");
    // all that others see is a hash: the copyist commits it as its own
    let ExecuteMsg::CommitBallot {
        commitment, round, ..
    } = honest
    else {
        unreachable!()
    };
    let copy = ExecuteMsg::CommitBallot {
        round,
        auditor: audits.host(copyist).into(),
        leaf: leaf.number,
        commitment,
    };
    audits.must(&audits.host(copyist), &copy);
    let early = audits.vote_msg(first, leaf, clean());
    audits.refuse(&audits.host(first), &early, "wrong_phase");
    audits.until_ballots();
    let late = audits.ballot_msg(silent, leaf, 1, clean());
    audits.refuse(&audits.host(silent), &late, "wrong_phase");
    let without = audits.vote_msg(silent, leaf, clean());
    audits.refuse(&audits.host(silent), &without, "bad_ballot");
    let vote = audits.vote_msg(first, leaf, clean());
    audits.must(&audits.host(first), &vote);
    audits.refuse(&audits.host(first), &vote, "voted");
    // now the word is known, but it opens nothing that the copyist committed
    let mine = audits.vote_msg(copyist, leaf, clean());
    audits.refuse(&audits.host(copyist), &mine, "bad_ballot");
    let ExecuteMsg::PanelVote { ballot, .. } = vote else {
        unreachable!()
    };
    let theirs = ExecuteMsg::PanelVote {
        round,
        auditor: audits.host(copyist).into(),
        leaf: leaf.number,
        ballot,
    };
    audits.refuse(&audits.host(copyist), &theirs, "bad_ballot");
}

/// A ballot that says this over these margins.
fn ballot(host: &str, leaf: &LeafInfo, vote: Vote, margin: i32) -> (Finding, MarginTree) {
    let margins = vec![Margin(margin); leaf.positions as usize];
    let tree = MarginTree::new(CHAIN, host, &leaf.id, &SALT, &margins, calibration().clip).unwrap();
    let finding = Finding {
        leaf: leaf.id,
        vote,
        positions: leaf.positions,
        clipped: margins.iter().filter(|margin| margin.0 < -1_000_000).count() as u32,
        margins: tree.root().unwrap(),
    };
    (finding, tree)
}

fn commit(audits: &mut Audits, member: usize, leaf: &LeafInfo, finding: &Finding) {
    let (round, host) = (audits.round().number, audits.host(member));
    let msg = ExecuteMsg::CommitBallot {
        round,
        auditor: host.to_string(),
        leaf: leaf.number,
        commitment: Ballot::commitment(CHAIN, host.as_str(), round, 1, finding, &SALT),
    };
    audits.must(&host, &msg);
}

fn vote(
    audits: &Audits,
    member: usize,
    leaf: &LeafInfo,
    finding: &Finding,
    tree: &MarginTree,
    margin: i32,
) -> ExecuteMsg {
    let position = audits.panel(leaf.number).unwrap().position.unwrap();
    let opened = OpenedMargin {
        margin: Margin(margin),
        proof: tree.prove(position).unwrap(),
    };
    ExecuteMsg::PanelVote {
        round: audits.round().number,
        auditor: audits.host(member).into(),
        leaf: leaf.number,
        ballot: Box::new(Ballot {
            finding: finding.clone(),
            salt: SALT,
            opened: Some(opened),
        }),
    }
}

#[test]
fn a_seat_that_guesses_margins_votes_but_earns_nothing() {
    let (mut audits, leaves) = accused();
    let leaf = leaves[0].clone();
    let panel = members(&audits, &leaf);
    // three or more seats of seven agree on 70,000; the lazy one holds the fewest
    let lazy = *panel
        .iter()
        .min_by_key(|host| {
            let info = audits.panel(leaf.number).unwrap();
            let address = audits.host(**host).to_string();
            info.seats.iter().find(|seat| seat.host == address).unwrap().seats
        })
        .unwrap();
    let mut made = Vec::new();
    for member in &panel {
        let margin = if *member == lazy { 70_051 } else { 70_000 };
        let host = audits.host(*member).to_string();
        let (finding, tree) = ballot(&host, &leaf, clean(), margin);
        commit(&mut audits, *member, &leaf, &finding);
        made.push((*member, finding, tree, margin));
    }
    audits.until_ballots();
    for (member, finding, tree, margin) in &made {
        let host = audits.host(*member);
        // a margin that was not committed is refused
        let forged = vote(&audits, *member, &leaf, finding, tree, margin + 1);
        audits.refuse(&host, &forged, "not_in_root");
        let msg = vote(&audits, *member, &leaf, finding, tree, *margin);
        audits.must(&host, &msg);
    }
    audits.until(Phase::Review);
    let found = audits.leaves();
    assert_eq!(found[0].verdict, Some(Verdict::Score(Score::CLEAN)));
    audits.until(Phase::Collect);
    for member in &panel {
        let owed = audits.record(*member).owed;
        if *member == lazy {
            assert_eq!(owed, Amount(0), "70,051 is not within 50 of 70,000");
        } else {
            assert_eq!(owed, Amount(leaf.positions.into()));
        }
    }
}

#[test]
fn a_ballot_whose_vote_does_not_follow_from_its_finding_is_no_vote() {
    let (mut audits, leaves) = accused();
    let leaf = &leaves[0];
    let panel = members(&audits, leaf);
    // says failed over margins that are fine; says clean over margins that are not; covers half of the leaf
    let short = LeafInfo {
        positions: leaf.positions / 2,
        ..leaf.clone()
    };
    let failed = Vote::Score(Score::FAILED);
    let cases = [
        (leaf, failed, 70_000),
        (leaf, clean(), -2_000_000),
        (&short, clean(), 70_000),
    ];
    let mut made = Vec::new();
    for (member, (of, word, margin)) in panel.iter().zip(cases) {
        let host = audits.host(*member).to_string();
        let (finding, tree) = ballot(&host, of, word, margin);
        commit(&mut audits, *member, leaf, &finding);
        made.push((*member, finding, tree, margin));
    }
    audits.until_ballots();
    for (member, finding, tree, margin) in &made {
        let position = audits.panel(leaf.number).unwrap().position.unwrap();
        if position >= finding.positions {
            continue;
        }
        let msg = vote(&audits, *member, leaf, finding, tree, *margin);
        let host = audits.host(*member);
        audits.refuse(&host, &msg, "bad_ballot");
    }
}

#[test]
fn an_auditor_that_measured_a_failure_and_says_clean_earns_nothing() {
    let mut audits = Audits::new(10);
    let session = audits.open("payer", 0);
    audits.fresh();
    audits.serve(0, &[session], 100);
    audits.until(Phase::Reveal);
    audits.reveal(0);
    audits.until(Phase::Commit);
    let leaf = audits.leaves()[0].clone();
    let friend = audits.index(&leaf.auditor.clone().unwrap());
    let host = audits.host(friend);
    let round = audits.round().number;
    // the margins can be compared with a re-execution, so the friend commits those that it measured
    let (finding, tree) = ballot(host.as_str(), &leaf, clean(), -2_000_000);
    let report = Report::new(CHAIN, host.as_str(), round, vec![finding.clone()]).unwrap();
    let msg = audits.commit_msg(friend, &report);
    audits.must(&host, &msg);
    audits.until(Phase::Vote);
    let votes = audits.votes_msg(friend, &report);
    audits.must(&host, &votes);
    audits.until(Phase::Panel);
    for _ in 0..3 {
        audits.block();
    }
    let offset = audits.work(friend).unwrap().opening.unwrap();
    let (found, finding_proof, position) = report.at(offset).unwrap();
    let opening = quern_audit::Opening {
        finding: found.clone(),
        finding_proof,
        salt: SALT,
        margin: Margin(-2_000_000),
        margin_proof: tree.prove(position).unwrap(),
    };
    let msg = ExecuteMsg::Open {
        round,
        auditor: host.to_string(),
        opening: Box::new(opening),
    };
    audits.refuse(&host, &msg, "bad_opening");
    audits.until(Phase::Collect);
    let record = audits.record(friend);
    assert_eq!((record.missed, record.owed), (1, Amount(0)));
}

/// A round in which one auditor invents every margin, on `skipped` of its leaves says clean without any, and opens what it is
/// asked if it `opens`: its index, and the leaves that panels heard for checks.
fn lazy_round(audits: &mut Audits, skipped: usize, opens: bool) -> usize {
    let sessions: Vec<u64> = ["payer", "router", "stranger"]
        .iter()
        .map(|p| audits.open(p, 0))
        .collect();
    audits.fresh();
    for _ in 0..4 {
        audits.serve(0, &sessions, 100);
        audits.block();
    }
    audits.until(Phase::Reveal);
    audits.reveal(0);
    audits.until(Phase::Commit);
    let leaves = audits.leaves();
    let assigned = |auditor: usize| audits.work(auditor).map_or(0, |work| work.leaves.len());
    let lazy = (0..10).max_by_key(|auditor| assigned(*auditor)).unwrap();
    assert!(assigned(lazy) > skipped);
    let round = audits.round().number;
    let word = |_: usize, _: &LeafInfo, _: u32| Some(clean());
    // every leaf of an honest host is clean, so clean is a safe guess; a margin is not
    let mut mine = leaves.clone();
    let host = audits.host(lazy);
    mine.retain(|leaf| leaf.auditor.as_deref() == Some(host.as_str()));
    let invented: Vec<_> = mine
        .iter()
        .enumerate()
        .map(|(place, leaf)| {
            let (mut finding, tree) = ballot(host.as_str(), leaf, clean(), 71_000);
            if place < skipped {
                finding.positions = 0;
                finding.margins.sum = Amount(0);
            }
            (finding, tree)
        })
        .collect();
    let findings = invented.iter().map(|(finding, _)| finding.clone()).collect();
    let made_up = Report::new(CHAIN, host.as_str(), round, findings).unwrap();
    let mut reports = vec![(lazy, made_up)];
    let others = (0..10).filter(|auditor| *auditor != lazy);
    reports.extend(others.filter_map(|auditor| Some((auditor, audits.report(auditor, &word)?))));
    for (auditor, report) in &reports {
        let msg = audits.commit_msg(*auditor, report);
        audits.must(&audits.host(*auditor), &msg);
    }
    audits.until(Phase::Vote);
    for (auditor, report) in &reports {
        let msg = audits.votes_msg(*auditor, report);
        audits.must(&audits.host(*auditor), &msg);
    }
    audits.until(Phase::Panel);
    for _ in 0..3 {
        audits.block();
    }
    while let Some(offset) = audits.work(lazy).unwrap().opening.filter(|_| opens) {
        let report = &reports[0].1;
        let (finding, finding_proof, position) = report.at(offset).unwrap();
        let (_, tree) = invented.iter().find(|(of, _)| of.leaf == finding.leaf).unwrap();
        let opening = quern_audit::Opening {
            finding: finding.clone(),
            finding_proof,
            salt: SALT,
            margin: Margin(71_000),
            margin_proof: tree.prove(position).unwrap(),
        };
        let msg = ExecuteMsg::Open {
            round,
            auditor: host.to_string(),
            opening: Box::new(opening),
        };
        audits.must(&host, &msg);
    }
    for (auditor, report) in &reports[1..] {
        while let Some(msg) = audits.opening(*auditor, report) {
            audits.must(&audits.host(*auditor), &msg);
        }
    }
    let leaves = audits.leaves();
    let heard = leaves.iter().filter(|leaf| leaf.stage == Some(3)).count();
    let every: Params = audits.ask(&QueryMsg::Params {});
    assert!(
        every.check_every > 1 || heard == reports.len(),
        "a panel for each auditor"
    );
    audits.hear(&word);
    audits.until(Phase::Review);
    // the host is what it was
    assert!(audits
        .leaves()
        .iter()
        .all(|leaf| leaf.verdict == Some(Verdict::Score(Score::CLEAN))));
    audits.until(Phase::Collect);
    if every.check_every == 1 {
        for (auditor, _) in &reports[1..] {
            let record = audits.record(*auditor);
            assert_eq!((record.refuted, record.missed, record.reports), (0, 0, 1));
        }
    }
    lazy
}

/// Auditors are checked in one round of so many.
fn checked(check_every: u32) -> Audits {
    let params = Params {
        check_every,
        ..common::params()
    };
    Audits::with(10, &params)
}

#[test]
fn an_auditor_that_invents_margins_is_refuted_by_the_panel_that_checks_it() {
    let mut audits = checked(1);
    let lazy = lazy_round(&mut audits, 0, true);
    let record = audits.record(lazy);
    assert_eq!((record.refuted, record.missed, record.reports), (1, 1, 0));
    let record = audits.record(0);
    assert_eq!((record.condemned, record.missing), (0, 0));
}

#[test]
fn one_finding_without_positions_keeps_no_other_from_being_checked() {
    let mut audits = checked(1);
    let lazy = lazy_round(&mut audits, 1, true);
    let record = audits.record(lazy);
    assert_eq!((record.refuted, record.missed, record.reports), (1, 1, 0));
}

/// Lets one auditor invent margins until it is checked: its records before and after that round.
fn until_checked(opens: bool) -> (Audits, usize, HostRecord, HostRecord) {
    let mut audits = checked(3);
    for _ in 0..40 {
        let before: Vec<HostRecord> = (0..10).map(|auditor| audits.record(auditor)).collect();
        let lazy = lazy_round(&mut audits, 0, opens);
        audits.until(Phase::Reveal);
        let after = audits.record(lazy);
        let fined = after.debt > before[lazy].debt || after.owed < before[lazy].owed;
        assert!(
            opens || after.reports == before[lazy].reports,
            "silence earns nothing"
        );
        if fined {
            return (audits, lazy, before[lazy].clone(), after);
        }
        assert_eq!(after.refuted, before[lazy].refuted);
    }
    panic!("forty rounds without a check")
}

#[test]
fn an_auditor_without_margins_loses_what_unchecked_reports_earn_and_silence_saves_nothing() {
    for opens in [true, false] {
        let (audits, _, before, after) = until_checked(opens);
        assert_eq!(after.refuted - before.refuted, u64::from(opens));
        // two reports' worth, less what its ballots of that round earned
        let lost = before.owed.0 + after.debt.0 - before.debt.0 - after.owed.0;
        assert!(lost > 100, "{lost}");
        let totals: Totals = audits.ask(&QueryMsg::Totals {});
        assert_eq!(totals.funded.0, totals.pot.0 + totals.owed.0 + totals.paid.0);
        let owed: u128 = (0..10).map(|auditor| audits.record(auditor).owed.0).sum();
        assert_eq!(owed, totals.owed.0);
    }
}
