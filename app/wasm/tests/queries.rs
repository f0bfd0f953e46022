//! Queries that contracts ask of the chain.

use crate::common;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use common::{Chain, TestRouter, account, base64};
use cosmwasm_std::Binary;
use prost::Message;
use quern_context::{Cx, Router};
use quern_proto::{
    cosmos::{
        bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse, QuerySupplyOfRequest},
        base::v1beta1::Coin,
    },
    cosmwasm::wasm::v1::QuerySmartContractStateRequest,
};
use quern_types::{AccAddress, Result};
use quern_wasm::{
    Staking,
    json::{DecCoin, Delegation, FullDelegation, TotalRewards, Validator},
};
use serde_json::{Value, json};

/// What the probe hears when it asks the chain.
fn hear(chain: &Chain, probe: &AccAddress, request: &[u8]) -> Value {
    chain
        .ask(probe, json!({"chain": {"request": base64(request)}}))
        .unwrap()
}

/// A successful answer, as JSON.
fn answer(chain: &Chain, probe: &AccAddress, query: Value) -> Value {
    serde_json::from_slice(&answer_bytes(chain, probe, query)).unwrap()
}

fn answer_bytes(chain: &Chain, probe: &AccAddress, query: Value) -> Vec<u8> {
    let heard = hear(chain, probe, query.to_string().as_bytes());
    let ok = heard["ok"]["ok"]
        .as_str()
        .unwrap_or_else(|| panic!("{query} got {heard}"));
    Binary::from_base64(ok).unwrap().into()
}

#[test]
fn a_contract_reads_its_balance_through_the_chain() {
    // hackatom releases all that it holds of a denomination, which it learns by a bank query.
    let mut chain = Chain::new();
    let code = chain.store(&account(1), common::vm_testdata("hackatom.wasm"));
    let init = json!({"verifier": account(2).to_string(), "beneficiary": account(3).to_string()});
    let contract = chain.instantiate(&account(1), code, init);
    chain.fund(&contract, "70earth");
    let done = chain
        .execute(&account(2), &contract, json!({"release": {"denom": "earth"}}))
        .unwrap();
    assert_eq!(chain.balance(&account(3), "earth"), 70);
    assert_eq!(
        done.types(),
        [
            "execute",
            "wasm",
            "wasm-hackatom",
            "coin_spent",
            "coin_received",
            "transfer"
        ]
    );
    let recursed = chain
        .ask(&contract, json!({"recurse": {"depth": 3, "work": 10}}))
        .unwrap();
    assert!(recursed["hashed"].is_string());
}

#[test]
fn balances_and_supplies_are_answered_in_wasmvms_json() {
    let (chain, probe) = Chain::with_probe();
    chain.fund(&account(4), "7aaa,9nqrn");
    let of = account(4).to_string();
    assert_eq!(
        answer(
            &chain,
            &probe,
            json!({"bank": {"balance": {"address": of, "denom": "nqrn"}}})
        ),
        json!({"amount": {"denom": "nqrn", "amount": "9"}})
    );
    assert_eq!(
        answer(&chain, &probe, json!({"bank": {"all_balances": {"address": of}}})),
        json!({"amount": [{"denom": "aaa", "amount": "7"}, {"denom": "nqrn", "amount": "9"}]})
    );
    assert_eq!(
        answer(&chain, &probe, json!({"bank": {"supply": {"denom": "aaa"}}})),
        json!({"amount": {"denom": "aaa", "amount": "7"}})
    );
    let heard = hear(
        &chain,
        &probe,
        br#"{"bank":{"balance":{"address":"quern1nonsense","denom":"nqrn"}}}"#,
    );
    assert_eq!(heard["ok"]["error"], "codespace: sdk, code: 7");
}

