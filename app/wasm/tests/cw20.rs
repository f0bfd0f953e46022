//! A published contract, cw20-base 2.0, does here what it does on wasmd: events, errors, queries.

use crate::common;

use common::{Chain, account, artifact, base64};
use quern_types::{AccAddress, Event};
use quern_wasm::errors;
use serde_json::json;

fn with_token() -> (Chain, AccAddress) {
    let mut chain = Chain::new();
    let code = chain.store(&account(1), artifact("cw20_base.wasm"));
    let init = json!({
        "name": "Compute", "symbol": "CMP", "decimals": 6,
        "initial_balances": [{"address": account(1).to_string(), "amount": "1000"}],
        "mint": {"minter": account(1).to_string(), "cap": "1500"},
    });
    let token = chain.instantiate(&account(1), code, init);
    (chain, token)
}

fn attributes(event: &Event) -> Vec<(&str, &str)> {
    event
        .attributes
        .iter()
        .map(|a| (a.key.as_str(), a.value.as_str()))
        .collect()
}

fn balance(chain: &Chain, token: &AccAddress, of: &AccAddress) -> String {
    let answer = chain
        .ask(token, json!({"balance": {"address": of.to_string()}}))
        .unwrap();
    answer["balance"].as_str().unwrap().to_owned()
}

#[test]
fn a_transfer_moves_tokens_and_tells_who_to_whom_how_much() {
    let (mut chain, token) = with_token();
    let transfer = json!({"transfer": {"recipient": account(2).to_string(), "amount": "40"}});
    let done = chain.execute(&account(1), &token, transfer).unwrap();
    assert_eq!(done.types(), ["execute", "wasm"]);
    let (contract, from, to) = (token.to_string(), account(1).to_string(), account(2).to_string());
    assert_eq!(
        attributes(&done.events[0]),
        [("_contract_address", contract.as_str())]
    );
    assert_eq!(
        attributes(&done.events[1]),
        [
            ("_contract_address", contract.as_str()),
            ("action", "transfer"),
            ("from", &from),
            ("to", &to),
            ("amount", "40"),
        ]
    );
    assert_eq!(
        (
            balance(&chain, &token, &account(1)),
            balance(&chain, &token, &account(2))
        ),
        ("960".into(), "40".into())
    );
    let info = chain.ask(&token, json!({"token_info": {}})).unwrap();
    assert_eq!(
        info,
        json!({"name": "Compute", "symbol": "CMP", "decimals": 6, "total_supply": "1000"})
    );
}

#[test]
fn spending_more_than_is_there_fails_as_on_wasmd() {
    let (mut chain, token) = with_token();
    let transfer = json!({"transfer": {"recipient": account(2).to_string(), "amount": "1001"}});
    let error = chain.execute(&account(1), &token, transfer).unwrap_err();
    assert!(error.is(&errors::EXECUTE_FAILED));
    assert!(
        error.to_string().contains("Cannot Sub with given operands"),
        "{error}"
    );
    assert!(
        error.to_string().ends_with(": execute wasm contract failed"),
        "{error}"
    );
    let zero = json!({"mint": {"recipient": account(2).to_string(), "amount": "501"}});
    let error = chain.execute(&account(1), &token, zero).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Minting cannot exceed the cap: execute wasm contract failed"
    );
    let stranger = json!({"mint": {"recipient": account(2).to_string(), "amount": "1"}});
    let error = chain.execute(&account(2), &token, stranger).unwrap_err();
    assert_eq!(error.to_string(), "Unauthorized: execute wasm contract failed");
}

#[test]
fn a_send_calls_the_receiving_contract_in_the_same_transaction() {
    let (mut chain, token) = with_token();
    let probe = chain.store(&account(1), common::probe());
    let receiver = chain.instantiate(&account(1), probe, json!({}));
    let send = |to: &AccAddress| json!({"send": {"contract": to.to_string(), "amount": "7", "msg": base64(b"hello")}});
    let done = chain.execute(&account(1), &token, send(&receiver)).unwrap();
    assert_eq!(done.types(), ["execute", "wasm", "execute", "wasm"]);
    assert_eq!(done.events[1].get("action"), Some("send"));
    let (contract, from) = (receiver.to_string(), account(1).to_string());
    // Sorted by key, since a contract's message caused it.
    assert_eq!(
        attributes(&done.events[3]),
        [
            ("_contract_address", contract.as_str()),
            ("received", "7"),
            ("received_from", &from),
            ("words", &base64(b"hello")),
        ]
    );
    assert_eq!(balance(&chain, &token, &receiver), "7");
    // A token does not receive tokens: nothing moves.
    let error = chain.execute(&account(1), &token, send(&token)).unwrap_err();
    assert!(error.is(&errors::EXECUTE_FAILED), "{error}");
    assert_eq!(balance(&chain, &token, &account(1)), "993");
}

#[test]
fn an_allowance_lets_another_spend_up_to_it() {
    let (mut chain, token) = with_token();
    let (owner, spender, to) = (account(1), account(2), account(3));
    let allow = json!({"increase_allowance": {"spender": spender.to_string(), "amount": "10"}});
    chain.execute(&owner, &token, allow).unwrap();
    let take = |amount: &str| {
        json!({"transfer_from": {
            "owner": owner.to_string(), "recipient": to.to_string(), "amount": amount,
        }})
    };
    let done = chain.execute(&spender, &token, take("6")).unwrap();
    assert_eq!(done.events[1].get("by"), Some(spender.to_string().as_str()));
    assert!(chain.execute(&spender, &token, take("6")).is_err());
    let query = json!({"allowance": {"owner": owner.to_string(), "spender": spender.to_string()}});
    assert_eq!(
        chain.ask(&token, query).unwrap(),
        json!({"allowance": "4", "expires": {"never": {}}})
    );
    let all = chain.ask(&token, json!({"all_accounts": {}})).unwrap();
    assert_eq!(
        all["accounts"].as_array().unwrap().len(),
        2,
        "iterates over its state"
    );
}
