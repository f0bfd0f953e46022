//! Receipts before a chain that agrees, and before one that does not.

use quern_interface::{
    registry::{HostInfo, HostStatus, Membership, Offer, WarmKey},
    settlement::{CommitteeMember, HostStanding, Outcome, SessionInfo, SessionStatus, SignedBy},
};
use quern_protocol::{Amount, Bytes, Hash, Price};

use super::{
    Document, Report, Verdict,
    facts::{Call, Facts},
    judge::judge,
    sample::{CHAIN, Sample},
};

fn document(s: &Sample) -> Document {
    Document {
        signed: s.signed.clone(),
        committed: Some(s.committed.clone()),
    }
}

/// A chain on which the sample was served, committed, claimed and paid.
fn facts(s: &Sample) -> Facts {
    let warm_key = WarmKey {
        key: s.warm_key,
        address: "quern1warm".into(),
        from: 1,
    };
    let receipt = &s.signed.receipt;
    let claimed = s.committed.leaf.cumulative;
    let escrow = Amount(claimed.0 + 1_000);
    Facts {
        now: 900,
        session: Ok(SessionInfo {
            id: 4,
            payer: "quern1payer".into(),
            model: "quern-small".into(),
            max_price: Price::from_atomics(receipt.price.atomics() * 2),
            router: None,
            router_fee_bps: 0,
            session_key: s.session_key,
            agent: None,
            signed_by: SignedBy::Payer,
            escrow,
            opened_at: 80,
            drawn_at: 88,
            closes_at: 500,
            commits_until: 520,
            model_hash: receipt.model_hash,
            coefficients: s.coefficients,
            lapse_blocks: 20,
            router_share: Amount::ZERO,
            payable_at: 600,
            status: SessionStatus::Closed,
            beacon: Some(Hash::new([0; 32])),
            committee: vec![CommitteeMember {
                host: "quern1host".into(),
                weight: 5,
                generation: 0,
                limit: escrow,
                claimed,
                receipts: 8,
            }],
            rebalances: Vec::new(),
            outcome: Some(Outcome {
                paid: vec![("quern1host".into(), Amount(claimed.0 - 7))],
                burned: Amount(7),
                refund: Amount(1_000),
                ..Default::default()
            }),
        }),
        warm_key: Ok(warm_key.clone()),
        host: Ok(HostInfo {
            host: "quern1host".into(),
            moniker: "mill".into(),
            endpoint: "https://h".into(),
            transport_key: Bytes::new([0; 32]),
            consensus_key: Bytes::new([0; 32]),
            beacon_anchor: None,
            warm_key,
            payout: "quern1host".into(),
            bond: Amount(1),
            memberships: vec![Membership {
                offer: Offer {
                    model: "quern-small".into(),
                    capacity: 5,
                    profile: "cpu".into(),
                },
                effective: 5,
                generation: 0,
                convicted_until: None,
            }],
            status: HostStatus::Active,
            maintenance: Vec::new(),
        }),
        price: Ok(receipt.price),
        batch: Some(Ok(Some(s.batch.clone()))),
        standing: Ok(HostStanding::default()),
        calls: vec![
            Call {
                height: 550,
                action: "settle".into(),
                host: Some("quern1host".into()),
            },
            Call {
                height: 560,
                action: "settle".into(),
                host: Some("quern1other".into()),
            },
            Call {
                height: 601,
                action: "close".into(),
                host: None,
            },
        ],
    }
}

fn wrong(report: &Report) -> Vec<&'static str> {
    let failed = report.steps.iter().filter(|s| s.verdict == Verdict::Fails);
    failed.map(|s| s.step).collect()
}

fn verdict(report: &Report, step: &str) -> Verdict {
    report.steps.iter().find(|s| s.step == step).unwrap().verdict
}

#[test]
fn a_paid_request_is_followed_from_session_to_outcome() {
    let s = Sample::new();
    let report = judge(CHAIN, &document(&s), &facts(&s));
    let heights: Vec<_> = report.steps.iter().map(|s| (s.step, s.height)).collect();
    assert_eq!(
        heights,
        [
            ("session", Some(80)),
            ("committee", Some(88)),
            ("voucher", Some(100)),
            ("receipt", None),
            ("warm key", Some(1)),
            ("model", None),
            ("price", Some(100)),
            ("batch", Some(107)),
            ("claim", Some(550)),
            ("outcome", Some(601)),
        ]
    );
    assert!(
        report.steps.iter().all(|s| s.verdict == Verdict::Holds),
        "{report:?}"
    );
}

