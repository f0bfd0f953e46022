//! Vesting accounts through whole blocks: what is locked stays, what is free moves.

use crate::support;

use prost::Message;
use quern_core::App;
use quern_proto::{
    Any,
    cosmos::{
        auth::v1beta1::{QueryAccountRequest, QueryAccountResponse},
        bank::v1beta1::{QuerySpendableBalancesRequest, QuerySpendableBalancesResponse},
        vesting::v1beta1::{
            ContinuousVestingAccount, MsgCreatePeriodicVestingAccount, MsgCreatePermanentLockedAccount,
            MsgCreateVestingAccount, Period,
        },
    },
};
use quern_testkit::{Chain, GENESIS_TIME, Genesis, TxBuilder, User, any, bank_send, coins};
use support::{deliver, exported_twice, failed, started};
use tendermint_proto::v0_38::abci::ExecTxResult;

/// Number of the account that is made after alice's and those of six modules.
const NEW: u64 = 7;

struct World {
    _dir: tempfile::TempDir,
    app: App,
    chain: Chain<App>,
    alice: User,
    new: User,
}

fn world() -> World {
    let (alice, new) = (User::new("alice"), User::new("new"));
    let (_dir, app, chain) = started(Genesis::new().fund(&alice, "1000000nqrn"));
    World {
        _dir,
        app,
        chain,
        alice,
        new,
    }
}

impl World {
    fn run(&mut self, message: Any) -> ExecTxResult {
        let tx = self.chain.tx(&self.alice).message(message).sign(&self.alice);
        deliver(&mut self.chain, tx)
    }

    fn account(&self) -> Any {
        let request = QueryAccountRequest {
            address: self.new.address().to_string(),
        };
        let found: QueryAccountResponse = self
            .chain
            .query("/cosmos.auth.v1beta1.Query/Account", &request)
            .unwrap();
        found.account.unwrap()
    }

    fn spendable(&self) -> String {
        let request = QuerySpendableBalancesRequest {
            address: self.new.address().to_string(),
            pagination: None,
        };
        let path = "/cosmos.bank.v1beta1.Query/SpendableBalances";
        let found: QuerySpendableBalancesResponse = self.chain.query(path, &request).unwrap();
        found
            .balances
            .iter()
            .map(|c| format!("{}{}", c.amount, c.denom))
            .collect::<Vec<_>>()
            .join(",")
    }

    /// The new account, which signs.
    fn sends_back(&mut self, amount: &str, sequence: u64) -> ExecTxResult {
        let tx = TxBuilder::new(NEW, sequence)
            .message(bank_send(&self.new, &self.alice, amount))
            .sign(&self.new);
        deliver(&mut self.chain, tx)
    }

    fn until(&mut self, height: i64) {
        while self.chain.height < height {
            self.chain.empty_blocks(1);
        }
    }

    /// The state survives the way through a genesis document.
    fn survives_export(&self) {
        let (exported, again) = exported_twice(&self.app);
        assert_eq!(again.auth, exported.auth);
    }
}

#[test]
fn coins_of_a_continuous_account_become_free_second_by_second() {
    let mut w = world();
    let start = w.chain.height + 1;
    let create = MsgCreateVestingAccount {
        from_address: w.alice.address().to_string(),
        to_address: w.new.address().to_string(),
        amount: coins("1000nqrn"),
        end_time: GENESIS_TIME + start + 10,
        delayed: false,
    };
    let created = w.run(any(&create));
    assert_eq!(created.code, 0, "{}", created.log);
    let account = w.account();
    assert_eq!(
        account.type_url,
        "/cosmos.vesting.v1beta1.ContinuousVestingAccount"
    );
    let account = ContinuousVestingAccount::decode(account.value.as_slice()).unwrap();
    assert_eq!(account.start_time, GENESIS_TIME + start);
    assert_eq!(
        account.base_vesting_account.unwrap().original_vesting,
        coins("1000nqrn")
    );
    assert_eq!(w.spendable(), "0nqrn");
    w.until(start + 3);
    assert_eq!(w.spendable(), "300nqrn");
    // one second later
    failed(
        &w.sends_back("401nqrn", 0),
        "sdk",
        5,
        "spendable balance 400nqrn is smaller than 401nqrn: insufficient funds",
    );
    let sent = w.sends_back("500nqrn", 1);
    assert_eq!(sent.code, 0, "{}", sent.log);
    assert_eq!(w.spendable(), "0nqrn");
    w.survives_export();
    w.until(start + 10);
    assert_eq!(w.spendable(), "500nqrn");
    w.app.check_invariants(0).unwrap();
    failed(&w.run(any(&create)), "sdk", 18, "already exists: invalid request");
}

