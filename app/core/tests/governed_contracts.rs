//! Contracts by governance: every message of x/wasm through a passed proposal, and what becomes of the same message from
//! somebody else; a system contract that a proposal replaces.

use crate::support;

use std::process::Command;

use quern_proto::{
    Any,
    cosmos::gov::v1::{MsgSubmitProposal, ProposalStatus},
    cosmwasm::wasm::v1::*,
};
use quern_testkit::{User, any, coins};
use serde_json::{Value, json};
use support::{
    contract, deliver, failed,
    shipped::{World, address, ask},
};

use crate::governance::{governance, passed, status, world, world_with};

fn bytes(msg: Value) -> Vec<u8> {
    msg.to_string().into_bytes()
}

fn may(permission: AccessType, of: &[&User]) -> Option<AccessConfig> {
    Some(AccessConfig {
        permission: permission.into(),
        addresses: of.iter().map(|user| user.address().to_string()).collect(),
    })
}

fn last_code(w: &World) -> u64 {
    let request = QueryCodesRequest::default();
    let found: QueryCodesResponse = w.chain.query("/cosmwasm.wasm.v1.Query/Codes", &request).unwrap();
    found.code_infos.last().unwrap().code_id
}

fn code(w: &World, code_id: u64) -> QueryCodeInfoResponse {
    let request = QueryCodeInfoRequest { code_id };
    w.chain
        .query("/cosmwasm.wasm.v1.Query/CodeInfo", &request)
        .unwrap()
}

fn made_of(w: &World, code_id: u64) -> Vec<String> {
    let request = QueryContractsByCodeRequest {
        code_id,
        pagination: None,
    };
    let path = "/cosmwasm.wasm.v1.Query/ContractsByCode";
    let found: QueryContractsByCodeResponse = w.chain.query(path, &request).unwrap();
    found.contracts
}

fn info(w: &World, contract: &str) -> ContractInfo {
    let request = QueryContractInfoRequest {
        address: contract.into(),
    };
    let path = "/cosmwasm.wasm.v1.Query/ContractInfo";
    let found: QueryContractInfoResponse = w.chain.query(path, &request).unwrap();
    found.contract_info.unwrap()
}

fn pinned(w: &World) -> Vec<u64> {
    let request = QueryPinnedCodesRequest::default();
    let path = "/cosmwasm.wasm.v1.Query/PinnedCodes";
    let found: QueryPinnedCodesResponse = w.chain.query(path, &request).unwrap();
    found.code_ids
}

fn params(w: &World) -> Params {
    let path = "/cosmwasm.wasm.v1.Query/Params";
    let found: QueryParamsResponse = w.chain.query(path, &QueryParamsRequest {}).unwrap();
    found.params.unwrap()
}

/// A contract packed as wallets pack it: bytes of a proposal cost 190 gas each, as in the SDK, so that a block holds no
/// more than 200 kB of them.
fn packed(name: &str) -> Vec<u8> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/artifacts");
    let packed = Command::new("gzip")
        .arg("-9c")
        .arg(format!("{file}/{name}.wasm"))
        .output()
        .unwrap();
    assert!(packed.status.success(), "run `make contracts` first");
    packed.stdout
}

/// What a probe keeps.
fn kept(w: &World, contract: &str, key: &str) -> Value {
    support::probe::smart(&w.chain, contract, &json!({"get": {"key": key}}))
}

#[track_caller]
fn done(w: &mut World, messages: Vec<Any>) {
    let done = passed(w, messages);
    assert_eq!(status(&done), ProposalStatus::Passed, "{}", done.failed_reason);
}

/// Sent by somebody else, the message fails so.
#[track_caller]
fn refused(w: &mut World, from: &User, message: Any, codespace: &str, code: u32, log: &str) {
    let tx = w.chain.tx(from).message(message).gas(39_000_000).sign(from);
    failed(&deliver(&mut w.chain, tx), codespace, code, log);
}

/// Somebody with coins who is not governance.
fn mallory(w: &World) -> User {
    w.hosts[3].clone()
}

const NOT_GOVERNANCE: (&str, u32) = ("wasm", 14);

/// A message of governance in the name of whoever.
macro_rules! by {
    ($who:expr, $ty:ident { $($field:ident: $value:expr),* $(,)? }) => {
        any(&$ty { authority: $who.to_string(), $($field: $value),* })
    };
}

fn store(sender: impl ToString, permission: AccessType) -> Any {
    any(&MsgStoreCode {
        sender: sender.to_string(),
        wasm_byte_code: packed("probe"),
        instantiate_permission: may(permission, &[]),
    })
}