#[test]
fn each_lie_is_found_where_it_was_told() {
    let s = Sample::new();
    type Lie = fn(&mut Facts);
    let lies: [(&str, Lie); 11] = [
        ("session", |f| f.session = Err("session_unknown".into())),
        ("committee", |f| {
            f.session.as_mut().unwrap().committee[0].host = "quern1x".into()
        }),
        ("voucher", |f| {
            f.session.as_mut().unwrap().session_key = Bytes::new([2; 33])
        }),
        ("voucher", |f| f.session.as_mut().unwrap().closes_at = 99),
        ("model", |f| {
            f.session.as_mut().unwrap().model_hash = Hash::new([0; 32])
        }),
        ("price", |f| f.price = Ok(Price::FLOOR)),
        ("price", |f| f.session.as_mut().unwrap().max_price = Price::FLOOR),
        ("batch", |f| f.batch = Some(Ok(None))),
        ("batch", |f| f.session.as_mut().unwrap().lapse_blocks = 6),
        ("batch", |f| f.session.as_mut().unwrap().commits_until = 106),
        ("outcome", |f| {
            f.session.as_mut().unwrap().outcome.as_mut().unwrap().refund = Amount(999);
        }),
    ];
    for (i, (step, lie)) in lies.into_iter().enumerate() {
        let mut facts = facts(&s);
        lie(&mut facts);
        assert_eq!(wrong(&judge(CHAIN, &document(&s), &facts)), [step], "lie {i}");
    }
    let mut stranger = facts(&s);
    stranger.warm_key.as_mut().unwrap().key = s.session_key;
    stranger.host.as_mut().unwrap().warm_key.key = s.session_key;
    assert_eq!(wrong(&judge(CHAIN, &document(&s), &stranger)), ["warm key"]);
}

#[test]
fn a_receipt_may_be_signed_by_a_later_warm_key() {
    let s = Sample::new();
    let mut facts = facts(&s);
    facts.warm_key.as_mut().unwrap().key = s.session_key;
    assert!(wrong(&judge(CHAIN, &document(&s), &facts)).is_empty());
}

#[test]
fn what_is_still_to_come_is_open_and_not_wrong() {
    let s = Sample::new();
    let mut facts = facts(&s);
    facts.now = 105;
    let session = facts.session.as_mut().unwrap();
    session.status = SessionStatus::Open;
    session.outcome = None;
    session.committee[0].claimed = Amount::ZERO;
    let document = Document {
        committed: None,
        ..document(&s)
    };
    facts.batch = None;
    let report = judge(CHAIN, &document, &facts);
    assert!(wrong(&report).is_empty());
    for step in ["batch", "claim", "outcome"] {
        assert_eq!(verdict(&report, step), Verdict::Open, "{step}");
    }
}

#[test]
fn a_session_that_the_chain_forgot_is_open_and_one_that_never_was_is_wrong() {
    let s = Sample::new();
    let mut facts = facts(&s);
    for (log, expected) in [
        (
            "session_forgotten: 4 ended long ago and is removed",
            Verdict::Open,
        ),
        ("unknown_session: 4", Verdict::Fails),
    ] {
        facts.session = Err(log.into());
        let report = judge(CHAIN, &document(&s), &facts);
        assert_eq!(verdict(&report, "session"), expected);
        assert!(report.steps.iter().any(|step| step.detail.contains(log)));
    }
}

#[test]
fn what_judges_hold_back_is_told_until_the_session_is_paid() {
    let s = Sample::new();
    let mut facts = facts(&s);
    facts.standing = Ok(HostStanding {
        frozen: true,
        forfeit: Amount(5),
        ..Default::default()
    });
    let told = |report: &Report| -> Vec<_> {
        let held = report.steps.iter().map(|step| step.step);
        held.filter(|step| ["frozen", "forfeit"].contains(step)).collect()
    };
    assert!(told(&judge(CHAIN, &document(&s), &facts)).is_empty());
    facts.session.as_mut().unwrap().status = SessionStatus::Closing;
    let report = judge(CHAIN, &document(&s), &facts);
    assert_eq!(told(&report), ["frozen", "forfeit"]);
    assert_eq!(verdict(&report, "frozen"), Verdict::Open);
}

#[test]
fn a_conviction_since_the_draw_is_told() {
    let s = Sample::new();
    let mut facts = facts(&s);
    facts.host.as_mut().unwrap().memberships[0].generation = 1;
    let report = judge(CHAIN, &document(&s), &facts);
    assert!(
        report
            .steps
            .iter()
            .any(|s| s.step == "conviction" && s.detail.contains("refunded"))
    );
}
