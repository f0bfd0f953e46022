use super::{CHAIN, HOST, MODEL_HASH, authority, receipt, session, sign, voucher};
use crate::paid::admit::{View, check, check_price, has_room};
use crate::paid::book::Account;
use quern_inference_api::paid::{Authority, Rejection, SignedVoucher};
use quern_interface::settlement::{SessionInfo, SessionStatus};
use quern_protocol::{Amount, Bytes, Price, Voucher};

fn at(height: u64, session: &SessionInfo, account: &Account, authority: &Authority) -> Result<(), Rejection> {
    let view = View {
        chain_id: CHAIN,
        host: HOST,
        own: Some(&MODEL_HASH),
        height,
        session,
    };
    check(&view, account, authority)
}

fn verdict(authority: &Authority) -> Result<(), Rejection> {
    at(200, &session(), &Account::default(), authority)
}

fn changed(change: impl Fn(&mut Voucher)) -> Authority {
    let SignedVoucher { mut voucher, .. } = voucher(1, 500, 500);
    change(&mut voucher);
    authority(sign(voucher))
}

#[test]
fn a_good_voucher_is_accepted() {
    assert_eq!(verdict(&authority(voucher(1, 500, 500))), Ok(()));
}

#[test]
fn a_voucher_for_another_chain_host_session_or_model_is_misdirected() {
    let mut other_chain = authority(voucher(1, 500, 500));
    other_chain.chain_id = "quern-test-2".into();
    let mut other_model = session();
    other_model.model_hash = quern_protocol::Hash::new([6; 32]);
    let mut no_member = session();
    no_member.committee.pop();
    let good = authority(voucher(1, 500, 500));
    for result in [
        verdict(&other_chain),
        verdict(&changed(|v| v.host = "quern1other".into())),
        verdict(&changed(|v| v.session = 4)),
        at(200, &other_model, &Account::default(), &good),
        at(200, &no_member, &Account::default(), &good),
    ] {
        assert_eq!(result, Err(Rejection::VoucherMisdirected));
    }
}

#[test]
fn a_voucher_that_the_session_key_did_not_sign_as_it_is_is_forged() {
    // Each field is covered by the signature.
    let good = authority(voucher(1, 500, 500));
    let changes: [fn(&mut Authority); 5] = [
        |a| a.voucher.nonce = 2,
        |a| a.voucher.height = 199,
        |a| a.voucher.ceiling = Amount(501),
        |a| a.voucher.cap = Amount(501),
        |a| a.salt = Bytes([8; 16]),
    ];
    for change in changes {
        let mut forged = good.clone();
        change(&mut forged);
        assert_eq!(verdict(&forged), Err(Rejection::VoucherForged));
    }
    let mut foreign = good;
    let digest = foreign.voucher.digest(CHAIN);
    foreign.signature = Bytes(super::warm_key().sign(&digest.0));
    assert_eq!(verdict(&foreign), Err(Rejection::VoucherForged));
}

#[test]
fn a_height_must_be_recent_reached_and_within_the_sessions_time() {
    let good = authority(voucher(1, 500, 500));
    let none = Account::default();
    for (height, good_then) in [(199, false), (200, true), (205, true), (206, false)] {
        assert_eq!(
            at(height, &session(), &none, &good).is_ok(),
            good_then,
            "{height}"
        );
    }
    let mut later = session();
    later.drawn_at = 201;
    let mut over = session();
    over.closes_at = 199;
    let mut closing = session();
    closing.status = SessionStatus::Closing;
    for session in [later, over, closing] {
        assert_eq!(at(200, &session, &none, &good), Err(Rejection::VoucherStale));
    }
}

#[test]
fn a_nonce_counts_once_whether_it_runs_was_served_or_was_voided() {
    let good = authority(voucher(1, 500, 500));
    let mut running = Account::default();
    running.begin(voucher(1, 500, 500));
    let mut served = Account::default();
    served.finish(receipt(voucher(1, 500, 500), 10), 0);
    let mut void = Account::default();
    void.void.insert(1);
    for account in [running, served, void] {
        assert_eq!(at(200, &session(), &account, &good), Err(Rejection::VoucherSpent));
        let next = authority(voucher(2, 500, 500));
        assert_eq!(at(200, &session(), &account, &next), Ok(()));
    }
    assert_eq!(
        verdict(&authority(voucher(0, 500, 500))),
        Err(Rejection::VoucherSpent)
    );
}

#[test]
fn a_cap_over_the_limit_is_refused_and_what_was_given_away_is_no_limit_any_more() {
    assert_eq!(verdict(&authority(voucher(1, 500, 10_000))), Ok(()));
    let over = authority(voucher(1, 500, 10_001));
    assert_eq!(verdict(&over), Err(Rejection::VoucherLimit));
    let mut account = Account::default();
    account.give("quern1other", Amount(4_000));
    let cap = |cap| at(200, &session(), &account, &authority(voucher(1, 500, cap)));
    assert_eq!(cap(6_001), Err(Rejection::VoucherLimit));
    assert_eq!(cap(6_000), Ok(()));
}

#[test]
fn a_session_that_a_lost_journal_may_have_served_is_not_served_again() {
    let book = |unknown_until| crate::paid::book::Book {
        unknown_until,
        ..Default::default()
    };
    assert!(book(100).is_lost(&session()) && !book(99).is_lost(&session()));
}

#[test]
fn a_price_above_the_sessions_and_a_ceiling_below_the_least_cost_are_refused() {
    let (session, good) = (session(), authority(voucher(1, 500, 500)));
    let price = |price, least| check_price(&session, &good, price, least);
    assert_eq!(price(Price::FLOOR, Some(Amount(500))), Ok(()));
    assert_eq!(
        price(Price::FLOOR, Some(Amount(501))),
        Err(Rejection::VoucherLimit)
    );
    assert_eq!(price(Price::FLOOR, None), Err(Rejection::VoucherLimit));
    let dear = Price::from_atomics(Price::UNIT + 1);
    assert_eq!(price(dear, Some(Amount(1))), Err(Rejection::VoucherPrice));
}

#[test]
fn a_host_refuses_what_its_limit_does_not_cover_beside_what_is_under_way() {
    let session = session();
    let view = View {
        chain_id: CHAIN,
        host: HOST,
        own: Some(&MODEL_HASH),
        height: 200,
        session: &session,
    };
    let mut account = Account::default();
    account.finish(receipt(voucher(1, 3_000, 3_000), 3_000), 0);
    account.begin(voucher(2, 4_000, 7_000));
    assert!(has_room(&view, &account, Amount(3_000)));
    assert!(!has_room(&view, &account, Amount(3_001)));
}