fn instantiate(sender: impl ToString, code_id: u64) -> Any {
    any(&MsgInstantiateContract {
        sender: sender.to_string(),
        admin: governance(),
        code_id,
        label: "governed".into(),
        msg: bytes(json!({"set": [["begun", "so"]]})),
        funds: vec![],
    })
}

fn instantiate2(sender: impl ToString, code_id: u64) -> Any {
    any(&MsgInstantiateContract2 {
        sender: sender.to_string(),
        admin: governance(),
        code_id,
        label: "foretold".into(),
        msg: bytes(json!({})),
        funds: vec![],
        salt: b"salt".to_vec(),
        fix_msg: false,
    })
}

/// A probe of governance, which nobody else may make.
fn probe(w: &mut World) -> (u64, String) {
    done(w, vec![store(governance(), AccessType::Nobody)]);
    let code = last_code(w);
    done(w, vec![instantiate(governance(), code)]);
    (code, made_of(w, code).remove(0))
}

#[test]
fn a_proposal_stores_a_code_and_makes_contracts_that_nobody_else_may_make() {
    let mut w = world();
    let (mallory, before) = (mallory(&w), last_code(&w));
    let (code_id, first) = probe(&mut w);
    assert_eq!((code_id, code(&w, code_id).creator), (before + 1, governance()));
    assert_eq!(kept(&w, &first, "begun"), json!("so"));
    assert_eq!(info(&w, &first).admin, governance());
    done(&mut w, vec![instantiate2(governance(), code_id)]);
    let foretold = made_of(&w, code_id)
        .into_iter()
        .find(|made| *made != first)
        .unwrap();
    assert_eq!(info(&w, &foretold).label, "foretold");

    let who = mallory.address();
    let no = ("sdk", 4, "can not instantiate: unauthorized");
    for message in [instantiate(&who, code_id), instantiate2(&who, code_id)] {
        refused(&mut w, &mallory, message, no.0, no.1, no.2);
    }
    // governance changes who may
    let open = |sender: String| {
        any(&MsgUpdateInstantiateConfig {
            sender,
            code_id,
            new_instantiate_permission: may(AccessType::Everybody, &[]),
        })
    };
    let no = "can not modify code access config: unauthorized";
    refused(&mut w, &mallory, open(who.to_string()), "sdk", 4, no);
    done(&mut w, vec![open(governance())]);
    let tx = w.chain.tx(&mallory).message(instantiate(&who, code_id));
    let tx = tx.gas(39_000_000).sign(&mallory);
    contract::instantiated(&deliver(&mut w.chain, tx));
    assert_eq!(made_of(&w, code_id).len(), 3);
}

#[test]
fn a_proposal_calls_commands_and_migrates_a_contract() {
    let mut w = world();
    let mallory = mallory(&w);
    let (code_id, probe) = probe(&mut w);
    let who = mallory.address().to_string();
    let set = |key: &str| bytes(json!({"set": {"key": key, "value": "yes"}}));
    let call = |contract: &str, msg: Vec<u8>, sender: &str| {
        any(&MsgExecuteContract {
            sender: sender.into(),
            contract: contract.into(),
            msg,
            funds: vec![],
        })
    };
    done(&mut w, vec![call(&probe, set("called"), &governance())]);
    assert_eq!(kept(&w, &probe, "called"), json!("yes"));
    // what a contract keeps for governance it refuses others, in its own words
    let params = ask(&w.chain, "bonding", &json!({"params": {}}));
    let update = call(&address("bonding"), bytes(json!({"update_params": params})), &who);
    let no = "unauthorized: only governance may do this: execute wasm contract failed";
    refused(&mut w, &mallory, update, "wasm", 5, no);

    let command = |who: &str| {
        by!(
            who,
            MsgSudoContract {
                contract: probe.clone(),
                msg: set("commanded")
            }
        )
    };
    refused(
        &mut w,
        &mallory,
        command(&who),
        NOT_GOVERNANCE.0,
        NOT_GOVERNANCE.1,
        "invalid",
    );
    assert_eq!(kept(&w, &probe, "commanded"), Value::Null);
    done(&mut w, vec![command(&governance())]);
    assert_eq!(kept(&w, &probe, "commanded"), json!("yes"));

    let migrate = |sender: &str, note: &str| {
        any(&MsgMigrateContract {
            sender: sender.into(),
            contract: probe.clone(),
            code_id,
            msg: bytes(json!({"note": note})),
        })
    };
    refused(
        &mut w,
        &mallory,
        migrate(&who, "no"),
        "sdk",
        4,
        "can not migrate: unauthorized",
    );
    done(&mut w, vec![migrate(&governance(), "first")]);
    assert_eq!(kept(&w, &probe, "migrated"), json!("first"));
    let stored = |who: &str, note: &str| {
        by!(
            who,
            MsgStoreAndMigrateContract {
                wasm_byte_code: packed("probe"),
                instantiate_permission: None,
                contract: probe.clone(),
                msg: bytes(json!({"note": note})),
            }
        )
    };
    refused(
        &mut w,
        &mallory,
        stored(&who, "no"),
        "sdk",
        4,
        "can not migrate: unauthorized",
    );
    let before = last_code(&w);
    done(&mut w, vec![stored(&governance(), "second")]);
    assert_eq!(kept(&w, &probe, "migrated"), json!("second"));
    assert_eq!(
        (info(&w, &probe).code_id, last_code(&w)),
        (before + 1, before + 1)
    );
}

