//! Messages that contracts send, and the replies that they get.

use crate::common;

use common::{Chain, account, base64, execute_msg, sub, wasm_execute};
use prost::Message;
use quern_proto::{
    cosmos::bank::v1beta1::{MsgSend, MsgSendResponse},
    cosmwasm::wasm::v1::{MsgExecuteContractResponse, MsgInstantiateContractResponse},
};
use quern_types::{AccAddress, errors as sdk};
use quern_wasm::errors;
use serde_json::{Value, json};

fn bank_send(to: &AccAddress, amount: u64) -> Value {
    json!({"bank": {"send": {"to_address": to.to_string(), "amount": [{"denom": "nqrn", "amount": amount.to_string()}]}}})
}

fn sub_msgs(msgs: Vec<Value>) -> Value {
    json!({"sub": {"msgs": msgs}})
}

fn last_reply(chain: &Chain, contract: &AccAddress) -> Value {
    chain.ask(contract, json!({"last_reply": {}})).unwrap()
}

#[test]
fn messages_run_depth_first_and_their_events_keep_that_order() {
    let (mut chain, contract) = Chain::with_probe();
    let echo = |name: &str| wasm_execute(&contract, &json!({"echo": {"attrs": [["name", name]]}}));
    let nested = wasm_execute(
        &contract,
        &sub_msgs(vec![sub(0, echo("b1"), "never"), sub(0, echo("b2"), "never")]),
    );
    let msg = sub_msgs(vec![
        sub(0, echo("a"), "never"),
        sub(0, nested, "never"),
        sub(0, echo("c"), "never"),
    ]);
    let done = chain.execute(&account(1), &contract, msg).unwrap();
    let names: Vec<_> = done.events.iter().filter_map(|e| e.get("name")).collect();
    assert_eq!(names, ["a", "b1", "b2", "c"]);
}

#[test]
fn a_contract_sends_its_own_coins_and_nobody_elses() {
    let (mut chain, contract) = Chain::with_probe();
    chain.fund(&contract, "10nqrn");
    chain.fund(&account(2), "10nqrn");
    let done = chain
        .execute(
            &account(1),
            &contract,
            sub_msgs(vec![sub(0, bank_send(&account(3), 4), "never")]),
        )
        .unwrap();
    assert_eq!(
        done.types(),
        ["execute", "coin_spent", "coin_received", "transfer"],
        "no message event"
    );
    assert_eq!(chain.balance(&account(3), "nqrn"), 4);

    let theft = MsgSend {
        from_address: account(2).to_string(),
        to_address: account(3).to_string(),
        amount: vec![common::coin(5, "nqrn")],
    };
    let any =
        json!({"any": {"type_url": "/cosmos.bank.v1beta1.MsgSend", "value": base64(&theft.encode_to_vec())}});
    let error = chain
        .execute(&account(1), &contract, sub_msgs(vec![sub(0, any, "never")]))
        .unwrap_err();
    assert!(error.is(&sdk::UNAUTHORIZED));
    assert_eq!(chain.balance(&account(2), "nqrn"), 10);
}

#[test]
fn burnt_coins_leave_the_supply() {
    let (mut chain, contract) = Chain::with_probe();
    chain.fund(&contract, "10nqrn");
    let burn = |amount: &str| json!({"bank": {"burn": {"amount": [{"denom": "nqrn", "amount": amount}]}}});
    let done = chain
        .execute(&account(1), &contract, sub_msgs(vec![sub(0, burn("4"), "never")]))
        .unwrap();
    assert!(done.types().contains(&"burn"));
    assert_eq!(
        quern_bank::supply(&chain.cx, &"nqrn".parse().unwrap()).unwrap(),
        6
    );
    let error = chain
        .execute(&account(1), &contract, sub_msgs(vec![sub(0, burn("0"), "never")]))
        .unwrap_err();
    assert!(error.is(&errors::EMPTY));
}

