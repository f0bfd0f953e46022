//! What contracts' grants allow, step by step.

#![allow(clippy::unwrap_used, clippy::panic)]

use quern_context::Mode;
use quern_proto::{
    cosmos::base::v1beta1::Coin as WireCoin,
    cosmwasm::wasm::v1::{
        AcceptedMessageKeysFilter, AcceptedMessagesFilter, AccessConfig, AccessType, AllowAllMessagesFilter,
        CodeGrant, CombinedLimit, MaxCallsLimit, MaxFundsLimit, MsgExecuteContract, MsgStoreCode,
    },
};
use quern_types::module_sub_address;
use sha2::{Digest, Sha256};

use super::*;
use crate::error::{WASM_DUPLICATE, WASM_EMPTY};

fn cx() -> Cx {
    let snapshot = quern_store::Snapshot::in_memory(0, Default::default());
    Cx::new(
        quern_store::Branch::new(snapshot),
        Default::default(),
        Mode::Finalize,
    )
}

fn contract() -> String {
    module_sub_address("wasm", b"one").to_string()
}

fn wire(amount: u64) -> Vec<WireCoin> {
    vec![WireCoin {
        denom: "nqrn".into(),
        amount: amount.to_string(),
    }]
}

fn grant(limit: Any, filter: Any) -> ContractGrant {
    ContractGrant {
        contract: contract(),
        limit: Some(limit),
        filter: Some(filter),
    }
}

fn execution(grants: Vec<ContractGrant>) -> Authorization {
    Authorization::Execution(ContractExecutionAuthorization { grants })
}

fn all() -> Any {
    pack(&AllowAllMessagesFilter {})
}

fn calls(remaining: u64) -> Any {
    pack(&MaxCallsLimit { remaining })
}

/// A call with coins of a contract.
fn call(to: &str, msg: &str, funds: u64) -> AnyMsg {
    let any = pack(&MsgExecuteContract {
        sender: String::new(),
        contract: to.to_owned(),
        msg: msg.as_bytes().to_vec(),
        funds: if funds == 0 { vec![] } else { wire(funds) },
    });
    AnyMsg {
        type_url: any.type_url,
        value: any.value,
    }
}

fn judge(authorization: &Authorization, msg: &AnyMsg) -> Verdict {
    authorization.accept(&cx(), msg).unwrap()
}