#[test]
fn a_proposal_names_labels_and_frees_a_contract() {
    let mut w = world();
    let mallory = mallory(&w);
    let (_, probe) = probe(&mut w);
    let who = mallory.address().to_string();
    let label = |sender: &str| {
        any(&MsgUpdateContractLabel {
            sender: sender.into(),
            new_label: "renamed".into(),
            contract: probe.clone(),
        })
    };
    let admin = |sender: &str, to: &User| {
        any(&MsgUpdateAdmin {
            sender: sender.into(),
            new_admin: to.address().to_string(),
            contract: probe.clone(),
        })
    };
    let clear = |sender: &str| {
        any(&MsgClearAdmin {
            sender: sender.into(),
            contract: probe.clone(),
        })
    };
    let heir = User::new("heir");
    for message in [label(&who), admin(&who, &heir), clear(&who)] {
        refused(
            &mut w,
            &mallory,
            message,
            "sdk",
            4,
            "can not modify contract: unauthorized",
        );
    }
    done(&mut w, vec![label(&governance()), admin(&governance(), &heir)]);
    assert_eq!(
        (info(&w, &probe).label, info(&w, &probe).admin),
        ("renamed".into(), heir.address().to_string())
    );
    // it stands above any admin
    done(&mut w, vec![clear(&governance())]);
    assert_eq!(info(&w, &probe).admin, "");
    done(&mut w, vec![admin(&governance(), &mallory)]);
    assert_eq!(info(&w, &probe).admin, who);
}

#[test]
fn a_proposal_pins_codes_and_says_who_uploads() {
    let mut w = world();
    let (mallory, friend) = (mallory(&w), w.hosts[2].clone());
    let who = mallory.address().to_string();
    let (code_id, _) = probe(&mut w);
    let codes = || vec![code_id];
    let pin = |who: &str| by!(who, MsgPinCodes { code_ids: codes() });
    let unpin = |who: &str| by!(who, MsgUnpinCodes { code_ids: codes() });
    let restrict = |who: &str| {
        by!(
            who,
            MsgUpdateParams {
                params: Some(Params {
                    code_upload_access: may(AccessType::AnyOfAddresses, &[&friend]),
                    instantiate_default_permission: AccessType::Everybody.into(),
                }),
            }
        )
    };
    let addresses = || vec![who.clone()];
    let add = |who: &str| {
        by!(
            who,
            MsgAddCodeUploadParamsAddresses {
                addresses: addresses()
            }
        )
    };
    let remove = |who: &str| {
        by!(
            who,
            MsgRemoveCodeUploadParamsAddresses {
                addresses: addresses()
            }
        )
    };
    for message in [pin(&who), unpin(&who), restrict(&who), add(&who), remove(&who)] {
        refused(
            &mut w,
            &mallory,
            message,
            NOT_GOVERNANCE.0,
            NOT_GOVERNANCE.1,
            "invalid",
        );
    }
    done(&mut w, vec![pin(&governance())]);
    assert!(pinned(&w).contains(&code_id));
    done(&mut w, vec![unpin(&governance())]);
    assert!(!pinned(&w).contains(&code_id));

    done(&mut w, vec![restrict(&governance())]);
    let uploaders = |w: &World| params(w).code_upload_access.unwrap().addresses;
    assert_eq!(uploaders(&w), [friend.address().to_string()]);
    let create = |who: &str, label: &str| {
        by!(
            who,
            MsgStoreAndInstantiateContract {
                wasm_byte_code: packed("probe"),
                instantiate_permission: None,
                unpin_code: true,
                admin: String::new(),
                label: label.into(),
                msg: bytes(json!({})),
                funds: vec![],
                source: String::new(),
                builder: String::new(),
                code_hash: vec![],
            }
        )
    };
    for message in [store(&who, AccessType::Everybody), create(&who, "no")] {
        refused(
            &mut w,
            &mallory,
            message,
            "sdk",
            4,
            "can not create code: unauthorized",
        );
    }
    // governance is bound by no list
    done(&mut w, vec![create(&governance(), "at once")]);
    let made = made_of(&w, last_code(&w));
    assert_eq!(info(&w, &made[0]).label, "at once");

    done(&mut w, vec![add(&governance())]);
    let tx = w.chain.tx(&mallory).message(store(&who, AccessType::Everybody));
    let tx = tx.gas(39_000_000).sign(&mallory);
    contract::stored(&deliver(&mut w.chain, tx));
    done(&mut w, vec![remove(&governance())]);
    assert_eq!(uploaders(&w), [friend.address().to_string()]);
}

