use super::{receipt, sign, voucher};
use crate::paid::book::{Account, ExtendError, Reserve};
use proptest::prelude::*;
use quern_protocol::Amount;

#[test]
fn output_stops_at_the_cap_goes_on_with_a_higher_one_and_never_passes_the_ceiling() {
    let mut account = Account::default();
    account.begin(voucher(1, 100, 40));
    assert_eq!(account.reserve(1, Amount(40)), Reserve::Done);
    assert_eq!(account.reserve(1, Amount(41)), Reserve::NotYet);
    account.extend(voucher(1, 100, 80)).unwrap();
    assert_eq!(account.reserve(1, Amount(80)), Reserve::Done);
    account.extend(voucher(1, 100, 500)).unwrap();
    assert_eq!(account.reserve(1, Amount(100)), Reserve::Done);
    assert_eq!(account.reserve(1, Amount(101)), Reserve::Never);
}

#[test]
fn requests_of_one_session_share_its_cap_but_each_stays_within_its_own() {
    let mut account = Account::default();
    account.begin(voucher(1, 100, 50));
    account.begin(voucher(2, 100, 120));
    assert_eq!(account.reserve(2, Amount(90)), Reserve::Done);
    assert_eq!(account.reserve(1, Amount(30)), Reserve::Done);
    // 31 would make 121 of 120.
    assert_eq!(account.reserve(1, Amount(31)), Reserve::NotYet);
    account.finish(receipt(voucher(2, 100, 120), 20), 0);
    // The session has room now, but the receipt of this request could show a cap of 50 only.
    assert_eq!(account.reserve(1, Amount(50)), Reserve::Done);
    assert_eq!(account.reserve(1, Amount(51)), Reserve::NotYet);
}

#[test]
fn a_claim_shows_no_voucher_of_after_the_sessions_close_though_its_cap_is_higher() {
    let mut account = Account::default();
    for (nonce, cap, height) in [(1, 40, 101), (2, 70, 110), (3, 90, 121)] {
        let mut one = voucher(nonce, 30, cap).voucher;
        one.height = height;
        account.begin(sign(one));
    }
    let cap = |closes_at| account.claimable(100, closes_at).map(|best| best.voucher.cap.0);
    assert_eq!((cap(200), cap(121), cap(120)), (Some(90), Some(90), Some(70)));
    // closed before the second as well
    assert_eq!((cap(105), cap(100)), (Some(40), None));
    let ended = sign(account.running[&2].signed.voucher.clone());
    account.finish(receipt(ended, 5), 1);
    assert_eq!(account.claimable(100, 120).unwrap().voucher.cap.0, 70);
}

#[test]
fn a_top_up_extends_the_same_voucher_or_nothing() {
    let mut account = Account::default();
    assert_eq!(account.extend(voucher(1, 100, 80)), Err(ExtendError::NotRunning));
    account.begin(voucher(1, 100, 40));
    for other in [voucher(1, 200, 80), voucher(1, 100, 39)] {
        assert_eq!(account.extend(other), Err(ExtendError::NoExtension));
    }
    let mut later = voucher(1, 100, 80);
    later.voucher.height += 1;
    assert_eq!(account.extend(later), Err(ExtendError::NoExtension));
    assert_eq!(account.cap(), Amount(40));
    // The same one again is no harm.
    assert_eq!(account.extend(voucher(1, 100, 40)), Ok(()));
}

proptest! {
    #[test]
    fn captures_never_exceed_the_highest_cap(steps in prop::collection::vec((1u64..6, 0u128..4, 0u128..300), 1..80)) {
        let mut account = Account::default();
        for (nonce, kind, amount) in steps {
            match kind {
                0 if !account.is_used(nonce) => account.begin(voucher(nonce, 150, amount)),
                1 => drop(account.extend(voucher(nonce, 150, amount))),
                2 => drop(account.reserve(nonce, Amount(amount))),
                _ => {
                    if let Some(running) = account.running.get(&nonce).cloned() {
                        account.finish(receipt(running.signed, running.cost.0), 0);
                    }
                }
            }
            prop_assert!(account.captured <= account.cap());
            for entry in account.receipts.values() {
                let receipt = &entry.signed.receipt;
                prop_assert!(receipt.capture <= receipt.voucher.cap);
                prop_assert!(receipt.capture <= receipt.voucher.ceiling);
            }
        }
    }
}
