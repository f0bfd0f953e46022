//! Vesting accounts behind hosts: locked coins are bonded first and come back locked. The figures are those of the
//! Cosmos SDK's own tests of x/auth/vesting, in QRN.

use prost::Message;
use quern_proto::{
    Any,
    cosmos::{
        auth::v1beta1::{
            QueryAccountInfoRequest, QueryAccountInfoResponse, QueryAccountRequest, QueryAccountResponse,
        },
        bank::v1beta1::{QuerySpendableBalanceByDenomRequest, QuerySpendableBalanceByDenomResponse},
        vesting::v1beta1::{MsgCreatePeriodicVestingAccount, Period, PeriodicVestingAccount},
    },
};
use quern_testkit::{GENESIS_TIME, TxBuilder, User, any, bank_send, coins};
use serde_json::json;
use tendermint_proto::v0_38::abci::ExecTxResult;

use crate::support::{
    deliver, exported_twice, failed,
    shipped::{address, ask, call},
    staking::{QRN, Scene, delegate, delegation, done, scene, send, undelegate, valoper},
};

const HOUR: i64 = 3_600;

/// A scene in which `vera` has 100 QRN, of which half becomes free after 12 hours and a quarter each 6 hours
/// later; the first of those hours lies so far back.
fn vesting_since(hours: i64) -> (Scene, User) {
    let mut s = scene();
    let (host, vera) = (s.w.hosts[0].clone(), User::new("vera"));
    let period = |hours, amount: u128| Period {
        length: hours * HOUR,
        amount: coins(&format!("{amount}nqrn")),
    };
    let create = MsgCreatePeriodicVestingAccount {
        from_address: host.address().to_string(),
        to_address: vera.address().to_string(),
        start_time: GENESIS_TIME - hours * HOUR,
        vesting_periods: vec![period(12, 50 * QRN), period(6, 25 * QRN), period(6, 25 * QRN)],
    };
    done(send(&mut s.w.chain, &host, any(&create)));
    (s, vera)
}

pub fn act(s: &mut Scene, who: &User, message: Any) -> ExecTxResult {
    let request = QueryAccountInfoRequest {
        address: who.address().to_string(),
    };
    let path = "/cosmos.auth.v1beta1.Query/AccountInfo";
    let found: QueryAccountInfoResponse = s.w.chain.query(path, &request).unwrap();
    let info = found.info.unwrap();
    let tx = TxBuilder::new(info.account_number, info.sequence)
        .message(message)
        .gas(5_000_000)
        .sign(who);
    deliver(&mut s.w.chain, tx)
}

/// Delegated vesting and delegated free coins, in QRN.
fn tracked(s: &Scene, who: &User) -> (u128, u128) {
    let request = QueryAccountRequest {
        address: who.address().to_string(),
    };
    let path = "/cosmos.auth.v1beta1.Query/Account";
    let found: QueryAccountResponse = s.w.chain.query(path, &request).unwrap();
    let account = PeriodicVestingAccount::decode(found.account.unwrap().value.as_slice()).unwrap();
    let base = account.base_vesting_account.unwrap();
    let qrn = |coins: &[quern_proto::cosmos::base::v1beta1::Coin]| match coins {
        [] => 0,
        [coin] => coin.amount.parse::<u128>().unwrap() / QRN,
        more => panic!("{more:?}"),
    };
    (qrn(&base.delegated_vesting), qrn(&base.delegated_free))
}

/// What can be sent, in QRN.
fn spendable(s: &Scene, who: &User) -> u128 {
    let request = QuerySpendableBalanceByDenomRequest {
        address: who.address().to_string(),
        denom: "nqrn".into(),
    };
    let path = "/cosmos.bank.v1beta1.Query/SpendableBalanceByDenom";
    let found: QuerySpendableBalanceByDenomResponse = s.w.chain.query(path, &request).unwrap();
    found.balance.unwrap().amount.parse::<u128>().unwrap() / QRN
}

/// Empty blocks until the first of what leaves a host is due, up to the block before.
fn until_due(s: &mut Scene, who: &User, host: &User) {
    let question =
        json!({"position": {"host": host.address().to_string(), "funder": who.address().to_string()}});
    let position = ask(&s.w.chain, "bonding", &question);
    let due = position["unbonding"][0]["matures_at"].as_i64().unwrap();
    while s.w.chain.height < due - 1 {
        s.w.chain.empty_blocks(1);
    }
}

