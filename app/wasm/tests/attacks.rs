//! What hostile contracts and senders try. Numbers are those of the attack list in
//! `docs/spec/wasm-host.md`.

use crate::common;

use std::time::Duration;

use common::{Chain, Done, account, base64, execute_msg, sub, vm_testdata, wasm_execute};
use quern_context::Cx;
use quern_proto::cosmwasm::wasm::v1::{MsgExecuteContract, MsgInstantiateContract2};
use quern_types::{AccAddress, errors as sdk, module_address};
use quern_wasm::{address, errors};
use serde_json::{Value, json};

fn with_cyberpunk() -> (Chain, AccAddress) {
    let mut chain = Chain::new();
    let code = chain.store(&account(1), vm_testdata("cyberpunk.wasm"));
    let contract = chain.instantiate(&account(1), code, json!({}));
    (chain, contract)
}

#[test]
fn an_endless_loop_uses_its_gas_and_no_more() {
    let (mut chain, contract) = Chain::with_probe();
    let msg = execute_msg(&account(1), &contract, json!({"loop": {}}));
    let (result, used) = chain.deliver_with(2_000_000, &msg);
    assert!(result.unwrap_err().is(&sdk::OUT_OF_GAS));
    assert_eq!(used, 2_000_000);
    chain
        .execute(&account(1), &contract, json!({"echo": {}}))
        .unwrap();
}

#[test]
fn endless_writing_messaging_and_computing_end_by_gas() {
    let (mut chain, contract) = with_cyberpunk();
    for msg in ["cpu_loop", "storage_loop", "memory_loop", "message_loop"] {
        let msg = execute_msg(&account(1), &contract, json!({ msg: {} }));
        let (result, used) = chain.deliver_with(3_000_000, &msg);
        let error = result.unwrap_err();
        assert!(
            error.is(&sdk::OUT_OF_GAS) || error.is(&errors::VM) || error.is(&errors::CALL_DEPTH),
            "{error:?}"
        );
        assert!(used <= 3_100_000);
    }
}

#[test]
fn a_greedy_allocation_fails_inside_the_contracts_own_memory() {
    let (mut chain, contract) = with_cyberpunk();
    let msg = execute_msg(
        &account(1),
        &contract,
        json!({"allocate_large_memory": {"pages": 5_000}}),
    );
    let (result, _) = chain.deliver_with(common::GAS, &msg);
    assert!(result.is_err(), "more than 32 MiB");
}

#[test]
fn panics_and_traps_are_vm_errors_and_charge_what_was_used() {
    let (mut chain, contract) = with_cyberpunk();
    for msg in ["panic", "unreachable"] {
        let msg = execute_msg(&account(1), &contract, json!({ msg: {} }));
        let (result, used) = chain.deliver_with(common::GAS, &msg);
        assert!(result.unwrap_err().is(&errors::VM));
        assert!(used > 60_000);
    }
    let (mut chain, contract) = Chain::with_probe();
    let error = chain
        .execute(&account(1), &contract, json!({"panic": {}}))
        .unwrap_err();
    assert!(error.is(&errors::VM));
}

#[test]
fn a_rubbish_response_is_a_vm_error() {
    let (mut chain, contract) = Chain::with_probe();
    let error = chain
        .execute(&account(1), &contract, json!({"bad_reply": {}}))
        .unwrap_err();
    // it ends in the middle
    assert_eq!(error.to_string(), "unexpected end of JSON input: wasmvm error");
}

#[test]
fn a_response_too_large_to_pay_for_is_refused() {
    let (mut chain, contract) = Chain::with_probe();
    let big = execute_msg(&account(1), &contract, json!({"big_data": {"len": 3_000_000}}));
    let (result, _) = chain.deliver_with(4_000_000, &big);
    let error = result.unwrap_err();
    assert!(error.is(&errors::VM) || error.is(&sdk::OUT_OF_GAS), "{error}");
    let write = execute_msg(&account(1), &contract, json!({"big_write": {"len": 200_000}}));
    assert!(
        chain.deliver(&write).unwrap_err().is(&errors::VM),
        "values end at 128 KiB"
    );
}

