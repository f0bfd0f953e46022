//! What rounds do to honest and to dishonest hosts.

use crate::common;

use common::chain::{name, MODEL};
use common::{Audits, CLEAN, FAILED, UNFETCHABLE};
use quern_audit::Vote;
use quern_interface::audits::{ExecuteMsg, LeafInfo, Params, Phase, Verdict};
use quern_interface::bonding::{HostBond, QueryMsg as AskBonding};
use quern_interface::settlement::{ExecuteMsg as Settlement, HostStanding, QueryMsg as AskSettlement};
use quern_protocol::{Amount, Hash};

/// An honest word about leaves of which these are bad.
fn honest(bad: &[Hash]) -> impl Fn(usize, &LeafInfo, u32) -> Option<Vote> + '_ {
    |_, leaf, _| if bad.contains(&leaf.id) { FAILED } else { CLEAN }
}

/// Sessions of three payers with a host.
fn three_payers(audits: &mut Audits, host: usize) -> Vec<u64> {
    ["payer", "router", "stranger"]
        .iter()
        .map(|payer| audits.open(payer, host))
        .collect()
}

fn bond(audits: &Audits, host: usize) -> HostBond {
    let host = audits.host(host).into();
    let wrap = audits.world.app.wrap();
    wrap.query_wasm_smart(&audits.world.bonding, &AskBonding::HostBond { host })
        .unwrap()
}

fn standing(audits: &Audits, host: usize) -> HostStanding {
    let host = audits.host(host).into();
    audits.world.ask(&AskSettlement::HostStanding { host })
}

#[test]
fn an_honest_host_is_audited_whole_at_first_and_its_auditors_are_paid() {
    let mut audits = Audits::new(10);
    let sessions = three_payers(&mut audits, 0);
    audits.until(Phase::Collect);
    audits.serve(0, &sessions, 100);
    let leaves = audits.play(&[], &honest(&[]));
    assert_eq!(leaves.len(), 3);
    assert!(leaves
        .iter()
        .all(|leaf| leaf.verdict == Some(Verdict::Score(quern_evidence::Score::CLEAN))));
    let record = audits.record(0);
    assert_eq!((record.walked, record.audited, record.condemned), (3, 3, 0));
    assert_eq!((record.missing, record.withheld, record.frozen), (0, 0, false));
    let tokens: u64 = leaves.iter().map(|leaf| u64::from(leaf.positions)).sum();
    let owed: u128 = (0..10).map(|host| audits.record(host).owed.0).sum();
    assert_eq!(owed, tokens.into());
    // the audited host earned nothing with its own leaves
    assert_eq!(audits.record(0).owed, Amount(0));
    let auditor = audits.index(&leaves[0].auditor.clone().unwrap());
    let (host, earned) = (audits.host(auditor), audits.record(auditor).owed.0);
    let before = audits.world.balance(&host);
    audits.must(&host, &ExecuteMsg::Withdraw {});
    assert_eq!(audits.world.balance(&host) - before, earned);
    audits.refuse(&host, &ExecuteMsg::Withdraw {}, "nothing_owed");
    audits.block();
}

#[test]
fn a_cheat_seen_by_three_payers_is_convicted_slashed_and_unpaid() {
    let mut audits = Audits::new(10);
    let sessions = three_payers(&mut audits, 0);
    let bad = audits.serve(0, &sessions, 100);
    let before = bond(&audits, 0).active;
    let leaves = audits.play(&[], &honest(&bad));
    assert!(
        leaves.iter().all(|leaf| leaf.stage == Some(2)),
        "each went to the review"
    );
    let record = audits.record(0);
    assert_eq!((record.condemned, record.convictions), (3, 1));
    assert_eq!(bond(&audits, 0).active.0, before.0 - before.0 / 5);
    let session = audits.world.session(sessions[0]);
    let member = session
        .committee
        .iter()
        .find(|m| m.host == audits.host(0).as_str())
        .unwrap();
    assert_eq!(member.generation, 0);
    let host = audits.host(0).to_string();
    let verdict = quern_interface::registry::QueryMsg::Members {
        model: MODEL.into(),
        hosts: vec![host],
    };
    let now: Vec<quern_interface::registry::GroupMember> = audits.world.ask_registry(&verdict);
    assert_eq!((now[0].generation, now[0].capacity), (1, 0));
    // what convicted starts again from one, and nothing stays frozen
    assert_eq!(audits.evidence(0).highest(), quern_evidence::Wealth::ONE);
    assert!(!audits.record(0).frozen && !bond(&audits, 0).frozen && !standing(&audits, 0).frozen);
    // leaves of the standing that has been judged do not count against the next one
    audits.serve(0, &sessions, 100);
    audits.play(&[], &|_, _, _| FAILED);
    let record = audits.record(0);
    assert_eq!((record.audited, record.convictions), (3, 1));
}

