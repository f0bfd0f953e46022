//! A genesis that could be read in two ways is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use quern_genesis::{AppState, ConsensusKey, Document, Validator};
use quern_types::{AccAddress, module_address};
use serde_json::{Value, json};

fn alice() -> AccAddress {
    module_address("alice")
}

fn funded() -> Document {
    let mut doc = Document::new("quern-1", "2026-01-01T00:00:00Z");
    doc.app_state.auth.add_account(alice()).unwrap();
    doc.app_state
        .bank
        .add_balance(&alice(), &"5nqrn".parse().unwrap())
        .unwrap();
    doc.validators.push(Validator::new(
        ConsensusKey::Ed25519 { value: [7; 32] },
        10,
        "one",
    ));
    doc
}

fn reread(value: &Value) -> Result<Document, String> {
    Document::from_json(value.to_string().as_bytes()).map_err(|e| e.to_string())
}

fn as_value(doc: &Document) -> Value {
    serde_json::from_slice(&doc.to_json().unwrap()).unwrap()
}

#[test]
fn a_document_survives_its_own_json_and_has_the_sdks_shape() {
    let doc = funded();
    let value = as_value(&doc);
    assert_eq!(reread(&value).unwrap(), doc);
    assert_eq!(value["initial_height"], "1");
    assert_eq!(
        value["app_state"]["auth"]["accounts"][0]["@type"],
        "/cosmos.auth.v1beta1.BaseAccount"
    );
    assert_eq!(value["app_state"]["auth"]["accounts"][0]["pub_key"], Value::Null);
    assert_eq!(
        value["app_state"]["auth"]["params"]["sig_verify_cost_secp256k1"],
        "1000"
    );
    assert_eq!(
        value["app_state"]["bank"]["supply"],
        json!([{"denom": "nqrn", "amount": "5"}])
    );
    assert_eq!(
        value["app_state"]["wasm"]["params"]["instantiate_default_permission"],
        "Everybody"
    );
    assert_eq!(
        value["validators"][0]["pub_key"]["type"],
        "tendermint/PubKeyEd25519"
    );
}

#[test]
fn unknown_fields_are_refused_at_every_level() {
    for place in [
        "",
        "/consensus_params/block",
        "/validators/0",
        "/validators/0/pub_key",
        "/app_state",
        "/app_state/auth/params",
        "/app_state/auth/accounts/0",
        "/app_state/bank",
        "/app_state/bank/balances/0",
        "/app_state/bank/balances/0/coins/0",
        "/app_state/bank/denom_metadata/0/denom_units/0",
        "/app_state/wasm/params/code_upload_access",
    ] {
        let mut value = as_value(&funded());
        value.pointer_mut(place).unwrap()["surprise"] = json!(1);
        let error = reread(&value).expect_err(place);
        assert!(error.contains("surprise"), "{place}: {error}");
    }
}

#[test]
fn a_repeated_json_field_is_refused() {
    let text = String::from_utf8(funded().to_json().unwrap()).unwrap();
    let twice = text.replace("\"sequence\": \"0\"", "\"sequence\": \"0\", \"sequence\": \"9\"");
    assert_ne!(text, twice);
    assert!(
        Document::from_json(twice.as_bytes())
            .unwrap_err()
            .to_string()
            .contains("duplicate field")
    );
}

