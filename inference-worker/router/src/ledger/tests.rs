//! The ledger's rules, one by one.

use super::crash_tests::{COEFFICIENTS, request};
use super::record::{Committee, Member};
use super::*;
use quern_protocol::{Bytes, Price, rank};

const CHAIN: &str = "quern-test";

fn ledger(limits: &[u128]) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.apply(Record::Opened {
        session: 7,
        payer: "payer".into(),
        model: "m".into(),
    });
    let member = |(i, limit): (usize, &u128)| Member {
        host: format!("host{i}"),
        weight: 10,
        limit: Amount(*limit),
    };
    let members = limits.iter().enumerate().map(member).collect();
    ledger.apply(Record::Drawn {
        session: 7,
        committee: Committee {
            beacon: Bytes([9; 32]),
            drawn_at: 2,
            closes_at: 100,
            max_price: "2".parse().unwrap(),
            model_hash: Bytes([0; 32]),
            coefficients: COEFFICIENTS,
            lapse_blocks: 20,
            members,
        },
    });
    ledger
}

fn grant(
    ledger: &mut Ledger,
    ceiling: u128,
    again: Option<(u64, u64)>,
    skip: &dyn Fn(&str) -> bool,
) -> Result<Grant, Denied> {
    let ask = Ask {
        chain_id: CHAIN,
        payer: "payer",
        model: "m",
        coefficients: &COEFFICIENTS,
        budget: Amount(1_000_000),
        kept: Amount::ZERO,
        authorised: Amount(ceiling / 2),
        margin: 10,
        again,
        skip,
    };
    loop {
        match ledger.grant(&ask, &request("ann", ceiling)) {
            Err(Denied::Marks(marks)) => marks.into_iter().for_each(|mark| ledger.apply(mark)),
            other => return other,
        }
    }
}

#[test]
fn requests_go_to_the_hosts_that_anyone_can_compute_and_their_nonces_have_no_gaps() {
    let mut ledger = ledger(&[1_000_000, 1_000_000, 1_000_000]);
    for nonce in 1..600 {
        let grant = grant(&mut ledger, 10, None, &|_| false).unwrap();
        let order = rank(CHAIN, 7, nonce, &Bytes([9; 32]), &[10, 10, 10]);
        assert_eq!(grant.place.nonce, nonce);
        assert_eq!(grant.place.host, format!("host{}", order[0]));
    }
}

#[test]
fn a_retry_keeps_its_nonce_and_goes_down_the_rank() {
    let mut ledger = ledger(&[1_000, 1_000, 1_000]);
    let order = rank(CHAIN, 7, 1, &Bytes([9; 32]), &[10, 10, 10]);
    let first = grant(&mut ledger, 10, None, &|_| false).unwrap();
    let tried = first.place.host.clone();
    let second = grant(&mut ledger, 10, Some((7, 1)), &|host| host == tried).unwrap();
    assert_eq!(second.place.nonce, 1);
    assert_eq!(second.place.host, format!("host{}", order[1]));
    // Nothing was given back: both hosts may yet claim it.
    assert_eq!(ledger.keys["ann"].held, Amount(20));
}

#[test]
fn a_host_without_room_for_the_ceiling_is_passed_over_and_nobody_gets_more_than_its_limit() {
    let mut ledger = ledger(&[100, 10_000]);
    let (mut passed, mut caps) = (0, BTreeMap::new());
    for _ in 0..60 {
        let grant = grant(&mut ledger, 60, None, &|_| false).unwrap();
        passed += grant.passed.len();
        caps.insert(grant.place.host.clone(), grant.cap);
    }
    assert!(passed > 10);
    assert_eq!(caps["host0"], Amount(30));
    assert_eq!(ledger.sessions[&7].hosts[1].exposure(), Amount(59 * 60));
}

#[test]
fn a_capture_below_the_slice_lowers_the_next_cap() {
    let mut ledger = ledger(&[1_000]);
    let first = grant(&mut ledger, 100, None, &|_| false).unwrap();
    assert_eq!(first.cap, Amount(50));
    ledger.apply(Record::Settled {
        place: first.place,
        capture: Amount(8),
    });
    let second = grant(&mut ledger, 100, None, &|_| false).unwrap();
    assert_eq!(second.cap, Amount(58));
    assert_eq!(ledger.keys["ann"].spent, Amount(8));
}