#[test]
fn a_success_reply_shows_data_responses_and_sorted_events_of_contract_messages_alone() {
    let (mut chain, contract) = Chain::with_probe();
    let echo = json!({"echo": {"attrs": [["zed", "1"], ["abc", "2"]], "data": "aGk="}});
    let mut message = sub(7, wasm_execute(&contract, &echo), "success");
    message["payload"] = json!(base64(b"mine"));
    let done = chain
        .execute(&account(1), &contract, sub_msgs(vec![message]))
        .unwrap();
    assert_eq!(done.types(), ["execute", "execute", "wasm", "reply", "wasm"]);
    let reply = last_reply(&chain, &contract);
    assert_eq!(
        (&reply["id"], &reply["success"], &reply["gas_used"]),
        (&json!(7), &json!(true), &json!(0))
    );
    assert_eq!(reply["payload"], base64(b"mine"));
    let response = MsgExecuteContractResponse { data: b"hi".to_vec() }.encode_to_vec();
    assert_eq!(reply["data"], base64(&response));
    assert_eq!(
        reply["msg_responses"][0][0],
        "/cosmwasm.wasm.v1.MsgExecuteContractResponse"
    );
    assert_eq!(reply["msg_responses"][0][1], base64(&response));
    let keys: Vec<_> = reply["events"][1]["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["key"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(keys, ["_contract_address", "abc", "zed"]);
    // The transaction shows what the reply showed.
    let shown: Vec<_> = done.events[2].attributes.iter().map(|a| a.key.as_str()).collect();
    assert_eq!(shown, keys);

    chain.fund(&contract, "10nqrn");
    chain
        .execute(
            &account(1),
            &contract,
            sub_msgs(vec![sub(8, bank_send(&account(3), 1), "always")]),
        )
        .unwrap();
    let reply = last_reply(&chain, &contract);
    assert_eq!(reply["events"], json!([]));
    assert_eq!(
        reply["msg_responses"][0][0],
        "/cosmos.bank.v1beta1.MsgSendResponse"
    );
    assert!(MsgSendResponse {}.encode_to_vec().is_empty() && reply["data"].is_null());
}

#[test]
fn a_caught_failure_undoes_its_writes_and_is_redacted() {
    let (mut chain, contract) = Chain::with_probe();
    chain.fund(&contract, "1nqrn");
    let too_much = sub(1, bank_send(&account(3), 5), "error");
    let done = chain
        .execute(&account(1), &contract, sub_msgs(vec![too_much]))
        .unwrap();
    assert_eq!(
        done.types(),
        ["execute", "reply", "wasm"],
        "no event of what failed"
    );
    assert_eq!(last_reply(&chain, &contract)["error"], "codespace: sdk, code: 5");

    // Writes, then fails below: the write is undone, and the text is the contract's own.
    let write_and_fail = sub_msgs(vec![
        sub(
            0,
            wasm_execute(&contract, &json!({"set": {"key": "x", "value": "1"}})),
            "never",
        ),
        sub(0, wasm_execute(&contract, &json!({"fail": {}})), "never"),
    ]);
    let outer = sub(2, wasm_execute(&contract, &write_and_fail), "error");
    chain
        .execute(&account(1), &contract, sub_msgs(vec![outer]))
        .unwrap();
    assert_eq!(
        chain.ask(&contract, json!({"get": {"key": "x"}})).unwrap(),
        Value::Null
    );
    let error = last_reply(&chain, &contract)["error"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        error.ends_with("probe failed as asked: execute wasm contract failed"),
        "{error}"
    );

    for (msg, expected) in [
        (json!({"panic": {}}), "codespace: wasm, code: 29"),
        (json!({"bad_reply": {}}), "codespace: wasm, code: 29"),
    ] {
        let caught = sub(3, wasm_execute(&contract, &msg), "always");
        chain
            .execute(&account(1), &contract, sub_msgs(vec![caught]))
            .unwrap();
        assert_eq!(last_reply(&chain, &contract)["error"], expected);
    }
    let nowhere = sub(4, wasm_execute(&account(9), &json!({})), "always");
    chain
        .execute(&account(1), &contract, sub_msgs(vec![nowhere]))
        .unwrap();
    assert_eq!(
        last_reply(&chain, &contract)["error"],
        "codespace: wasm, code: 22"
    );
}

#[test]
fn an_uncaught_failure_ends_the_call() {
    let (mut chain, contract) = Chain::with_probe();
    let fail = wasm_execute(&contract, &json!({"fail": {}}));
    for mode in ["never", "success"] {
        let error = chain
            .execute(&account(1), &contract, sub_msgs(vec![sub(0, fail.clone(), mode)]))
            .unwrap_err();
        assert!(error.is(&errors::EXECUTE_FAILED));
    }
    let error = chain
        .execute(&account(1), &contract, json!({"fail_in_reply": {}}))
        .unwrap_err();
    assert!(error.to_string().starts_with("reply: "), "{error}");
}

#[test]
fn the_last_reply_that_sets_data_replaces_the_callers() {
    let (mut chain, contract) = Chain::with_probe();
    let with_data = |data: Option<&str>| {
        let mut message = sub(1, wasm_execute(&contract, &json!({"echo": {}})), "success");
        message["payload"] = json!(base64(data.unwrap_or("no data").as_bytes()));
        message
    };
    for (replies, expected) in [
        (vec![with_data(None)], "".as_bytes()),
        (vec![with_data(Some("data:one")), with_data(None)], b"one"),
        (
            vec![with_data(Some("data:one")), with_data(Some("data:two"))],
            b"two",
        ),
        (vec![with_data(Some("data:one")), with_data(Some("data:"))], b""),
    ] {
        let done = chain.execute(&account(1), &contract, sub_msgs(replies)).unwrap();
        assert_eq!(done.data(), expected);
    }
}

#[test]
fn a_gas_limit_binds_the_message_and_its_whole_amount_is_charged() {
    let (mut chain, contract) = Chain::with_probe();
    let limited = |limit: u64, msg: Value, mode: &str| {
        let mut message = sub(5, wasm_execute(&contract, &msg), mode);
        message["gas_limit"] = json!(limit);
        sub_msgs(vec![message])
    };
    let idle = chain
        .execute(&account(1), &contract, sub_msgs(vec![]))
        .unwrap()
        .gas;
    let done = chain
        .execute(
            &account(1),
            &contract,
            limited(3_000_000, json!({"loop": {}}), "error"),
        )
        .unwrap();
    assert!(
        done.gas > idle + 3_000_000 && done.gas < idle + 3_200_000,
        "{}",
        done.gas
    );
    assert_eq!(last_reply(&chain, &contract)["error"], "codespace: sdk, code: 11");
    let error = chain
        .execute(
            &account(1),
            &contract,
            limited(300_000, json!({"loop": {}}), "never"),
        )
        .unwrap_err();
    assert_eq!(error.to_string(), "SubMsg hit gas limit: out of gas");
    // A limit above what is left is no limit: the loop ends the transaction.
    let msg = execute_msg(
        &account(1),
        &contract,
        limited(10_000_000, json!({"loop": {}}), "error"),
    );
    let (result, used) = chain.deliver_with(1_000_000, &msg);
    assert!(result.unwrap_err().is(&sdk::OUT_OF_GAS) && used >= 1_000_000);
}

#[test]
fn the_transactions_own_exhaustion_cannot_be_caught() {
    let (mut chain, contract) = Chain::with_probe();
    let looping = sub(1, wasm_execute(&contract, &json!({"loop": {}})), "always");
    let msg = execute_msg(&account(1), &contract, sub_msgs(vec![looping]));
    for gas in [200_000, 1_000_000, 5_000_000] {
        let (result, used) = chain.deliver_with(gas, &msg);
        let error = result.unwrap_err();
        assert!(error.is(&sdk::OUT_OF_GAS), "{error}");
        assert!(
            used >= gas && error.to_string().starts_with("out of gas in location: "),
            "{error}"
        );
    }
}

#[test]
fn an_instantiate_below_a_contract_returns_its_address_and_data() {
    let (mut chain, contract) = Chain::with_probe();
    let make = json!({"wasm": {"instantiate": {
        "code_id": 1, "msg": base64(b"{}"), "funds": [], "label": "child", "admin": null,
    }}});
    chain
        .execute(&account(1), &contract, sub_msgs(vec![sub(1, make, "success")]))
        .unwrap();
    let reply = last_reply(&chain, &contract);
    let value = cosmwasm_std::Binary::from_base64(reply["msg_responses"][0][1].as_str().unwrap()).unwrap();
    let made = MsgInstantiateContractResponse::decode(value.as_slice()).unwrap();
    let child = AccAddress::from_bech32(&made.address).unwrap();
    chain.execute(&account(1), &child, json!({"echo": {}})).unwrap();
}

#[test]
fn code_loaded_in_the_transaction_is_cheaper_to_load_again() {
    let (mut chain, contract) = Chain::with_probe();
    let alone = chain
        .execute(&account(1), &contract, json!({"echo": {}}))
        .unwrap()
        .gas;
    let empty = chain
        .execute(&account(1), &contract, sub_msgs(vec![]))
        .unwrap()
        .gas;
    let call = sub(0, wasm_execute(&contract, &json!({"echo": {}})), "never");
    let both = chain
        .execute(&account(1), &contract, sub_msgs(vec![call]))
        .unwrap()
        .gas;
    // The second load costs 2,000 instead of 60,000; handling the message itself costs a little.
    assert!(both - empty < alone - 58_000 + 2_000, "{both} {empty} {alone}");
}

#[test]
fn messages_that_no_module_takes_are_refused_by_code() {
    let (mut chain, contract) = Chain::with_probe();
    let cases = [
        (json!({"custom": {}}), "codespace: wasm, code: 20"),
        (
            json!({"any": {"type_url": "/unknown.Msg", "value": ""}}),
            "codespace: wasm, code: 10",
        ),
        (
            json!({"staking": {"delegate": {"validator": "x", "amount": {"denom": "nqrn", "amount": "1"}}}}),
            "codespace: sdk, code: 6",
        ),
        (
            json!({"gov": {"vote": {"proposal_id": 1, "option": "yes"}}}),
            "codespace: sdk, code: 6",
        ),
        (
            json!({"distribution": {"set_withdraw_address": {"address": "x"}}}),
            "codespace: sdk, code: 6",
        ),
        (
            json!({"ibc": {"transfer": {"channel_id": "c", "to_address": "x", "amount": {"denom": "nqrn", "amount": "1"}, "timeout": {"block": null, "timestamp": "1"}, "memo": null}}}),
            "codespace: sdk, code: 6",
        ),
        (
            json!({"ibc": {"close_channel": {"channel_id": "c"}}}),
            "codespace: sdk, code: 6",
        ),
        (
            json!({"ibc": {"send_packet": {"channel_id": "c", "data": "", "timeout": {"block": null, "timestamp": "1"}}}}),
            "codespace: wasm, code: 17",
        ),
    ];
    for (msg, expected) in cases {
        let shown = msg.to_string();
        let message = sub(1, msg, "always");
        chain
            .execute(&account(1), &contract, sub_msgs(vec![message]))
            .unwrap();
        assert_eq!(last_reply(&chain, &contract)["error"], expected, "{shown}");
    }
}