#[test]
fn each_broken_rule_is_named_with_its_place() {
    let other_chain = "cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta";
    let cases: [(&str, Value, &str); 20] = [
        ("/chain_id", json!(""), "chain_id"),
        ("/chain_id", json!("a b"), "chain_id"),
        ("/chain_id", json!("x".repeat(51)), "chain_id"),
        ("/genesis_time", json!("yesterday"), "genesis_time"),
        ("/initial_height", json!("0"), "initial_height"),
        ("/initial_height", json!(1), "expected a string"),
        ("/app_hash", json!("AB"), "app_hash"),
        (
            "/consensus_params/block/max_bytes",
            json!("0"),
            "consensus_params.block.max_bytes",
        ),
        (
            "/consensus_params/evidence/max_bytes",
            json!("4190000"),
            "consensus_params.evidence.max_bytes",
        ),
        (
            "/consensus_params/block/max_gas",
            json!("-2"),
            "consensus_params.block.max_gas",
        ),
        ("/validators/0/power", json!("0"), "validators[0].power"),
        ("/validators/0/power", json!(i64::MAX.to_string()), "total power"),
        (
            "/validators/0/address",
            json!("00".repeat(20)),
            "validators[0].address",
        ),
        ("/app_state/auth/params/tx_sig_limit", json!("0"), "tx_sig_limit"),
        (
            "/app_state/auth/accounts/0/address",
            json!(other_chain),
            "invalid Bech32 prefix",
        ),
        (
            "/app_state/bank/supply/0/amount",
            json!("6"),
            "balances sum to 5nqrn",
        ),
        (
            "/app_state/bank/balances/0/coins/0/amount",
            json!("05"),
            "invalid coin amount",
        ),
        (
            "/app_state/bank/balances/0/coins/0/denom",
            json!("1x"),
            "invalid denom",
        ),
        (
            "/app_state/bank/denom_metadata/0/display",
            json!("other"),
            "display unit",
        ),
        ("/app_state/bank/denom_metadata/0/name", json!(" "), "blank"),
    ];
    for (place, bad, expected) in cases {
        let mut value = as_value(&funded());
        *value.pointer_mut(place).unwrap() = bad.clone();
        let error = reread(&value).expect_err(place);
        assert!(error.contains(expected), "{place} = {bad}: {error}");
    }
}

#[test]
fn duplicates_are_refused() {
    for (list, expected) in [
        ("/app_state/auth/accounts", "auth.accounts"),
        ("/app_state/bank/balances", "bank.balances"),
        ("/app_state/bank/denom_metadata", "denom_metadata"),
        ("/validators", "validators"),
    ] {
        let mut value = as_value(&funded());
        let items = value.pointer_mut(list).unwrap().as_array_mut().unwrap();
        items.push(items[0].clone());
        let error = reread(&value).expect_err(list);
        assert!(
            error.contains(expected) && error.contains("twice"),
            "{list}: {error}"
        );
    }
    assert!(funded().app_state.auth.add_account(alice()).is_err());
}

#[test]
fn a_supply_that_overflows_is_refused_and_nothing_changes() {
    let mut bank = funded().app_state.bank;
    let before = bank.clone();
    assert!(
        bank.add_balance(&alice(), &format!("{}nqrn", u128::MAX).parse().unwrap())
            .is_err()
    );
    assert!(
        bank.add_balance(
            &module_address("bob"),
            &format!("{}nqrn", u128::MAX).parse().unwrap()
        )
        .is_err()
    );
    assert_eq!(bank, before);
}

#[test]
fn code_with_another_checksum_and_a_contract_without_code_are_refused() {
    let mut value = as_value(&funded());
    value["app_state"]["wasm"]["codes"] = json!([{
        "code_id": "1",
        "code_info": {
            "code_hash": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "creator": alice().to_string(),
            "instantiate_config": {"permission": "Everybody", "addresses": []}
        },
        "code_bytes": "AGFzbQ==",
        "pinned": true
    }]);
    assert!(reread(&value).unwrap_err().contains("code_hash"));
    value["app_state"]["wasm"]["codes"] = json!([]);
    value["app_state"]["wasm"]["contracts"] = json!([{
        "contract_address": module_address("contract").to_string(),
        "contract_info": {"code_id": "1", "creator": alice().to_string(), "admin": "", "label": "x", "created": null},
        "contract_state": [],
        "contract_code_history": []
    }]);
    assert!(
        reread(&value)
            .unwrap_err()
            .contains("its code is not among the codes")
    );
}

#[test]
fn garbage_is_refused_without_a_panic() {
    for bytes in [&b""[..], b"{}", b"null", b"[]", b"\xff\xfe", b"{\"auth\":null}"] {
        assert!(AppState::from_json(bytes).is_err());
        assert!(Document::from_json(bytes).is_err());
    }
}