#[test]
fn all_of_what_is_locked_can_be_delegated_and_is_locked_when_it_comes_back() {
    let (mut s, vera) = vesting_since(0);
    let host = s.w.hosts[0].clone();
    assert_eq!((tracked(&s, &vera), spendable(&s, &vera)), ((0, 0), 0));
    failed(
        &act(&mut s, &vera, delegate(&vera, &valoper(&host), 101 * QRN)),
        "sdk",
        5,
        "insufficient funds",
    );
    done(act(&mut s, &vera, delegate(&vera, &valoper(&host), 100 * QRN)));
    assert_eq!((tracked(&s, &vera), spendable(&s, &vera)), ((100, 0), 0));
    assert_eq!(delegation(&s, &vera, &host).unwrap(), 100 * QRN);
    let (exported, again) = exported_twice(&s.w.chain.app);
    assert_eq!(again.auth, exported.auth);

    done(act(&mut s, &vera, undelegate(&vera, &valoper(&host), 100 * QRN)));
    assert_eq!(
        tracked(&s, &vera),
        (100, 0),
        "on their way out they are delegated still"
    );
    until_due(&mut s, &vera, &host);
    s.w.chain.empty_blocks(1);
    assert_eq!(s.w.chain.balance(&vera, "nqrn"), 100 * QRN);
    assert_eq!((tracked(&s, &vera), spendable(&s, &vera)), ((0, 0), 0));
    s.w.chain.app.check_invariants(0).unwrap();
}

#[test]
fn half_free_coins_are_tracked_with_the_numbers_of_the_sdk() {
    let (mut s, vera) = vesting_since(12);
    let host = s.w.hosts[0].clone();
    assert_eq!(spendable(&s, &vera), 50);
    done(act(&mut s, &vera, delegate(&vera, &valoper(&host), 50 * QRN)));
    assert_eq!((tracked(&s, &vera), spendable(&s, &vera)), ((50, 0), 50));
    // the same by a call of the contract itself
    let bond = json!({"bond": {"host": host.address().to_string()}});
    done(act(
        &mut s,
        &vera,
        call(&vera, "bonding", &bond, &format!("{}nqrn", 50 * QRN)),
    ));
    assert_eq!((tracked(&s, &vera), spendable(&s, &vera)), ((50, 50), 0));
    done(act(&mut s, &vera, undelegate(&vera, &valoper(&host), 25 * QRN)));
    until_due(&mut s, &vera, &host);
    s.w.chain.empty_blocks(1);
    assert_eq!((tracked(&s, &vera), spendable(&s, &vera)), ((50, 25), 25));
    done(act(&mut s, &vera, undelegate(&vera, &valoper(&host), 50 * QRN)));
    until_due(&mut s, &vera, &host);
    s.w.chain.empty_blocks(1);
    assert_eq!((tracked(&s, &vera), spendable(&s, &vera)), ((25, 0), 50));
    let (exported, again) = exported_twice(&s.w.chain.app);
    assert_eq!(again.auth, exported.auth);
}

#[test]
fn what_is_free_is_delegated_as_free() {
    let (mut s, vera) = vesting_since(25);
    let host = s.w.hosts[0].clone();
    assert_eq!(spendable(&s, &vera), 100);
    done(act(&mut s, &vera, delegate(&vera, &valoper(&host), 100 * QRN)));
    assert_eq!((tracked(&s, &vera), spendable(&s, &vera)), ((0, 100), 0));
}

#[test]
fn no_way_through_a_bond_frees_locked_coins() {
    let (mut s, vera) = vesting_since(0);
    let host = s.w.hosts[0].clone();
    let to_host = |msg: &str| json!({msg: {"host": host.address().to_string()}});
    // neither by a transfer, nor by a call that takes no coins, nor to another contract
    let transfer = any(&quern_proto::cosmos::bank::v1beta1::MsgSend {
        from_address: vera.address().to_string(),
        to_address: address("bonding"),
        amount: coins("1nqrn"),
    });
    failed(&act(&mut s, &vera, transfer), "sdk", 5, "insufficient funds");
    let message = call(&vera, "bonding", &to_host("withdraw"), "5nqrn");
    assert_ne!(act(&mut s, &vera, message).code, 0);
    let message = call(&vera, "registry", &to_host("bond"), "5nqrn");
    failed(&act(&mut s, &vera, message), "sdk", 5, "insufficient funds");
    assert_eq!((tracked(&s, &vera), spendable(&s, &vera)), ((0, 0), 0));

    // and who withdraws in the block before they would come by themselves gets them locked, too
    done(act(&mut s, &vera, delegate(&vera, &valoper(&host), 10 * QRN)));
    let unbond = json!({"unbond": {"host": host.address().to_string(), "amount": (10 * QRN).to_string()}});
    done(act(&mut s, &vera, call(&vera, "bonding", &unbond, "")));
    until_due(&mut s, &vera, &host);
    done(act(
        &mut s,
        &vera,
        call(&vera, "bonding", &to_host("withdraw"), ""),
    ));
    assert_eq!(s.w.chain.balance(&vera, "nqrn"), 100 * QRN);
    assert_eq!((tracked(&s, &vera), spendable(&s, &vera)), ((0, 0), 0));
    failed(
        &act(&mut s, &vera, bank_send(&vera, &host, "1nqrn")),
        "sdk",
        5,
        "insufficient funds",
    );
}

#[test]
fn a_delegation_that_fails_tracks_nothing() {
    let (mut s, vera) = vesting_since(0);
    let nobody = User::new("nobody");
    let result = act(&mut s, &vera, delegate(&vera, &valoper(&nobody), 10 * QRN));
    assert_eq!((result.codespace.as_str(), result.code), ("staking", 3));
    assert_eq!((tracked(&s, &vera), spendable(&s, &vera)), ((0, 0), 0));
}