#[test]
fn a_freeze_that_bonding_refuses_is_not_on_record_and_is_tried_again() {
    let mut audits = Audits::new(10);
    let session = audits.open("payer", 0);
    let bonding = audits.world.bonding.clone();
    let judges = |audits: &mut Audits, named: bool| {
        let mut store = audits.world.app.contract_storage_mut(&bonding);
        let config = String::from_utf8(store.get(b"config").unwrap()).unwrap();
        let (named_so, unnamed) = (r#""judges":["#, r#""judges":[],"nobody":["#);
        let config = match named {
            true => config.replace(unnamed, named_so),
            false => config.replace(named_so, unnamed),
        };
        store.set(b"config", config.as_bytes());
    };
    judges(&mut audits, false);
    let serve = |audits: &mut Audits, count: usize| {
        let mut bad = vec![];
        for _ in 0..count {
            bad.extend(audits.serve(0, &[session], 100));
            audits.block();
        }
        bad
    };
    let bad = serve(&mut audits, 6);
    audits.play(&[], &honest(&bad));
    assert_eq!(audits.record(0).condemned, 6);
    assert!(!audits.record(0).frozen && !bond(&audits, 0).frozen);
    judges(&mut audits, true);
    let more = serve(&mut audits, 1);
    audits.play(&[], &honest(&more));
    assert!(audits.record(0).frozen && bond(&audits, 0).frozen && standing(&audits, 0).frozen);
}

#[test]
fn one_payer_alone_can_freeze_a_host_but_not_convict_it() {
    let mut audits = Audits::new(10);
    let session = audits.open("payer", 0);
    let mut bad = audits.serve(0, &[session], 100);
    for _ in 0..5 {
        audits.block();
        bad.extend(audits.serve(0, &[session], 100));
    }
    audits.play(&[], &honest(&bad));
    let record = audits.record(0);
    assert_eq!(
        (record.condemned, record.convictions, record.frozen),
        (6, 0, true)
    );
    assert!(bond(&audits, 0).frozen && standing(&audits, 0).frozen);
    // clean rounds by others bring it down again, and it thaws
    for round in 0..40 {
        if !audits.record(0).frozen {
            assert!(round > 0);
            assert!(!bond(&audits, 0).frozen && !standing(&audits, 0).frozen);
            return;
        }
        let session = audits.open("payer", 0);
        audits.serve(0, &[session], 100);
        audits.play(&[], &honest(&[]));
    }
    panic!("it never thawed: {}", audits.evidence(0).highest());
}

#[test]
fn a_step_that_begins_the_draw_of_a_host_counts_as_a_whole_one() {
    let mut audits = Audits::new(10);
    audits.until(Phase::Draw);
    for _ in 0..4 {
        audits.world.block();
    }
    for (steps, left) in [(4, true), (5, true), (2, false)] {
        let advance = ExecuteMsg::Advance { steps };
        let answer = audits.send(&name("stranger"), &advance).unwrap();
        let mut attributes = answer.events.iter().flat_map(|event| &event.attributes);
        let done = attributes.find(|attribute| attribute.key == "steps").unwrap();
        // ten hosts, and the step that finds no other
        assert_eq!(done.value, if left { steps } else { 2 }.to_string());
        assert_eq!(audits.round().phase == Phase::Draw, left);
    }
}

#[test]
fn in_a_small_group_a_conviction_refunds_and_removes_but_cuts_no_coins() {
    let mut audits = Audits::new(5);
    let sessions = three_payers(&mut audits, 0);
    let bad = audits.serve(0, &sessions, 100);
    let before = bond(&audits, 0).active;
    audits.play(&[], &honest(&bad));
    assert_eq!(
        (audits.record(0).convictions, bond(&audits, 0).active),
        (1, before)
    );
}

#[test]
fn a_host_that_withholds_forfeits_all_that_its_walk_would_have_reached() {
    let mut audits = Audits::new(10);
    let sessions = three_payers(&mut audits, 0);
    audits.serve(0, &sessions, 100);
    let leaves = audits.play(&[0], &honest(&[]));
    assert!(leaves.is_empty());
    let record = audits.record(0);
    assert_eq!(
        (record.withheld, record.forfeited, record.audited),
        (1, Amount(500), 0)
    );
    assert_eq!(standing(&audits, 0).forfeit, Amount(500));
    assert_eq!(
        audits.evidence(0).highest(),
        quern_evidence::Wealth::ONE,
        "liveness is not fraud"
    );
}

#[test]
fn a_missing_payload_costs_five_thirds_of_its_amount_and_never_enters_the_evidence() {
    let mut audits = Audits::new(10);
    let sessions = three_payers(&mut audits, 0);
    let missing = audits.serve(0, &sessions, 100);
    let one = &missing[..1];
    let leaves = audits.play(&[], &|_, leaf, _| {
        if one.contains(&leaf.id) {
            UNFETCHABLE
        } else {
            CLEAN
        }
    });
    let found = leaves
        .iter()
        .filter(|leaf| leaf.verdict == Some(Verdict::Missing))
        .count();
    assert_eq!(found, 1);
    let record = audits.record(0);
    assert_eq!(
        (record.missing, record.audited, record.forfeited),
        (1, 2, Amount(167))
    );
    assert_eq!(standing(&audits, 0).forfeit, Amount(167));
}

#[test]
fn an_auditor_that_alone_cannot_fetch_takes_nothing_from_the_host() {
    let mut audits = Audits::new(10);
    let sessions = three_payers(&mut audits, 0);
    audits.serve(0, &sessions, 100);
    audits.play(&[], &|_, _, stage| if stage == 0 { UNFETCHABLE } else { CLEAN });
    let record = audits.record(0);
    assert_eq!(
        (record.missing, record.audited, record.forfeited),
        (0, 3, Amount(0))
    );
}

#[test]
fn a_host_that_hides_a_bad_answer_from_its_auditor_alone_is_judged_by_the_panel() {
    let mut audits = Audits::new(10);
    let sessions = three_payers(&mut audits, 0);
    audits.serve(0, &sessions, 100);
    audits.play(&[], &|_, _, stage| if stage == 0 { UNFETCHABLE } else { FAILED });
    let record = audits.record(0);
    assert_eq!((record.missing, record.audited, record.condemned), (0, 3, 3));
}

#[test]
fn a_host_that_splits_its_review_panel_forfeits() {
    let mut audits = Audits::new(10);
    let sessions = three_payers(&mut audits, 0);
    audits.serve(0, &sessions, 100);
    // of the reviewers every other host is refused the payload
    audits.play(&[], &|auditor, _, stage| match (stage, auditor % 2) {
        (2, 0) => UNFETCHABLE,
        _ => FAILED,
    });
    let record = audits.record(0);
    // whichever part of a panel decides, nothing is clean
    assert_eq!(record.missing + record.condemned, 3);
    assert!(record.missing == 0 || record.forfeited > Amount(0));
}

#[test]
fn pay_waits_while_evidence_is_high() {
    let mut audits = Audits::new(10);
    let session = audits.open("payer", 0);
    let bad = audits.serve(0, &[session], 2_000);
    let nonce = audits.books[0].pages[0].receipts[&session][0].voucher.clone();
    let claim = audits.books[0].claim(&audits.world, &nonce);
    audits.world.must(&name("stranger"), &claim);
    audits.world.payer = name("payer");
    let payer = audits.world.payer.clone();
    audits.world.must(&payer, &Settlement::CloseSession { session });
    audits.play(&[], &honest(&bad));
    assert!(standing(&audits, 0).frozen);
    let until = audits.world.session(session).payable_at;
    while audits.world.height() < until {
        audits.block();
    }
    audits
        .world
        .refuse(&name("stranger"), &Settlement::Close { session }, "frozen");
}

#[test]
fn an_auditor_earns_no_more_than_its_part_of_what_a_leaf_captured() {
    let params = Params {
        leaf_pay_bps: 500,
        ..common::params()
    };
    let mut audits = Audits::with(10, &params);
    let sessions = three_payers(&mut audits, 0);
    audits.fresh();
    audits.serve(0, &sessions, 100);
    let leaves = audits.play(&[], &honest(&[]));
    assert!(leaves.iter().all(|leaf| leaf.positions > 5));
    let owed: u128 = (0..10).map(|host| audits.record(host).owed.0).sum();
    assert_eq!(owed, 3 * 5);
}

#[test]
fn a_round_pays_no_more_than_its_budget_and_pro_rata() {
    let params = Params {
        round_budget: Amount(50),
        ..common::params()
    };
    let mut audits = Audits::with(10, &params);
    let sessions = three_payers(&mut audits, 0);
    audits.fresh();
    audits.serve(0, &sessions, 100);
    let leaves = audits.play(&[], &honest(&[]));
    let mut expected = [0_u128; 10];
    for leaf in &leaves {
        expected[audits.index(&leaf.auditor.clone().unwrap())] += 1;
    }
    for (host, leaves) in expected.into_iter().enumerate() {
        // three leaves of as many tokens share 50
        assert_eq!(audits.record(host).owed.0, 50 * leaves / 3);
    }
}
