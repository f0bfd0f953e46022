//! Sessions from opening to pay.

use crate::common;

use common::books::{receipt, tokens_for, Books};
use common::{consent, name, Ask, World, OPEN_FEE};
use quern_interface::settlement::{Consent, ExecuteMsg, QueryMsg, RouterBond, SessionStatus, SignedBy};
use quern_protocol::ledger::split;
use quern_protocol::Amount;

#[test]
fn a_session_pays_hosts_router_and_burn_and_returns_the_rest_to_the_last_unit() {
    let mut world = World::new(&[300, 200, 100]);
    let (payer, router) = (world.payer.clone(), world.router.clone());
    let before = (world.balance(&payer), world.balance(&router));
    let id = world.open(&Ask::default());
    world.reconcile();
    let session = world.session(id);
    assert_eq!(session.committee.len(), 3);
    let weights: Vec<u64> = session.committee.iter().map(|m| m.weight).collect();
    let limits: Vec<Amount> = session.committee.iter().map(|m| m.limit).collect();
    let split = split(Amount(1_000_000), 1_000, &weights).unwrap();
    assert_eq!(split.limits, limits);
    assert_eq!(split.router_share, session.router_share);

    let host = world.at_seat(id, 0);
    let mut books = Books::new(host);
    let first = world.voucher(id, host, 1, 5_000);
    let receipts = vec![receipt(&world, &first, tokens_for(4_002))];
    books.commit(&mut world, &[(id, receipts)]);
    world.block();
    let second = world.voucher(id, host, 2, 9_001);
    let receipts = vec![receipt(&world, &second, tokens_for(4_000))];
    books.commit(&mut world, &[(id, receipts)]);
    world.must(&name("stranger"), &books.claim(&world, &second));
    assert_eq!(world.session(id).committee[0].claimed, Amount(8_002));
    assert_eq!(world.session(id).committee[0].receipts, 2);

    world.refuse(&payer, &ExecuteMsg::Close { session: id }, "too_early");
    world.must(&payer, &ExecuteMsg::CloseSession { session: id });
    world.block();
    assert_eq!(world.session(id).status, SessionStatus::Closing);
    let payable_at = world.session(id).payable_at;
    world.until(payable_at);
    let host_before = world.balance(&world.hosts[host].address.clone());
    world.must(&name("stranger"), &ExecuteMsg::Close { session: id });
    let outcome = world.session(id).outcome.unwrap();
    // 5 % of 8002, rounded up, burns; 10 % go to the router, of which 5 % burn
    assert_eq!(outcome.paid[0].1, Amount(8_002 - 401));
    assert_eq!(outcome.router_fee, Amount(800 - 40));
    assert_eq!(outcome.burned, Amount(441));
    assert_eq!(outcome.refund, Amount(1_000_000 - 8_002 - 800));
    let host_after = world.balance(&world.hosts[host].address.clone());
    assert_eq!(host_after - host_before, 8_002 - 401);
    assert_eq!(world.balance(&payer), before.0 - OPEN_FEE - 8_802);
    assert_eq!(world.balance(&router), before.1 + 760);
    world.refuse(&payer, &ExecuteMsg::Close { session: id }, "wrong_phase");
    world.reconcile();
    assert_eq!(world.totals().escrowed, Amount(0));
}

#[test]
fn everything_returns_if_router_and_hosts_vanish() {
    let mut world = World::new(&[10, 10]);
    let payer = world.payer.clone();
    let before = world.balance(&payer);
    let id = world.open(&Ask::default());
    let payable_at = world.session(id).payable_at;
    world.until(payable_at);
    world.must(&name("stranger"), &ExecuteMsg::Close { session: id });
    assert_eq!(world.balance(&payer), before - OPEN_FEE);
    world.reconcile();
}

#[test]
fn a_session_without_hosts_is_void_and_returns_everything_but_the_fee() {
    let mut world = World::new(&[]);
    let payer = world.payer.clone();
    let before = world.balance(&payer);
    let id = world.try_open(&Ask::default()).unwrap();
    assert_eq!(world.session(id).status, SessionStatus::Pending);
    world.refuse(&payer, &ExecuteMsg::CloseSession { session: id }, "wrong_phase");
    let drawn_at = world.session(id).drawn_at;
    world.until(drawn_at + 1);
    assert_eq!(world.session(id).status, SessionStatus::Void);
    assert_eq!(world.balance(&payer), before - OPEN_FEE);
    world.reconcile();
}

#[test]
fn a_full_queue_is_drawn_oldest_first_and_a_few_a_block() {
    let mut world = World::new(&[10]);
    let ids: Vec<u64> = (0..5).map(|_| world.try_open(&Ask::default()).unwrap()).collect();
    let drawn_at = world.session(ids[0]).drawn_at;
    world.until(drawn_at);
    for drawn in [2, 4, 5] {
        world.block();
        let count = ids
            .iter()
            .filter(|id| world.session(**id).status == SessionStatus::Open)
            .count();
        assert_eq!(count, drawn);
        assert_eq!(world.session(ids[drawn - 1]).status, SessionStatus::Open);
    }
    // each by the beacon of the block that draws it, which nobody knew while it waited
    for (id, late) in ids.iter().zip([0, 0, 1, 1, 2]) {
        let session = world.session(*id);
        assert_eq!(session.drawn_at, drawn_at + late);
        assert_eq!(session.beacon, Some(common::beacon::beacon(drawn_at + late)));
    }
}