#[test]
fn bad_events_fail_the_call_and_can_be_caught() {
    let (mut chain, contract) = Chain::with_probe();
    let cases = [
        json!({"echo": {"attrs": [["", "v"]]}}),
        json!({"echo": {"attrs": [["_contract_address", "forged"]]}}),
        json!({"echo": {"attrs": [["  ", "v"]]}}),
        json!({"echo": {"events": [{"type": "x ", "attributes": []}]}}),
        json!({"echo": {"events": [{"type": "fine", "attributes": [{"key": "_k", "value": ""}]}]}}),
    ];
    for msg in cases {
        let error = chain.execute(&account(1), &contract, msg.clone()).unwrap_err();
        // cosmwasm-std refuses some of them itself, by panicking.
        assert!(
            error.is(&errors::INVALID_EVENT) || error.is(&errors::VM),
            "{error}"
        );
        let caught = json!({"sub": {"msgs": [sub(1, wasm_execute(&contract, &msg), "error")]}});
        chain.execute(&account(1), &contract, caught).unwrap();
    }
}

#[test]
fn coins_sent_ahead_do_not_block_an_instantiate_but_a_users_account_does() {
    // 6: an account made at the address where a contract will be.
    let mut chain = Chain::new();
    let code = chain.store(&account(1), common::probe());
    let next = address::classic(code, 1).unwrap();
    chain.fund(&next, "5nqrn");
    let made = chain.instantiate(&account(1), code, json!({}));
    assert_eq!((made.clone(), chain.balance(&made, "nqrn")), (next, 5));

    let salt = |salt: &[u8]| MsgInstantiateContract2 {
        sender: account(1).to_string(),
        code_id: code,
        label: "x".into(),
        msg: b"{}".to_vec(),
        salt: salt.to_vec(),
        ..Default::default()
    };
    let checksum = cosmwasm_std::Checksum::generate(&common::probe());
    let taken = address::predictable(checksum.as_slice(), &account(1), b"s", b"").unwrap();
    let mut user = quern_auth::create(&chain.cx, &taken).unwrap();
    user.sequence = 1;
    quern_auth::set(&chain.cx, &user).unwrap();
    assert!(
        chain
            .deliver(&salt(b"s"))
            .unwrap_err()
            .is(&errors::ACCOUNT_EXISTS)
    );
    chain.deliver(&salt(b"t")).unwrap();
}

#[test]
fn messages_recurse_to_the_limit_and_then_fail_without_touching_the_native_stack() {
    // 18: with every depth below the limit, and the deepest on a small stack of the caller.
    let (mut chain, contract) = Chain::with_probe();
    chain
        .execute(&account(1), &contract, json!({"recurse": {"depth": 99}}))
        .unwrap();
    let (result, _) = on_small_stack(chain, contract, json!({"recurse": {"depth": 100}}));
    assert!(result.unwrap_err().is(&errors::CALL_DEPTH));
}

#[test]
fn replies_recurse_to_the_limit_and_then_fail_without_touching_the_native_stack() {
    let (chain, contract) = Chain::with_probe();
    let (result, mut chain) = on_small_stack(chain, contract.clone(), json!({"recurse_in_reply": {}}));
    assert!(result.unwrap_err().is(&errors::CALL_DEPTH));
    chain
        .execute(&account(1), &contract, json!({"echo": {}}))
        .unwrap();
}

/// Runs a message on a thread with an eighth of the stack that the node gives its own.
fn on_small_stack(mut chain: Chain, contract: AccAddress, msg: Value) -> (quern_types::Result<Done>, Chain) {
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || {
            let msg = execute_msg(&account(1), &contract, msg);
            (chain.deliver_with(500_000_000, &msg).0, chain)
        })
        .unwrap()
        .join()
        .unwrap()
}

#[test]
fn queries_recurse_ten_deep_and_no_deeper() {
    // 5: with the whole gas of the transaction at their disposal.
    let (chain, contract) = Chain::with_probe();
    let ask = |depth: u32| json!({"recurse": {"depth": depth}});
    assert_eq!(chain.ask(&contract, ask(9)).unwrap(), json!(9));
    assert!(chain.ask(&contract, ask(10)).is_err());
    let (result, mut chain) = on_small_stack(chain, contract.clone(), json!({"query_recurse": {"depth": 9}}));
    assert_eq!(result.unwrap().data(), b"9");
    let error = chain
        .execute(&account(1), &contract, json!({"query_recurse": {"depth": 10}}))
        .unwrap_err();
    assert!(error.to_string().contains("codespace: wasm, code: "), "{error}");
}

#[test]
fn an_endless_query_from_outside_ends_by_its_own_gas() {
    let (chain, contract) = Chain::with_probe();
    let error = chain.ask(&contract, json!({"loop": {}})).unwrap_err();
    assert!(error.is(&sdk::OUT_OF_GAS), "{error}");
    assert!(error.to_string().contains("gasWanted: 3000000"), "{error}");
}