#[test]
fn facts_and_state_of_contracts_are_answered() {
    let (mut chain, probe) = Chain::with_probe();
    for key in ["a", "b", "c"] {
        chain
            .execute(&account(1), &probe, json!({"set": {"key": key, "value": key}}))
            .unwrap();
    }
    let contract = probe.to_string();
    let info = answer(
        &chain,
        &probe,
        json!({"wasm": {"contract_info": {"contract_addr": contract}}}),
    );
    assert_eq!(
        (&info["code_id"], &info["creator"]),
        (&json!(1), &json!(account(1).to_string()))
    );
    assert_eq!(info["pinned"], false);
    assert!(info["ibc2_port"].as_str().unwrap().starts_with("wasm21"));
    let code = answer(&chain, &probe, json!({"wasm": {"code_info": {"code_id": 1}}}));
    assert_eq!(
        code["checksum"],
        cosmwasm_std::Checksum::generate(&common::probe()).to_hex()
    );
    let raw = json!({"wasm": {"raw": {"contract_addr": contract, "key": base64(b"data/b")}}});
    assert_eq!(answer_bytes(&chain, &probe, raw), b"b");
    let range = |order: &str| {
        answer(
            &chain,
            &probe,
            json!({"wasm": {"raw_range": {"contract_addr": contract, "start": base64(b"data/"), "end": null, "limit": 2, "order": order}}}),
        )
    };
    let up = range("ascending");
    assert_eq!(
        up["data"],
        json!([
            [base64(b"data/a"), base64(b"a")],
            [base64(b"data/b"), base64(b"b")]
        ])
    );
    assert_eq!(up["next_key"], base64(b"data/c"));
    assert_eq!(range("descending")["data"][0][1], base64(b"c"));
    let smart =
        json!({"wasm": {"smart": {"contract_addr": contract, "msg": base64(br#"{"get":{"key":"c"}}"#)}}});
    assert_eq!(answer(&chain, &probe, smart), json!("c"));
}

#[test]
fn missing_contracts_and_codes_are_named_and_other_failures_redacted() {
    let (chain, probe) = Chain::with_probe();
    let nobody = account(9).to_string();
    let heard = hear(
        &chain,
        &probe,
        json!({"wasm": {"contract_info": {"contract_addr": nobody}}})
            .to_string()
            .as_bytes(),
    );
    assert_eq!(heard["error"], json!({"no_such_contract": {"addr": nobody}}));
    let smart = json!({"wasm": {"smart": {"contract_addr": nobody, "msg": base64(b"{}")}}});
    assert_eq!(
        hear(&chain, &probe, smart.to_string().as_bytes())["error"],
        json!({"no_such_contract": {"addr": nobody}})
    );
    let heard = hear(&chain, &probe, br#"{"wasm":{"code_info":{"code_id":99}}}"#);
    assert_eq!(heard["error"], json!({"no_such_code": {"code_id": 99}}));
    // A contract's own failure is told in full.
    let own = json!({"wasm": {"smart": {"contract_addr": probe.to_string(), "msg": base64(br#"{"nonsense":{}}"#)}}});
    let heard = hear(&chain, &probe, own.to_string().as_bytes());
    let text = heard["ok"]["error"].as_str().unwrap();
    assert!(text.ends_with("query wasm contract failed"), "{text}");
}

#[test]
fn only_listed_paths_are_answered_and_in_the_form_asked_for() {
    // 2, 4 and 9 of the attack list: node-local, raw and unbounded queries.
    let (chain, probe) = Chain::with_probe();
    chain.fund(&account(4), "9nqrn");
    let request = QueryBalanceRequest {
        address: account(4).to_string(),
        denom: "nqrn".into(),
    };
    let path = "/cosmos.bank.v1beta1.Query/Balance";
    let query = |kind: &str, path: &str, data: &[u8]| json!({kind: {"path": path, "data": base64(data)}});
    let bytes = answer_bytes(&chain, &probe, query("grpc", path, &request.encode_to_vec()));
    let balance = QueryBalanceResponse::decode(bytes.as_slice()).unwrap().balance;
    assert_eq!(
        balance,
        Some(Coin {
            denom: "nqrn".into(),
            amount: "9".into()
        })
    );
    let json = answer(&chain, &probe, query("stargate", path, &request.encode_to_vec()));
    assert_eq!(json, json!({"balance": {"denom": "nqrn", "amount": "9"}}));
    let supply = QuerySupplyOfRequest { denom: "nqrn".into() }.encode_to_vec();
    let json = answer(
        &chain,
        &probe,
        query("stargate", "/cosmos.bank.v1beta1.Query/SupplyOf", &supply),
    );
    assert_eq!(json, json!({"amount": {"denom": "nqrn", "amount": "9"}}));

    for path in [
        "/cosmos.bank.v1beta1.Query/AllBalances",
        "/cosmos.bank.v1beta1.Query/TotalSupply",
        "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo",
        "/cosmwasm.wasm.v1.Query/SmartContractState",
        "cosmos.bank.v1beta1.Query/Balance",
    ] {
        for kind in ["grpc", "stargate"] {
            let heard = hear(&chain, &probe, query(kind, path, b"").to_string().as_bytes());
            let reason = format!("'{path}' path is not allowed from the contract");
            assert_eq!(heard["error"], json!({"unsupported_request": {"kind": reason}}));
        }
    }
}

#[test]
fn rubbish_and_unknown_queries_are_answered_by_system_errors() {
    let (chain, probe) = Chain::with_probe();
    let deep = "[".repeat(50_000);
    for rubbish in ["", "7", "{\"bank\":7}", deep.as_str()] {
        let heard = hear(&chain, &probe, rubbish.as_bytes());
        assert_eq!(
            heard["error"]["invalid_request"]["error"], "cannot read the query",
            "{rubbish:.20}"
        );
    }
    assert_eq!(hear(&chain, &probe, b"{}")["error"], json!({"unknown": {}}));
    assert_eq!(
        hear(&chain, &probe, b"{\"future\":{}}")["error"],
        json!({"unknown": {}})
    );
    assert_eq!(
        hear(&chain, &probe, br#"{"custom":{}}"#)["error"],
        json!({"unsupported_request": {"kind": "custom"}})
    );
}

#[test]
fn staking_is_answered_as_by_a_chain_without_validators_where_the_application_has_none() {
    let (chain, probe) = Chain::with_probe();
    let (of, operator) = (account(1).to_string(), account(2).to_validator_bech32());
    let named = json!({"delegator": of, "validator": operator});
    let delegator = json!({"delegator_address": of});
    let to_itself = format!(r#"{{"withdraw_address":"{of}"}}"#);
    let rewards = |delegator: &str, validator: &str| json!({"distribution": {"delegation_rewards": {"delegator_address": delegator, "validator_address": validator}}});
    for (query, expected) in [
        (json!({"staking": {"bonded_denom": {}}}), r#"{"denom":"nqrn"}"#),
        (json!({"staking": {"all_validators": {}}}), r#"{"validators":[]}"#),
        (
            json!({"staking": {"validator": {"address": operator}}}),
            r#"{"validator":null}"#,
        ),
        (
            json!({"staking": {"all_delegations": {"delegator": of}}}),
            r#"{"delegations":[]}"#,
        ),
        (json!({"staking": {"delegation": named}}), "{}"),
        (
            json!({"distribution": {"delegator_withdraw_address": delegator}}),
            to_itself.as_str(),
        ),
        (
            json!({"distribution": {"delegation_total_rewards": delegator}}),
            r#"{"rewards":[],"total":[]}"#,
        ),
        (
            json!({"distribution": {"delegator_validators": delegator}}),
            r#"{"validators":[]}"#,
        ),
    ] {
        let text = String::from_utf8(answer_bytes(&chain, &probe, query)).unwrap();
        assert_eq!(text, expected);
    }
    for (query, expected) in [
        (
            json!({"staking": {"validator": {"address": "x"}}}),
            "codespace: undefined, code: 1",
        ),
        (
            json!({"staking": {"all_delegations": {"delegator": "x"}}}),
            "codespace: sdk, code: 7",
        ),
        (
            json!({"staking": {"delegation": {"delegator": of, "validator": of}}}),
            "codespace: sdk, code: 7",
        ),
        (rewards(&of, &operator), "codespace: staking, code: 3"),
        (rewards("", &operator), "codespace: undefined, code: 1"),
        (rewards(&of, ""), "codespace: undefined, code: 1"),
        (rewards(&of, &of), "codespace: sdk, code: 35"),
        (rewards(&operator, &operator), "codespace: sdk, code: 35"),
    ] {
        let heard = hear(&chain, &probe, query.to_string().as_bytes());
        assert_eq!(heard["ok"]["error"], expected, "{query}");
    }
    for (query, kind) in [
        (&br#"{"staking":{"future":{}}}"#[..], "unknown Staking variant"),
        (br#"{"distribution":{"future":{}}}"#, "unknown distribution query"),
    ] {
        let heard = hear(&chain, &probe, query);
        assert_eq!(heard["error"], json!({"unsupported_request": {"kind": kind}}));
    }
}

/// An application whose answers about validators ask a contract that asks about validators.
struct Circle {
    contract: AccAddress,
    asked: AtomicUsize,
}

impl Staking for Circle {
    fn bonded_validators(&self, cx: &Cx, router: &dyn Router) -> Result<Vec<Validator>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let request = QuerySmartContractStateRequest {
            address: self.contract.to_string(),
            query_data: ask_validators().to_string().into_bytes(),
        };
        let path = "/cosmwasm.wasm.v1.Query/SmartContractState";
        router.query(cx, path, &request.encode_to_vec())?;
        Ok(Vec::new())
    }

    fn validator(&self, _: &Cx, _: &dyn Router, _: &AccAddress) -> Result<Option<Validator>> {
        panic!("not asked here")
    }

    fn delegations(&self, _: &Cx, _: &dyn Router, _: &AccAddress) -> Result<Vec<Delegation>> {
        panic!("not asked here")
    }

    fn delegation(
        &self,
        _: &Cx,
        _: &dyn Router,
        _: &AccAddress,
        _: &AccAddress,
    ) -> Result<Option<FullDelegation>> {
        panic!("not asked here")
    }

    fn withdraw_address(&self, _: &Cx, _: &AccAddress) -> Result<AccAddress> {
        panic!("not asked here")
    }

    fn rewards(&self, _: &Cx, _: &dyn Router, _: &AccAddress, _: &AccAddress) -> Result<Vec<DecCoin>> {
        panic!("not asked here")
    }

    fn total_rewards(&self, _: &Cx, _: &dyn Router, _: &AccAddress) -> Result<TotalRewards> {
        panic!("not asked here")
    }
}

fn ask_validators() -> Value {
    json!({"chain": {"request": base64(br#"{"staking":{"all_validators":{}}}"#)}})
}

#[test]
fn staking_answers_that_ask_contracts_count_as_nested_queries_and_use_their_gas() {
    let (mut chain, contract) = Chain::with_probe();
    let circle = Arc::new(Circle {
        contract: contract.clone(),
        asked: AtomicUsize::new(0),
    });
    chain.wasm = chain.wasm.clone().with_staking(circle.clone());
    chain.router = TestRouter::over(chain.wasm.clone());
    chain.ask(&contract, ask_validators()).unwrap();
    // ten levels, of which an answer takes two
    assert_eq!(circle.asked.load(Ordering::Relaxed), 8);

    let ask = json!({"ask": {"request": base64(br#"{"staking":{"all_validators":{}}}"#)}});
    let free = json!({"ask": {"request": base64(br#"{"staking":{"bonded_denom":{}}}"#)}});
    let used = chain.execute(&account(1), &contract, ask.clone()).unwrap().gas;
    let alone = chain.execute(&account(1), &contract, free).unwrap().gas;
    // from a message there is one level more, and each is at least the set-up of a code that is loaded
    assert!(used > alone + 9 * 2_000, "{used} {alone}");
    let msg = common::execute_msg(&account(1), &contract, ask);
    let (result, _) = chain.deliver_with(used - 1_000, &msg);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("ut of gas"), "{error}");
}
