//! x/authz through whole blocks: who may act for whom, and what is left of it.

use crate::support;

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use prost_types::Timestamp;
use quern_core::App;
use quern_proto::{
    Any,
    cosmos::{
        authz::v1beta1::{
            GenericAuthorization, Grant, MsgExec, MsgExecResponse, MsgGrant, MsgRevoke,
            QueryGranteeGrantsRequest, QueryGranteeGrantsResponse, QueryGranterGrantsRequest,
            QueryGranterGrantsResponse, QueryGrantsRequest, QueryGrantsResponse,
        },
        bank::v1beta1::{MsgMultiSend, SendAuthorization},
        base::abci::v1beta1::TxMsgData,
    },
    cosmwasm::wasm::v1::MsgExecuteContract,
};
use quern_testkit::{Chain, GENESIS_TIME, Genesis, User, any, bank_send, coins};
use serde_json::json;
use support::{attribute_list, contract, deliver, exported_twice, failed, started};
use tendermint_proto::v0_38::abci::ExecTxResult;

const SEND: &str = "/cosmos.bank.v1beta1.MsgSend";

struct World {
    _dir: tempfile::TempDir,
    app: App,
    chain: Chain<App>,
    alice: User,
    bob: User,
    carol: User,
}

fn world() -> World {
    let (alice, bob, carol) = (User::new("alice"), User::new("bob"), User::new("carol"));
    let genesis = Genesis::new()
        .fund(&alice, "1000nqrn")
        .fund(&bob, "1000nqrn")
        .fund(&carol, "1000nqrn");
    let (_dir, app, chain) = started(genesis);
    World {
        _dir,
        app,
        chain,
        alice,
        bob,
        carol,
    }
}

fn generic(ty: &str) -> Any {
    any(&GenericAuthorization { msg: ty.into() })
}

fn exec(user: &User, msgs: Vec<Any>) -> Any {
    any(&MsgExec {
        grantee: user.address().to_string(),
        msgs,
    })
}

impl World {
    fn run(&mut self, user: &User, message: Any) -> ExecTxResult {
        let tx = self.chain.tx(user).message(message).sign(user);
        deliver(&mut self.chain, tx)
    }

    /// Alice lets bob.
    fn grant(&mut self, authorization: Any, until: Option<i64>) -> ExecTxResult {
        let grant = Grant {
            authorization: Some(authorization),
            expiration: until.map(|height| Timestamp {
                seconds: GENESIS_TIME + height,
                nanos: 0,
            }),
        };
        let msg = MsgGrant {
            granter: self.alice.address().to_string(),
            grantee: self.bob.address().to_string(),
            grant: Some(grant),
        };
        let alice = self.alice.clone();
        self.run(&alice, any(&msg))
    }

    /// Bob sends coins of alice to carol.
    fn bob_sends(&mut self, amount: &str) -> ExecTxResult {
        let message = exec(&self.bob, vec![bank_send(&self.alice, &self.carol, amount)]);
        let bob = self.bob.clone();
        self.run(&bob, message)
    }

    fn grants(&self) -> Vec<Grant> {
        let request = QueryGrantsRequest {
            granter: self.alice.address().to_string(),
            grantee: self.bob.address().to_string(),
            ..Default::default()
        };
        let found: QueryGrantsResponse = self
            .chain
            .query("/cosmos.authz.v1beta1.Query/Grants", &request)
            .unwrap();
        found.grants
    }
}