#[test]
fn a_proposal_in_another_name_is_not_taken() {
    let mut w = world();
    let mallory = mallory(&w);
    let pin = by!(mallory.address(), MsgPinCodes { code_ids: vec![1] });
    let submit = any(&MsgSubmitProposal {
        messages: vec![pin],
        initial_deposit: coins("1000000nqrn"),
        proposer: mallory.address().to_string(),
        metadata: "words".into(),
        title: "title".into(),
        summary: "summary".into(),
        expedited: false,
    });
    let no = "expected gov account as only signer for proposal message";
    let why = format!("{}: {no}", mallory.address());
    refused(&mut w, &mallory, submit, "gov", 13, &why);
}

#[test]
fn a_proposal_replaces_the_code_of_a_system_contract_and_the_chain_goes_on_with_it() {
    const EPOCH: u64 = 20;
    let mut w = world_with(EPOCH);
    let (contract, mallory) = (address("bonding"), mallory(&w));
    let held = ask(&w.chain, "bonding", &json!({"host_bonds": {}}));
    // larger codes than a proposal holds come by a transaction of anybody; the proposal says what is run
    let store = any(&MsgStoreCode {
        sender: mallory.address().to_string(),
        wasm_byte_code: packed("bonding"),
        instantiate_permission: None,
    });
    let tx = w.chain.tx(&mallory).message(store).gas(39_000_000).sign(&mallory);
    let new = contract::stored(&deliver(&mut w.chain, tx));
    let old = info(&w, &contract).code_id;
    assert_eq!(code(&w, new).checksum, code(&w, old).checksum);
    let replace = |sender: &str, code_id: u64| {
        any(&MsgMigrateContract {
            sender: sender.into(),
            contract: contract.clone(),
            code_id,
            msg: bytes(json!({})),
        })
    };
    let who = mallory.address().to_string();
    refused(
        &mut w,
        &mallory,
        replace(&who, new),
        "sdk",
        4,
        "can not migrate: unauthorized",
    );
    // another contract's code does not take its records over, and the whole proposal is undone
    let wrong = replace(&governance(), info(&w, &address("registry")).code_id);
    let failed = passed(&mut w, vec![wrong]);
    assert_eq!(status(&failed), ProposalStatus::Failed);
    assert!(
        failed.failed_reason.ends_with("migrate wasm contract failed"),
        "{}",
        failed.failed_reason
    );
    assert_eq!(info(&w, &contract).code_id, old);

    // a code that the chain calls each epoch is pinned, as genesis pins those that it brings
    let pin = by!(governance(), MsgPinCodes { code_ids: vec![new] });
    done(&mut w, vec![replace(&governance(), new), pin]);
    assert_eq!(info(&w, &contract).code_id, new);
    assert!(pinned(&w).contains(&new));
    assert_eq!(ask(&w.chain, "bonding", &json!({"host_bonds": {}})), held);
    let mut sets = 0;
    for _ in 0..EPOCH {
        let events = w.chain.block([]).events;
        assert!(
            events.iter().all(|event| event.r#type != "hook_failed"),
            "{events:?}"
        );
        sets += events
            .iter()
            .filter(|event| event.r#type == "validator_set")
            .count();
    }
    assert_eq!(sets, 1);
    w.chain.app.check_invariants(0).unwrap();
}