#[test]
fn delayed_periodic_and_permanent_locks_hold() {
    let start = 3;
    let mut w = world();
    let (from, to) = (w.alice.address().to_string(), w.new.address().to_string());
    let delayed = MsgCreateVestingAccount {
        from_address: from.clone(),
        to_address: to.clone(),
        amount: coins("100nqrn"),
        end_time: GENESIS_TIME + start + 3,
        delayed: true,
    };
    assert_eq!(w.run(any(&delayed)).code, 0);
    w.until(start + 2);
    assert_eq!(w.spendable(), "0nqrn");
    w.until(start + 3);
    assert_eq!(w.spendable(), "100nqrn");
    w.survives_export();

    let mut w = world();
    let period = |length, amount: &str| Period {
        length,
        amount: coins(amount),
    };
    let mut periodic = MsgCreatePeriodicVestingAccount {
        from_address: from.clone(),
        to_address: to.clone(),
        start_time: GENESIS_TIME + start,
        vesting_periods: vec![period(2, "30nqrn"), period(3, "70nqrn")],
    };
    periodic.vesting_periods[1].length = 0;
    failed(
        &w.run(any(&periodic)),
        "sdk",
        18,
        "invalid period length of 0 in period 1, length must be greater than 0: invalid request",
    );
    periodic.vesting_periods[1].length = i64::MAX;
    assert_eq!(w.run(any(&periodic)).code, 18);
    periodic.vesting_periods[1].length = 3;
    let created = w.run(any(&periodic));
    assert_eq!(created.code, 0, "{}", created.log);
    w.until(start + 2);
    assert_eq!(w.spendable(), "30nqrn");
    w.until(start + 5);
    assert_eq!(w.spendable(), "100nqrn");
    w.survives_export();

    let mut w = world();
    let locked = MsgCreatePermanentLockedAccount {
        from_address: from,
        to_address: to,
        amount: coins("100nqrn"),
    };
    assert_eq!(w.run(any(&locked)).code, 0);
    assert_eq!(
        w.account().type_url,
        "/cosmos.vesting.v1beta1.PermanentLockedAccount"
    );
    let top_up = bank_send(&w.alice, &w.new, "50nqrn");
    assert_eq!(w.run(top_up).code, 0);
    assert_eq!(w.spendable(), "50nqrn");
    failed(&w.sends_back("51nqrn", 0), "sdk", 5, "insufficient funds");
    assert_eq!(w.sends_back("50nqrn", 1).code, 0);
    w.survives_export();
}

#[test]
fn locked_coins_pay_no_fees() {
    let mut w = world();
    let locked = MsgCreatePermanentLockedAccount {
        from_address: w.alice.address().to_string(),
        to_address: w.new.address().to_string(),
        amount: coins("100nqrn"),
    };
    assert_eq!(w.run(any(&locked)).code, 0);
    let tx = TxBuilder::new(NEW, 0)
        .message(bank_send(&w.new, &w.alice, "1nqrn"))
        .fee("10nqrn")
        .sign(&w.new);
    let check = w.chain.check(&tx);
    assert_eq!(
        (check.codespace.as_str(), check.code),
        ("sdk", 5),
        "{}",
        check.log
    );
}

#[test]
fn an_end_that_is_none_and_blocked_addresses_are_refused() {
    let mut w = world();
    let mut create = MsgCreateVestingAccount {
        from_address: w.alice.address().to_string(),
        to_address: w.new.address().to_string(),
        amount: coins("1nqrn"),
        end_time: 0,
        delayed: false,
    };
    failed(
        &w.run(any(&create)),
        "sdk",
        18,
        "invalid end time: invalid request",
    );
    create.end_time = GENESIS_TIME + 100;
    create.amount.clear();
    failed(&w.run(any(&create)), "sdk", 10, "invalid coins");
    create.amount = coins("1nqrn");
    create.to_address = quern_types::module_address("fee_collector").to_string();
    failed(
        &w.run(any(&create)),
        "sdk",
        4,
        "is not allowed to receive funds: unauthorized",
    );
    create.to_address = "quern1nonsense".into();
    assert_eq!(w.run(any(&create)).code, 7);
}

#[test]
fn an_account_of_many_periods_pays_for_each_of_them_whenever_it_is_read() {
    let used = |count: usize| {
        let mut w = world();
        let start = w.chain.height;
        let period = Period {
            length: 1,
            amount: coins("10nqrn"),
        };
        let create = MsgCreatePeriodicVestingAccount {
            from_address: w.alice.address().to_string(),
            to_address: w.new.address().to_string(),
            // the first period ends before the account is used
            start_time: GENESIS_TIME + start - 5,
            vesting_periods: vec![period; count],
        };
        let tx = w
            .chain
            .tx(&w.alice)
            .message(any(&create))
            .gas(20_000_000)
            .sign(&w.alice);
        let created = deliver(&mut w.chain, tx);
        assert_eq!(created.code, 0, "{}", created.log);
        let bytes = w.account().value.len();
        let tx = TxBuilder::new(NEW, 0)
            .message(bank_send(&w.new, &w.alice, "1nqrn"))
            .gas(20_000_000)
            .sign(&w.new);
        let sent = deliver(&mut w.chain, tx);
        assert_eq!(sent.code, 0, "{}", sent.log);
        (bytes, created.gas_used, sent.gas_used)
    };
    let (few, many) = (used(2), used(2_000));
    let more = i64::try_from(many.0 - few.0).unwrap();
    // 30 a byte to write the account and 10 for the transaction; 3 a byte for each read, 30 for each write after it.
    assert!(many.1 - few.1 > 40 * more, "{few:?} {many:?}");
    assert!(many.2 - few.2 > 33 * more, "{few:?} {many:?}");
}