/// What is left after an accepted call.
#[track_caller]
fn after(authorization: &Authorization, msg: &AnyMsg) -> Authorization {
    match judge(authorization, msg) {
        Verdict::AcceptAndUpdate(new) => {
            let new = read(&new).unwrap();
            new.validate().unwrap();
            new
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn calls_are_counted_and_carry_no_coins() {
    let two = execution(vec![grant(calls(2), all())]);
    two.validate().unwrap();
    let msg = call(&contract(), "{\"a\":{}}", 0);
    let one = after(&two, &msg);
    assert!(matches!(judge(&one, &msg), Verdict::AcceptAndDelete));
    assert!(matches!(
        judge(&two, &call(&contract(), "{}", 1)),
        Verdict::Refuse
    ));
    let other = module_sub_address("wasm", b"two").to_string();
    assert!(matches!(judge(&two, &call(&other, "{}", 0)), Verdict::Refuse));
}

#[test]
fn coins_are_counted_and_calls_without_coins_cost_nothing() {
    let ten = execution(vec![grant(pack(&MaxFundsLimit { amounts: wire(10) }), all())]);
    assert!(matches!(
        judge(&ten, &call(&contract(), "{}", 0)),
        Verdict::Accept
    ));
    assert!(matches!(
        judge(&ten, &call(&contract(), "{}", 11)),
        Verdict::Refuse
    ));
    let three = after(&ten, &call(&contract(), "{}", 7));
    assert!(matches!(
        judge(&three, &call(&contract(), "{}", 3)),
        Verdict::AcceptAndDelete
    ));
}

#[test]
fn a_combined_limit_ends_with_either_and_the_next_grant_goes_on() {
    let limit = |calls_remaining, amount| {
        pack(&CombinedLimit {
            calls_remaining,
            amounts: wire(amount),
        })
    };
    let both = execution(vec![grant(limit(2, 5), all()), grant(limit(9, 100), all())]);
    // too much for the first, so the second is drawn on
    let Authorization::Execution(left) = after(&both, &call(&contract(), "{}", 60)) else {
        panic!("the kind has changed");
    };
    assert_eq!(left.grants[0].limit, Some(limit(2, 5)));
    assert_eq!(left.grants[1].limit, Some(limit(8, 40)));
    let first = after(&both, &call(&contract(), "{}", 5));
    assert_eq!(
        first,
        execution(vec![grant(limit(9, 100), all())]),
        "a spent grant is dropped"
    );
}

#[test]
fn filters_admit_keys_or_whole_messages() {
    let keys = pack(&AcceptedMessageKeysFilter {
        keys: vec!["transfer".into(), "burn".into()],
    });
    let by_key = execution(vec![grant(calls(9), keys)]);
    after(&by_key, &call(&contract(), "{\"transfer\":{\"to\":\"x\"}}", 0));
    for refused in [
        "{\"mint\":{}}",
        "{\"transfer\":{},\"mint\":{}}",
        "[\"transfer\"]",
        "{}",
    ] {
        assert!(
            matches!(judge(&by_key, &call(&contract(), refused, 0)), Verdict::Refuse),
            "{refused}"
        );
    }
    let broken = by_key.accept(&cx(), &call(&contract(), "{", 0)).unwrap_err();
    assert!(broken.is(&errors::UNAUTHORIZED), "{broken}");
    let exact = pack(&AcceptedMessagesFilter {
        messages: vec![b"{\"a\":1}".to_vec()],
    });
    let by_message = execution(vec![grant(calls(9), exact)]);
    after(&by_message, &call(&contract(), "{\"a\":1}", 0));
    assert!(matches!(
        judge(&by_message, &call(&contract(), "{\"a\": 1}", 0)),
        Verdict::Refuse
    ));
}

#[test]
fn grants_that_mean_nothing_are_refused_with_wasmds_codes() {
    let bad = |limit: Option<Any>, filter: Option<Any>| {
        let grant = ContractGrant {
            contract: contract(),
            limit,
            filter,
        };
        execution(vec![grant]).validate().unwrap_err()
    };
    assert!(execution(vec![]).validate().unwrap_err().is(&WASM_EMPTY));
    let undefined = bad(None, Some(all()));
    assert_eq!(
        undefined.to_string(),
        "position 0: limit: undefined limit: invalid type"
    );
    assert!(bad(Some(calls(0)), Some(all())).is(&WASM_EMPTY));
    // coins that are none have no code there
    let limit = pack(&MaxFundsLimit { amounts: wire(0) });
    let refused = bad(Some(limit), Some(all()));
    assert_eq!((refused.codespace(), refused.code()), ("undefined", 1));
    let text = refused.to_string();
    assert!(text.ends_with("coin 0nqrn amount is not positive"), "{text}");
    let limit = pack(&CombinedLimit {
        calls_remaining: 1,
        amounts: wire(0),
    });
    assert!(bad(Some(limit), Some(all())).is(&WASM_EMPTY));
    // a contract may write nothing in other ways, which wasmd reads as it
    for zero in ["00", "-0"] {
        let amounts = || {
            let mut amounts = wire(0);
            amounts[0].amount = zero.into();
            amounts
        };
        let limit = pack(&MaxFundsLimit { amounts: amounts() });
        let refused = bad(Some(limit), Some(all()));
        assert_eq!((refused.codespace(), refused.code()), ("undefined", 1), "{zero}");
        let limit = pack(&CombinedLimit {
            calls_remaining: 1,
            amounts: amounts(),
        });
        assert!(bad(Some(limit), Some(all())).is(&WASM_EMPTY), "{zero}");
    }
    let twice = pack(&AcceptedMessageKeysFilter {
        keys: vec!["a".into(), "a".into()],
    });
    assert!(bad(Some(calls(1)), Some(twice)).is(&WASM_DUPLICATE));
    // a limit where a filter belongs is no transaction at all
    let swapped = pack(&ContractExecutionAuthorization {
        grants: vec![grant(all(), calls(1))],
    });
    assert!(check_type(&swapped).unwrap_err().is(&errors::TX_DECODE));
}

#[test]
fn uploads_are_granted_by_hash_and_by_who_may_use_them() {
    let code = b"\0asm code".to_vec();
    let store = |instantiate_permission| {
        let any = pack(&MsgStoreCode {
            sender: String::new(),
            wasm_byte_code: code.clone(),
            instantiate_permission,
        });
        AnyMsg {
            type_url: any.type_url,
            value: any.value,
        }
    };
    let access = |kind: AccessType| AccessConfig {
        permission: kind.into(),
        addresses: vec![],
    };
    let may = |code_hash: &[u8], instantiate_permission| {
        let grants = vec![CodeGrant {
            code_hash: code_hash.to_vec(),
            instantiate_permission,
        }];
        let authorization = Authorization::StoreCode(StoreCodeAuthorization { grants });
        authorization.validate().unwrap();
        authorization
    };
    let hash = Sha256::digest(&code);
    assert!(matches!(judge(&may(&hash, None), &store(None)), Verdict::Accept));
    assert!(matches!(judge(&may(b"*", None), &store(None)), Verdict::Accept));
    assert!(matches!(
        judge(&may(&[7; 32], None), &store(None)),
        Verdict::Refuse
    ));
    let nobody = may(&hash, Some(access(AccessType::Nobody)));
    assert!(matches!(
        judge(&nobody, &store(Some(access(AccessType::Everybody)))),
        Verdict::Refuse
    ));
    assert!(matches!(
        judge(&nobody, &store(Some(access(AccessType::Nobody)))),
        Verdict::Accept
    ));
    assert!(matches!(judge(&nobody, &store(None)), Verdict::Refuse));
}