#[test]
fn a_stream_is_paid_ahead_up_to_its_ceiling_and_no_further() {
    let mut ledger = ledger(&[1_000]);
    let place = grant(&mut ledger, 100, None, &|_| false).unwrap().place;
    assert_eq!(ledger.raise(&place, Amount(70)), Ok(Amount(70)));
    assert_eq!(ledger.raise(&place, Amount(60)), Ok(Amount(70)));
    assert!(matches!(
        ledger.raise(&place, Amount(500)),
        Ok(Amount(100)) | Err(Denied::Marks(_))
    ));
    ledger.apply(Record::Ended { place: place.clone() });
    assert_eq!(ledger.raise(&place, Amount(100)), Err(Denied::Gone));
}

#[test]
fn a_limit_that_shrank_stops_further_slices() {
    let mut ledger = ledger(&[1_000]);
    let place = grant(&mut ledger, 100, None, &|_| false).unwrap().place;
    ledger.apply(Record::Limits {
        session: 7,
        limits: vec![("host0".into(), Amount(55))],
    });
    assert_eq!(ledger.raise(&place, Amount(90)), Err(Denied::Room));
    assert_eq!(grant(&mut ledger, 1, None, &|_| false), Err(Denied::Room));
}

#[test]
fn a_key_over_its_budget_a_price_over_the_highest_and_a_session_near_its_end_are_told_apart() {
    let mut ledger = ledger(&[1_000_000]);
    let ask = |budget: u128| Ask {
        chain_id: CHAIN,
        payer: "payer",
        model: "m",
        coefficients: &COEFFICIENTS,
        budget: Amount(budget),
        kept: Amount::ZERO,
        authorised: Amount(1),
        margin: 10,
        again: None,
        skip: &|_| false,
    };
    let mut request = request("ann", 50);
    assert_eq!(
        ledger.grant(&ask(49), &request),
        Err(Denied::Quota { left: Amount(49) })
    );
    request.price = "2.1".parse().unwrap();
    let highest: Price = "2".parse().unwrap();
    assert_eq!(ledger.grant(&ask(50), &request), Err(Denied::Price { highest }));
    request.price = highest;
    request.height = 95;
    assert_eq!(ledger.grant(&ask(50), &request), Err(Denied::NoSession));
    request.height = 1;
    assert_eq!(ledger.grant(&ask(50), &request), Err(Denied::NoSession));
}

#[test]
fn what_is_kept_of_a_budget_goes_to_its_own_request_alone() {
    let mut ledger = ledger(&[1_000_000]);
    let ask = |kept: u128| Ask {
        chain_id: CHAIN,
        payer: "payer",
        model: "m",
        coefficients: &COEFFICIENTS,
        budget: Amount(100),
        kept: Amount(kept),
        authorised: Amount(1),
        margin: 10,
        again: None,
        skip: &|_| false,
    };
    let open = |ledger: &mut Ledger, kept, ceiling| loop {
        match ledger.grant(&ask(kept), &request("ann", ceiling)) {
            Err(Denied::Marks(marks)) => marks.into_iter().for_each(|mark| ledger.apply(mark)),
            other => return other,
        }
    };
    assert_eq!(ledger.keep("ann", Amount(80), Amount(100)), Ok(()));
    assert_eq!(ledger.keep("ann", Amount(40), Amount(100)), Err(Amount(20)));
    assert_eq!(ledger.keep("bob", Amount(40), Amount(100)), Ok(()));
    let denied = |left| Err(Denied::Quota { left: Amount(left) });
    assert_eq!(open(&mut ledger, 0, 40), denied(20));
    let place = open(&mut ledger, 40, 40).unwrap().place;
    assert_eq!(open(&mut ledger, 0, 40), denied(20), "the other half is kept");
    // It is kept again before its voucher is free, and is not there twice.
    ledger.keep_again("ann", Amount(40), &place);
    assert_eq!(open(&mut ledger, 40, 61), denied(60));
    ledger.apply(Record::Freed { place });
    let left = |ledger: &Ledger| ledger.left("ann", Amount(100), Amount::ZERO);
    assert_eq!(left(&ledger), Amount(20));
    ledger.give_back("ann", Amount(80));
    assert_eq!(left(&ledger), Amount(100));
    open(&mut ledger, 0, 100).unwrap();
}

