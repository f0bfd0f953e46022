//! x/feegrant through whole blocks: who pays, up to what, until when.

use crate::support;

use prost::Message;
use prost_types::{Duration, Timestamp};
use quern_core::App;
use quern_proto::{
    Any,
    cosmos::feegrant::v1beta1::{
        AllowedMsgAllowance, BasicAllowance, MsgGrantAllowance, MsgPruneAllowances, MsgRevokeAllowance,
        PeriodicAllowance, QueryAllowanceRequest, QueryAllowanceResponse, QueryAllowancesByGranterRequest,
        QueryAllowancesByGranterResponse, QueryAllowancesRequest, QueryAllowancesResponse,
    },
};
use quern_testkit::{Chain, GENESIS_TIME, Genesis, QueryError, User, any, bank_send, coins};
use support::{attribute_list, deliver, exported_twice, failed, started};
use tendermint_proto::v0_38::abci::ExecTxResult;

struct World {
    _dir: tempfile::TempDir,
    app: App,
    chain: Chain<App>,
    alice: User,
    bob: User,
}

fn world() -> World {
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let (_dir, app, chain) = started(Genesis::new().fund(&alice, "1000000nqrn").fund(&bob, "100nqrn"));
    World {
        _dir,
        app,
        chain,
        alice,
        bob,
    }
}

fn at(height: i64) -> Option<Timestamp> {
    Some(Timestamp {
        seconds: GENESIS_TIME + height,
        nanos: 0,
    })
}

fn basic(limit: &str, until: Option<Timestamp>) -> Any {
    any(&BasicAllowance {
        spend_limit: coins(limit),
        expiration: until,
    })
}

impl World {
    fn run(&mut self, user: &User, message: Any) -> ExecTxResult {
        let tx = self.chain.tx(user).message(message).fee("10nqrn").sign(user);
        deliver(&mut self.chain, tx)
    }

    fn grant(&mut self, allowance: Any) -> ExecTxResult {
        let msg = MsgGrantAllowance {
            granter: self.alice.address().to_string(),
            grantee: self.bob.address().to_string(),
            allowance: Some(allowance),
        };
        let alice = self.alice.clone();
        self.run(&alice, any(&msg))
    }

    /// Bob sends one coin; alice pays `fee`.
    fn at_her_cost(&mut self, fee: &str) -> ExecTxResult {
        let mut tx = self
            .chain
            .tx(&self.bob)
            .message(bank_send(&self.bob, &self.alice, "1nqrn"))
            .fee(fee);
        tx.fee.granter = self.alice.address().to_string();
        let tx = tx.sign(&self.bob);
        deliver(&mut self.chain, tx)
    }

    fn allowance(&self) -> Result<QueryAllowanceResponse, QueryError> {
        let request = QueryAllowanceRequest {
            granter: self.alice.address().to_string(),
            grantee: self.bob.address().to_string(),
        };
        self.chain
            .query("/cosmos.feegrant.v1beta1.Query/Allowance", &request)
    }

    fn left(&self) -> Vec<(String, String)> {
        let any = self.allowance().unwrap().allowance.unwrap().allowance.unwrap();
        let basic = BasicAllowance::decode(any.value.as_slice()).unwrap();
        basic
            .spend_limit
            .into_iter()
            .map(|c| (c.amount, c.denom))
            .collect()
    }
}