#[test]
fn a_session_is_refused_below_the_price_above_the_router_fee_or_with_a_broken_key() {
    let mut world = World::new(&[10]);
    let ask = |change: &dyn Fn(&mut Ask)| {
        let mut ask = Ask::default();
        change(&mut ask);
        ask
    };
    for (asked, error) in [
        (ask(&|a| a.max_price = "1.5".parse().unwrap()), "price_too_high"),
        (ask(&|a| a.max_price = "0.5".parse().unwrap()), "bad_session"),
        (ask(&|a| a.fee_bps = 2_001), "bad_session"),
        (ask(&|a| a.with_router = false), "bad_session"),
        (ask(&|a| a.blocks = 8), "bad_session"),
        (ask(&|a| a.blocks = 201), "bad_session"),
        (ask(&|a| a.escrow = 999), "wrong_funds"),
        (ask(&|a| a.signed_by = SignedBy::Router), "no_consent"),
    ] {
        let found = world.try_open(&asked).unwrap_err().to_string();
        assert!(found.contains(error), "{found}");
    }
    let payer = world.payer.clone();
    let broken = ExecuteMsg::OpenSession {
        model: common::MODEL.into(),
        max_price: "5".parse().unwrap(),
        router: None,
        router_fee_bps: 0,
        session_key: quern_protocol::Bytes::new([2; 33]),
        agent: None,
        signed_by: SignedBy::Payer,
        blocks: 50,
        consent: None,
        max_fee: None,
    };
    let mut broken_x = broken.clone();
    if let ExecuteMsg::OpenSession { session_key, .. } = &mut broken_x {
        *session_key = quern_protocol::Bytes::new([255; 33]);
    }
    let found = world
        .execute(&payer, &broken_x, &common::coins(50_000))
        .unwrap_err();
    assert!(found.to_string().contains("bad_session"), "{found}");
    world.reconcile();
}

#[test]
fn a_router_that_holds_keys_answers_with_its_bond() {
    let mut world = World::new(&[10]);
    let (router, payer) = (world.router.clone(), world.payer.clone());
    let fund = ExecuteMsg::FundRouter {};
    world.execute(&router, &fund, &common::coins(1_500_000)).unwrap();
    consent::register(&mut world);
    let ask = |nonce| Ask {
        signed_by: SignedBy::Router,
        consent: Some(consent::given(nonce, |_| {})),
        ..Ask::default()
    };
    let id = world.open(&ask(1));
    let short = world.try_open(&ask(2)).unwrap_err().to_string();
    assert!(
        short.contains("router_bond_short: the router's bond covers 500000 more"),
        "{short}"
    );
    let amount = Amount(500_001);
    world.refuse(&router, &ExecuteMsg::DefundRouter { amount }, "bond_in_use");
    world.refuse(
        &payer,
        &ExecuteMsg::DefundRouter { amount: Amount(1) },
        "bond_in_use",
    );
    world.must(
        &router,
        &ExecuteMsg::DefundRouter {
            amount: Amount(500_000),
        },
    );
    world.reconcile();
    let payable_at = world.session(id).payable_at;
    world.until(payable_at);
    world.must(&payer, &ExecuteMsg::Close { session: id });
    world.must(
        &router,
        &ExecuteMsg::DefundRouter {
            amount: Amount(1_000_000),
        },
    );
    world.reconcile();
    assert_eq!(world.balance(&world.settlement.clone()), 0);
}

#[test]
fn nobody_ties_up_a_router_s_bond_without_its_word() {
    let mut world = World::new(&[10]);
    let router = world.router.clone();
    let fund = ExecuteMsg::FundRouter {};
    world.execute(&router, &fund, &common::coins(10_000_000)).unwrap();
    let ask = |consent| Ask {
        signed_by: SignedBy::Router,
        consent,
        ..Ask::default()
    };
    let refuse = |world: &mut World, consent, why: &str| {
        let found = world.try_open(&ask(consent)).unwrap_err().to_string();
        assert!(found.contains("no_consent") && found.contains(why), "{found}");
        let bond: RouterBond = world.ask(&QueryMsg::Router {
            router: world.router.to_string(),
        });
        assert_eq!(bond.in_flight, Amount(0));
    };
    refuse(&mut world, None, "give its consent");
    let good = consent::given(5, |_| {});
    refuse(&mut world, Some(good.clone()), "no such router");
    consent::register(&mut world);
    for (consent, why) in [
        (
            consent::given(5, |c| c.payer = common::name("stranger").into()),
            "payer",
        ),
        (
            consent::given(5, |c| c.session_key = common::public(&common::key(9))),
            "session key",
        ),
        (consent::given(5, |c| c.escrow = Amount(1)), "escrow"),
        (consent::given(5, |c| c.model = "other".into()), "model"),
        (consent::given(5, |c| c.router_fee_bps = 999), "fee"),
        (consent::given(5, |c| c.blocks = 99), "blocks"),
        (
            consent::given(5, |c| c.router = common::name("stranger").into()),
            "transport key",
        ),
        (
            Consent {
                nonce: 6,
                ..good.clone()
            },
            "transport key",
        ),
        (
            Consent {
                expires: 901,
                ..good.clone()
            },
            "transport key",
        ),
        (consent::given(5, |c| c.expires = 99), "expired"),
    ] {
        refuse(&mut world, Some(consent), why);
    }
    world.try_open(&ask(Some(good.clone()))).unwrap();
    for consent in [good, consent::given(4, |_| {})] {
        let found = world.try_open(&ask(Some(consent))).unwrap_err().to_string();
        assert!(
            found.contains("no_consent: the router's consent was used"),
            "{found}"
        );
    }
    world.try_open(&ask(Some(consent::given(6, |_| {})))).unwrap();
    // a router that signs nothing risks nothing: whoever names it needs no word of it
    world.try_open(&Ask::default()).unwrap();
    // and one that opens a session itself has given it
    world.payer = router;
    world.try_open(&ask(None)).unwrap();
    world.reconcile();
}