#[test]
fn a_query_cannot_write() {
    let (chain, contract) = Chain::with_probe();
    let before = chain.cx.branch().changes();
    let cx: Cx = chain.cx.fork();
    chain.ask(&contract, json!({"env": {}})).unwrap();
    drop(cx);
    assert_eq!(chain.cx.branch().changes(), before);
}

#[test]
fn deep_json_is_refused_or_handed_over_without_a_crash() {
    // 11: nested beyond any parser's stack.
    let (mut chain, contract) = Chain::with_probe();
    let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
    let msg = MsgExecuteContract {
        msg: deep.clone(),
        ..execute_msg(&account(1), &contract, json!({}))
    };
    let (result, used) = chain.deliver_with(common::GAS, &msg);
    assert!(result.is_err() && used > 60_000);
    let unclosed = MsgExecuteContract {
        msg: deep[..300_000].to_vec(),
        ..msg
    };
    assert!(chain.deliver(&unclosed).unwrap_err().is(&errors::INVALID));
}

#[test]
fn mixed_case_addresses_are_nobodys() {
    // 3: checks that compare text would take them for somebody else.
    let (mut chain, contract) = Chain::with_probe();
    let mixed = contract.to_string().replacen("quern1", "QUERN1", 1);
    let msg = MsgExecuteContract {
        contract: mixed.clone(),
        ..execute_msg(&account(1), &contract, json!({"echo": {}}))
    };
    let mixed_case = "decoding bech32 failed: string not all lowercase or all uppercase";
    let error = chain.deliver(&msg).unwrap_err();
    assert_eq!(
        format!("{error:?}"),
        format!("undefined/1 contract: {mixed_case}")
    );
    let call = json!({"wasm": {"execute": {"contract_addr": mixed, "msg": base64(b"{}"), "funds": []}}});
    let error = chain
        .execute(
            &account(1),
            &contract,
            json!({"sub": {"msgs": [sub(0, call, "never")]}}),
        )
        .unwrap_err();
    assert_eq!((error.codespace(), error.code()), ("undefined", 1), "{error}");
    assert!(error.to_string().contains(mixed_case), "{error}");
}

#[test]
fn blocked_module_accounts_receive_no_coins_from_contracts() {
    let (mut chain, contract) = Chain::with_probe();
    chain.fund(&contract, "10nqrn");
    let to = module_address("fee_collector").to_string();
    let send = json!({"bank_send": {"to": to, "amount": [{"denom": "nqrn", "amount": "1"}]}});
    assert!(
        chain
            .execute(&account(1), &contract, send)
            .unwrap_err()
            .is(&sdk::UNAUTHORIZED)
    );
}

#[test]
fn entry_points_that_a_contract_lacks_are_vm_errors_after_setup_was_paid() {
    // 16: hackatom of cosmwasm 1.0 has no reply and no sudo worth calling.
    let mut chain = Chain::new();
    let code = chain.store(&account(1), vm_testdata("floaty_2.0.wasm"));
    let contract = chain.instantiate(&account(1), code, json!({}));
    let cx = chain.cx.fork();
    let error = chain.wasm.sudo(&cx, &chain.router, &contract, b"{}").unwrap_err();
    assert!(error.is(&errors::VM) && cx.gas.consumed() > 60_000);
}

#[test]
fn a_payload_beyond_its_limit_fails_the_sender() {
    let (mut chain, contract) = Chain::with_probe();
    let mut message = sub(1, wasm_execute(&contract, &json!({"echo": {}})), "success");
    message["payload"] = json!(base64(&vec![0; 128 * 1024 + 1]));
    let error = chain
        .execute(&account(1), &contract, json!({"sub": {"msgs": [message]}}))
        .unwrap_err();
    assert!(
        error.to_string().contains("payload larger than 131072 bytes"),
        "{error}"
    );
}

#[test]
fn gas_does_not_depend_on_what_this_process_ran_before() {
    // 20 and 2: a cold and a warm cache, and another process's folder, give the same figures.
    let run = |chain: &mut Chain, contract: &AccAddress| {
        let msg = json!({"sub": {"msgs": [sub(1, wasm_execute(contract, &json!({"echo": {"attrs": [["a", "b"]]}})), "always")]}});
        chain.execute(&account(1), contract, msg).unwrap().gas
    };
    let (mut first, contract) = Chain::with_probe();
    let cold = run(&mut first, &contract);
    let warm = run(&mut first, &contract);
    let (mut second, contract) = Chain::with_probe();
    std::thread::sleep(Duration::from_millis(5));
    let other = run(&mut second, &contract);
    assert_eq!(cold, other);
    // The reply that was stored before is read and replaced, which costs the same.
    assert_eq!(cold, warm);
}