#[test]
fn the_granter_pays_within_the_limit_with_the_sdks_events() {
    let mut w = world();
    let granted = w.grant(basic("25nqrn", None));
    assert_eq!(granted.code, 0, "{}", granted.log);
    let set = granted
        .events
        .iter()
        .find(|e| e.r#type == "set_feegrant")
        .unwrap();
    let pair = [
        format!("granter={}", w.alice.address()),
        format!("grantee={}", w.bob.address()),
    ];
    assert_eq!(
        attribute_list(set),
        [pair[0].clone(), pair[1].clone(), "msg_index=0".to_owned()]
    );
    let before = w.chain.balance(&w.alice, "nqrn");
    let used = w.at_her_cost("10nqrn");
    assert_eq!(used.code, 0, "{}", used.log);
    assert_eq!(w.chain.balance(&w.alice, "nqrn"), before - 10 + 1);
    assert_eq!(w.chain.balance(&w.bob, "nqrn"), 99);
    let kinds: Vec<&str> = used.events.iter().map(|e| e.r#type.as_str()).collect();
    assert_eq!(
        kinds[..7],
        [
            "use_feegrant",
            "update_feegrant",
            "coin_spent",
            "coin_received",
            "transfer",
            "message",
            "tx"
        ]
    );
    assert_eq!(attribute_list(&used.events[0]), pair);
    assert_eq!(
        attribute_list(&used.events[6])[1],
        format!("fee_payer={}", w.alice.address())
    );
    assert_eq!(w.left(), [("15".to_owned(), "nqrn".to_owned())]);
    let text = format!(
        "{} does not allow to pay fees for {}: basic allowance: fee limit exceeded",
        w.alice.address(),
        w.bob.address()
    );
    failed(&w.at_her_cost("16nqrn"), "feegrant", 2, &text);
    // what is used up is gone
    let last = w.at_her_cost("15nqrn");
    assert_eq!(last.code, 0, "{}", last.log);
    let kinds: Vec<&str> = last.events.iter().map(|e| e.r#type.as_str()).collect();
    assert_eq!(kinds[..2], ["revoke_feegrant", "use_feegrant"]);
    failed(
        &w.at_her_cost("1nqrn"),
        "sdk",
        38,
        "fee-grant not found: not found",
    );
    let missing = w.allowance().unwrap_err();
    assert_eq!(
        (missing.code, missing.log.as_str()),
        (
            6,
            "rpc error: code = Internal desc = fee-grant not found: not found: unknown request"
        )
    );
}

#[test]
fn only_allowed_messages_are_paid_for() {
    let mut w = world();
    let only = |messages: &[&str]| {
        any(&AllowedMsgAllowance {
            allowance: Some(basic("100nqrn", None)),
            allowed_messages: messages.iter().map(|m| (*m).to_owned()).collect(),
        })
    };
    assert_eq!(w.grant(only(&["/cosmos.authz.v1beta1.MsgExec"])).code, 0);
    failed(
        &w.at_her_cost("10nqrn"),
        "feegrant",
        7,
        "message does not exist in allowed messages: message not allowed",
    );
    let revoke = MsgRevokeAllowance {
        granter: w.alice.address().to_string(),
        grantee: w.bob.address().to_string(),
    };
    let alice = w.alice.clone();
    assert_eq!(w.run(&alice, any(&revoke)).code, 0);
    failed(
        &w.run(&alice, any(&revoke)),
        "sdk",
        38,
        "fee-grant not found: not found",
    );
    assert_eq!(w.grant(only(&["/cosmos.bank.v1beta1.MsgSend"])).code, 0);
    assert_eq!(w.at_her_cost("10nqrn").code, 0);
    failed(
        &w.grant(only(&["/a"])),
        "sdk",
        18,
        "fee allowance already exists: invalid request",
    );
}

#[test]
fn a_period_refills_and_an_ended_allowance_leaves_the_state() {
    let mut w = world();
    let height = w.chain.height;
    let periodic = any(&PeriodicAllowance {
        basic: Some(BasicAllowance {
            spend_limit: coins("100nqrn"),
            expiration: at(height + 20),
        }),
        period: Some(Duration { seconds: 5, nanos: 0 }),
        period_spend_limit: coins("10nqrn"),
        period_can_spend: coins("10nqrn"),
        period_reset: at(height + 6),
    });
    assert_eq!(w.grant(periodic).code, 0);
    assert_eq!(w.at_her_cost("10nqrn").code, 0);
    failed(
        &w.at_her_cost("10nqrn"),
        "feegrant",
        2,
        "period limit: fee limit exceeded",
    );
    while w.chain.height < height + 5 {
        w.chain.empty_blocks(1);
    }
    assert_eq!(w.at_her_cost("10nqrn").code, 0, "a new period");
    while w.chain.height < height + 20 {
        w.chain.empty_blocks(1);
    }
    assert!(w.allowance().is_ok(), "its last second has not passed");
    w.chain.empty_blocks(1);
    assert_eq!(w.allowance().unwrap_err().code, 6);
}

#[test]
fn a_revoked_allowance_does_not_end_the_next_one_of_the_pair() {
    let mut w = world();
    let height = w.chain.height;
    assert_eq!(w.grant(basic("100nqrn", at(height + 4))).code, 0);
    let revoke = MsgRevokeAllowance {
        granter: w.alice.address().to_string(),
        grantee: w.bob.address().to_string(),
    };
    let alice = w.alice.clone();
    assert_eq!(w.run(&alice, any(&revoke)).code, 0);
    assert_eq!(w.grant(basic("50nqrn", None)).code, 0);
    w.chain.empty_blocks(5);
    assert_eq!(w.left(), [("50".to_owned(), "nqrn".to_owned())]);
}

#[test]
fn what_means_nothing_is_refused_with_the_sdks_codes() {
    let mut w = world();
    let past = w.grant(basic("1nqrn", at(0)));
    failed(
        &past,
        "sdk",
        18,
        "expiration is before current block time: invalid request",
    );
    let empty = any(&AllowedMsgAllowance {
        allowance: Some(basic("1nqrn", None)),
        allowed_messages: vec![],
    });
    failed(
        &w.grant(empty),
        "feegrant",
        6,
        "allowed messages shouldn't be empty: allowed messages are empty",
    );
    let mut negative = BasicAllowance {
        spend_limit: coins("1nqrn"),
        expiration: None,
    };
    negative.spend_limit[0].amount = "-1".into();
    failed(
        &w.grant(any(&negative)),
        "sdk",
        10,
        "send amount is invalid: -1nqrn: invalid coins",
    );
    let other = any(&quern_proto::cosmos::authz::v1beta1::GenericAuthorization { msg: "/a.B".into() });
    failed(
        &w.grant(other),
        "sdk",
        2,
        "against interface *feegrant.FeeAllowanceI: tx parse error: tx parse error",
    );
    let own = MsgGrantAllowance {
        granter: w.alice.address().to_string(),
        grantee: w.alice.address().to_string(),
        allowance: Some(basic("1nqrn", None)),
    };
    let alice = w.alice.clone();
    failed(
        &w.run(&alice, any(&own)),
        "sdk",
        7,
        "cannot self-grant fee authorization: invalid address",
    );
}

#[test]
fn allowances_are_listed_exported_imported_and_pruned_by_anybody() {
    let mut w = world();
    assert_eq!(w.grant(basic("70nqrn", at(1_000_000))).code, 0);
    let of_bob: QueryAllowancesResponse = w
        .chain
        .query(
            "/cosmos.feegrant.v1beta1.Query/Allowances",
            &QueryAllowancesRequest {
                grantee: w.bob.address().to_string(),
                pagination: None,
            },
        )
        .unwrap();
    let by_alice: QueryAllowancesByGranterResponse = w
        .chain
        .query(
            "/cosmos.feegrant.v1beta1.Query/AllowancesByGranter",
            &QueryAllowancesByGranterRequest {
                granter: w.alice.address().to_string(),
                pagination: None,
            },
        )
        .unwrap();
    assert_eq!(
        (of_bob.allowances.len(), &of_bob.allowances),
        (1, &by_alice.allowances)
    );
    let prune = MsgPruneAllowances {
        pruner: w.bob.address().to_string(),
    };
    let bob = w.bob.clone();
    let pruned = w.run(&bob, any(&prune));
    assert_eq!(pruned.code, 0, "{}", pruned.log);
    assert!(pruned.events.iter().any(|e| e.r#type == "prune_feegrant"));
    let (exported, again) = exported_twice(&w.app);
    assert_eq!(exported.feegrant.allowances.len(), 1);
    assert_eq!(again.feegrant, exported.feegrant);
}