#[test]
fn what_is_kept_again_counts_once_before_its_vouchers_are_free_and_is_used_once_they_are() {
    let mut ledger = ledger(&[1_000]);
    let try_to = |ledger: &mut Ledger, kept, ceiling| {
        let ask = Ask {
            chain_id: CHAIN,
            payer: "payer",
            model: "m",
            coefficients: &COEFFICIENTS,
            budget: Amount(100),
            kept: Amount(kept),
            authorised: Amount(1),
            margin: 10,
            again: None,
            skip: &|_| false,
        };
        loop {
            match ledger.grant(&ask, &request("ann", ceiling)) {
                Err(Denied::Marks(marks)) if !marks.is_empty() => {
                    marks.into_iter().for_each(|mark| ledger.apply(mark))
                }
                other => return other,
            }
        }
    };
    let left = |ledger: &Ledger| ledger.left("ann", Amount(100), Amount::ZERO);
    // Four answers, all of the budget.
    ledger.keep("ann", Amount(100), Amount(100)).unwrap();
    let places: Vec<Place> = (0..3)
        .map(|_| try_to(&mut ledger, 25, 25).unwrap().place)
        .collect();
    for place in &places {
        let place = place.clone();
        ledger.commit(Record::Freed { place: place.clone() });
        ledger.keep_again("ann", Amount(25), &place);
    }
    assert_eq!(left(&ledger), Amount(0));
    // One of them is durable.
    ledger.apply(Record::Freed {
        place: places[0].clone(),
    });
    assert_eq!(left(&ledger), Amount(0));
    try_to(&mut ledger, 25, 25).unwrap();
    try_to(&mut ledger, 25, 25).unwrap();
    // A third one waits for the disk, and none is refused.
    let waits = Err(Denied::Marks(Vec::new()));
    assert_eq!(try_to(&mut ledger, 25, 25), waits);
    let records = ledger.take_records();
    ledger.durable(records);
    try_to(&mut ledger, 25, 25).unwrap();
    try_to(&mut ledger, 25, 25).unwrap();
    assert_eq!(ledger.keys["ann"].held, Amount(100));
    assert_eq!(try_to(&mut ledger, 0, 1), Err(Denied::Quota { left: Amount(0) }));
    assert!(ledger.twice.is_empty() && ledger.kept.is_empty());
}

#[test]
fn a_host_that_is_barred_or_loses_its_limit_is_not_asked() {
    let mut ledger = ledger(&[1_000, 1_000]);
    ledger.apply(Record::Barred {
        host: "host0".into(),
        reason: "wrong receipt".into(),
    });
    assert_eq!(
        grant(&mut ledger, 10, None, &|_| false).unwrap().place.host,
        "host1"
    );
    ledger.apply(Record::Moved {
        session: 7,
        host: "host1".into(),
    });
    assert_eq!(grant(&mut ledger, 10, None, &|_| false), Err(Denied::Room));
}

#[test]
fn a_missing_receipt_holds_the_slice_against_the_budget_until_it_lapses() {
    let mut ledger = ledger(&[1_000]);
    let place = grant(&mut ledger, 100, None, &|_| false).unwrap().place;
    assert_eq!(ledger.keys["ann"].held, Amount(100));
    assert!(ledger.lapse(1_000).is_empty());
    ledger.apply(Record::Ended { place });
    assert_eq!(ledger.keys["ann"].held, Amount(50));
    assert!(ledger.lapse(27).is_empty());
    assert_eq!(ledger.lapse(28).len(), 1);
    let records = ledger.take_records();
    ledger.durable(records);
    assert_eq!(ledger.keys["ann"].held, Amount(0));
    // The host's own cap does not come down: what it holds is signed.
    assert_eq!(
        grant(&mut ledger, 100, None, &|_| false).unwrap().cap,
        Amount(100)
    );
}