#[test]
fn a_grantee_sends_for_the_granter_with_the_sdks_events_and_responses() {
    let mut w = world();
    let granted = w.grant(generic(SEND), None);
    assert_eq!(granted.code, 0, "{}", granted.log);
    let event = granted
        .events
        .iter()
        .find(|e| e.r#type == "cosmos.authz.v1beta1.EventGrant")
        .unwrap();
    assert_eq!(
        attribute_list(event),
        [
            format!("grantee=\"{}\"", w.bob.address()),
            format!("granter=\"{}\"", w.alice.address()),
            format!("msg_type_url=\"{SEND}\""),
            "msg_index=0".to_owned(),
        ]
    );
    let two = vec![
        bank_send(&w.alice, &w.carol, "5nqrn"),
        bank_send(&w.bob, &w.carol, "7nqrn"), // his own, which needs nobody's leave
    ];
    let bob = w.bob.clone();
    let sent = w.run(&bob, exec(&bob, two));
    assert_eq!(sent.code, 0, "{}", sent.log);
    assert_eq!(w.chain.balance(&w.carol, "nqrn"), 1012);
    let of_message: Vec<_> = sent
        .events
        .iter()
        .filter(|e| e.attributes.iter().any(|a| a.key == "msg_index"))
        .map(|e| (e.r#type.as_str(), attribute_list(e)))
        .collect();
    assert_eq!(
        of_message.iter().map(|(ty, _)| *ty).collect::<Vec<_>>(),
        [
            "message",
            "coin_spent",
            "coin_received",
            "transfer",
            "message", // the first
            "coin_spent",
            "coin_received",
            "transfer",
            "message", // the second
        ]
    );
    assert_eq!(of_message[0].1[0], "action=/cosmos.authz.v1beta1.MsgExec");
    assert_eq!(of_message[0].1[2], "module=authz");
    assert_eq!(
        of_message[3].1[3..],
        ["authz_msg_index=0".to_owned(), "msg_index=0".to_owned()]
    );
    assert_eq!(
        of_message[7].1[3..],
        ["authz_msg_index=1".to_owned(), "msg_index=0".to_owned()]
    );
    let data = TxMsgData::decode(sent.data.as_ref()).unwrap();
    assert_eq!(
        data.msg_responses[0].type_url,
        "/cosmos.authz.v1beta1.MsgExecResponse"
    );
    let response = MsgExecResponse::decode(data.msg_responses[0].value.as_slice()).unwrap();
    assert_eq!(response.results, [Vec::<u8>::new(), Vec::new()]);
}

#[test]
fn without_a_grant_or_with_one_for_another_message_nothing_is_done() {
    let mut w = world();
    let text = format!(
        "failed to get grant with given granter: {}, grantee: {} & msgType: {SEND} : authorization not found",
        w.alice.address(),
        w.bob.address()
    );
    failed(&w.bob_sends("5nqrn"), "authz", 2, &text);
    assert_eq!(
        w.grant(generic("/cosmos.bank.v1beta1.MsgMultiSend"), None).code,
        0
    );
    failed(&w.bob_sends("5nqrn"), "authz", 2, &text);
    assert_eq!(w.chain.balance(&w.alice, "nqrn"), 1000);
    // carol's grant is not bob's
    let carol = w.carol.clone();
    let theft = exec(&carol, vec![bank_send(&w.alice, &carol, "5nqrn")]);
    assert_eq!(w.run(&carol, theft).codespace, "authz");
    let many = any(&MsgMultiSend::default());
    let bob = w.bob.clone();
    failed(
        &w.run(&bob, exec(&bob, vec![many])),
        "authz",
        9,
        "authorization can be given to msg with only one signer",
    );
}

#[test]
fn a_spend_limit_shrinks_binds_the_recipient_and_ends() {
    let mut w = world();
    let limit = any(&SendAuthorization {
        spend_limit: coins("12nqrn"),
        allow_list: vec![w.carol.address().to_string()],
    });
    assert_eq!(w.grant(limit, None).code, 0);
    assert_eq!(w.bob_sends("5nqrn").code, 0);
    let left =
        SendAuthorization::decode(w.grants()[0].authorization.as_ref().unwrap().value.as_slice()).unwrap();
    assert_eq!(left.spend_limit, coins("7nqrn"));
    failed(
        &w.bob_sends("8nqrn"),
        "sdk",
        5,
        "requested amount is more than spend limit: insufficient funds",
    );
    let elsewhere = exec(&w.bob, vec![bank_send(&w.alice, &w.bob, "1nqrn")]);
    let bob = w.bob.clone();
    let text = format!("cannot send to {} address: unauthorized", w.bob.address());
    failed(&w.run(&bob, elsewhere), "sdk", 4, &text);
    let last = w.bob_sends("7nqrn");
    assert_eq!(last.code, 0, "{}", last.log);
    assert!(
        last.events
            .iter()
            .any(|e| e.r#type == "cosmos.authz.v1beta1.EventRevoke")
    );
    assert!(w.grants().is_empty());
}

#[test]
fn a_failed_inner_message_is_named_and_gives_the_limit_back() {
    let mut w = world();
    let limit = any(&SendAuthorization {
        spend_limit: coins("5000nqrn"),
        allow_list: vec![],
    });
    assert_eq!(w.grant(limit, None).code, 0);
    let text = format!(
        "failed to execute message; message index: 0: failed to execute message; message from_address:\"{}\" \
         to_address:\"{}\" amount:<denom:\"nqrn\" amount:\"2000\" > : spendable balance 1000nqrn is smaller than \
         2000nqrn: insufficient funds",
        w.alice.address(),
        w.carol.address()
    );
    failed(&w.bob_sends("2000nqrn"), "sdk", 5, &text);
    let left =
        SendAuthorization::decode(w.grants()[0].authorization.as_ref().unwrap().value.as_slice()).unwrap();
    assert_eq!(left.spend_limit, coins("5000nqrn"));
}

#[test]
fn a_grant_ends_when_it_says_and_leaves_the_state() {
    let mut w = world();
    let now = w.chain.height;
    let past = w.grant(generic(SEND), Some(now + 1)); // the block's own time
    assert_eq!((past.codespace.as_str(), past.code), ("authz", 3), "{}", past.log);
    assert!(
        past.log
            .contains("expiration must be after the current block time (2026-01-01T00:00:02Z)"),
        "{}",
        past.log
    );
    let end = w.chain.height + 3;
    assert_eq!(w.grant(generic(SEND), Some(end)).code, 0);
    // granted again with another end: the first end does not count any more
    assert_eq!(w.grant(generic(SEND), Some(end + 2)).code, 0);
    while w.chain.height < end + 1 {
        w.chain.empty_blocks(1);
    }
    let last = w.bob_sends("1nqrn");
    assert_eq!(last.code, 0, "{}", last.log);
    assert_eq!(w.grants().len(), 1);
    failed(&w.bob_sends("1nqrn"), "authz", 2, "authorization not found");
    assert!(w.grants().is_empty());
}

#[test]
fn messages_that_the_chain_does_not_serve_cannot_be_granted() {
    let mut w = world();
    let text = "/cosmos.group.v1.MsgVote doesn't exist.: invalid type";
    failed(
        &w.grant(generic("/cosmos.group.v1.MsgVote"), None),
        "sdk",
        29,
        text,
    );
    let unspecified = Any {
        type_url: "/cosmos.staking.v1beta1.StakeAuthorization".into(),
        value: vec![],
    };
    failed(
        &w.grant(unspecified, None),
        "authz",
        4,
        "unknown authorization type",
    );
    failed(
        &w.grant(generic(""), None),
        "undefined",
        1,
        "msg type cannot be empty",
    );
    let allowance = any(&quern_proto::cosmos::feegrant::v1beta1::BasicAllowance::default());
    failed(
        &w.grant(allowance, None),
        "sdk",
        2,
        "against interface *authz.Authorization: tx parse error: tx parse error",
    );
    let own = MsgGrant {
        granter: w.alice.address().to_string(),
        grantee: w.alice.address().to_string(),
        grant: None,
    };
    let alice = w.alice.clone();
    failed(
        &w.run(&alice, any(&own)),
        "authz",
        7,
        "grantee and granter should be different",
    );
}

#[test]
fn a_message_within_messages_needs_each_leave_and_nests_only_so_deep() {
    let mut w = world();
    assert_eq!(w.grant(generic("/cosmos.authz.v1beta1.MsgExec"), None).code, 0);
    // bob executes, for alice, what alice executes for herself
    let inner = exec(&w.alice, vec![bank_send(&w.alice, &w.carol, "3nqrn")]);
    let bob = w.bob.clone();
    let nested = w.run(&bob, exec(&bob, vec![inner]));
    assert_eq!(nested.code, 0, "{}", nested.log);
    let transfer = nested.events.iter().rfind(|e| e.r#type == "transfer").unwrap();
    assert_eq!(
        attribute_list(transfer)[3..],
        ["authz_msg_index=0", "authz_msg_index=0", "msg_index=0"]
    );
    let deep = (0..12).fold(bank_send(&bob, &w.carol, "1nqrn"), |msg, _| exec(&bob, vec![msg]));
    failed(
        &w.run(&bob, deep),
        "sdk",
        2,
        "max depth exceeded: tx parse error: tx parse error",
    );
    let wide = (0..100).map(|_| bank_send(&bob, &w.carol, "1nqrn")).collect();
    failed(
        &w.run(&bob, exec(&bob, wide)),
        "sdk",
        2,
        "call limit exceeded: tx parse error: tx parse error",
    );
    failed(
        &w.run(&bob, exec(&bob, vec![])),
        "sdk",
        18,
        "messages cannot be empty: invalid request",
    );
}

#[test]
fn grants_are_revoked_listed_exported_and_imported() {
    let mut w = world();
    assert_eq!(w.grant(generic(SEND), Some(1_000_000)).code, 0);
    assert_eq!(
        w.grant(generic("/cosmos.bank.v1beta1.MsgMultiSend"), None).code,
        0
    );
    let by_alice: QueryGranterGrantsResponse = w
        .chain
        .query(
            "/cosmos.authz.v1beta1.Query/GranterGrants",
            &QueryGranterGrantsRequest {
                granter: w.alice.address().to_string(),
                pagination: None,
            },
        )
        .unwrap();
    let for_bob: QueryGranteeGrantsResponse = w
        .chain
        .query(
            "/cosmos.authz.v1beta1.Query/GranteeGrants",
            &QueryGranteeGrantsRequest {
                grantee: w.bob.address().to_string(),
                pagination: None,
            },
        )
        .unwrap();
    assert_eq!((by_alice.grants.len(), &by_alice.grants), (2, &for_bob.grants));
    assert_eq!(by_alice.grants[0].grantee, w.bob.address().to_string());

    let (exported, again) = exported_twice(&w.app);
    assert_eq!(again.authz, exported.authz);
    assert_eq!(
        exported.authz.authorization[1].expiration.as_deref(),
        Some("2026-01-12T13:46:40Z")
    );

    let revoke = MsgRevoke {
        granter: w.alice.address().to_string(),
        grantee: w.bob.address().to_string(),
        msg_type_url: SEND.into(),
    };
    let alice = w.alice.clone();
    assert_eq!(w.run(&alice, any(&revoke)).code, 0);
    assert_eq!(w.run(&alice, any(&revoke)).codespace, "authz");
    assert_eq!(w.grants().len(), 1);
}

#[test]
fn what_panics_in_the_sdk_ends_the_transaction_though_a_contract_asked_for_a_reply() {
    let mut w = world();
    let alice = w.alice.clone();
    let run = |w: &mut World, message: Any| {
        let tx = w.chain.tx(&alice).message(message).gas(20_000_000).sign(&alice);
        deliver(&mut w.chain, tx)
    };
    let stored = contract::stored(&run(&mut w, contract::store(&alice, "probe")));
    let probe = contract::instantiated(&run(&mut w, contract::instantiate(&alice, stored, "{}")));
    // a limit out of order can be granted, and not drawn on
    let authorization = |limit: &[&str]| SendAuthorization {
        spend_limit: limit.iter().flat_map(|coin| coins(coin)).collect(),
        ..Default::default()
    };
    let grant = |limit: &[&str]| {
        any(&MsgGrant {
            granter: alice.address().to_string(),
            grantee: probe.clone(),
            grant: Some(Grant {
                authorization: Some(any(&authorization(limit))),
                expiration: None,
            }),
        })
    };
    let inner = any(&MsgExec {
        grantee: probe.clone(),
        msgs: vec![bank_send(&alice, &w.carol, "1nqrn")],
    });
    let call = |gas_limit: Option<u64>| {
        let msg = json!({"any": {"type_url": inner.type_url, "value": STANDARD.encode(&inner.value)}});
        let sub = json!({"id": 1, "msg": msg, "gas_limit": gas_limit, "reply_on": "always", "payload": ""});
        any(&MsgExecuteContract {
            sender: alice.address().to_string(),
            contract: probe.clone(),
            msg: json!({"sub": {"msgs": [sub]}}).to_string().into_bytes(),
            funds: Vec::new(),
        })
    };
    assert_eq!(run(&mut w, grant(&["5zzz", "5nqrn"])).code, 0);
    for gas_limit in [None, Some(1_000_000)] {
        let result = run(&mut w, call(gas_limit));
        failed(
            &result,
            "undefined",
            111_222,
            "Coins (self) must be sorted: panic",
        );
    }
    // what only fails is the contract's to catch
    assert_eq!(run(&mut w, grant(&["5zzz"])).code, 0);
    assert_eq!(run(&mut w, call(None)).code, 0);
    assert_eq!(run(&mut w, grant(&["5nqrn"])).code, 0);
    assert_eq!(run(&mut w, call(None)).code, 0);
    assert_eq!(w.chain.balance(&w.carol, "nqrn"), 1001);
}
