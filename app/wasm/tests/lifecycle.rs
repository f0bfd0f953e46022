//! Storing, making, calling, moving and administering contracts.

use crate::common;

use std::io::Write;

use common::{Chain, account, artifact, coin, execute_msg, probe};
use quern_auth::{Schedule, Vesting};
use quern_proto::cosmwasm::wasm::v1::{
    AccessConfig, AccessType, MsgClearAdmin, MsgInstantiateContract2, MsgInstantiateContract2Response,
    MsgMigrateContract, MsgPinCodes, MsgStoreCode, MsgStoreCodeResponse, MsgSudoContract, MsgUnpinCodes,
    MsgUpdateAdmin, MsgUpdateContractLabel, MsgUpdateInstantiateConfig, QueryAllContractStateRequest,
    QueryAllContractStateResponse, QueryCodeRequest, QueryCodeResponse, QueryContractHistoryRequest,
    QueryContractHistoryResponse, QueryContractInfoRequest, QueryContractInfoResponse,
    QueryContractsByCodeRequest, QueryContractsByCodeResponse, QueryContractsByCreatorRequest,
    QueryContractsByCreatorResponse, QueryPinnedCodesRequest, QueryPinnedCodesResponse,
    QueryRawContractStateRequest, QueryRawContractStateResponse,
};
use quern_types::{AccAddress, errors as sdk, module_address};
use quern_wasm::{address, errors};
use serde_json::{Value, json};

fn governance() -> AccAddress {
    module_address("gov")
}

fn store(sender: &AccAddress, code: Vec<u8>, permission: Option<AccessConfig>) -> MsgStoreCode {
    MsgStoreCode {
        sender: sender.to_string(),
        wasm_byte_code: code,
        instantiate_permission: permission,
    }
}

fn contract_info(chain: &Chain, contract: &AccAddress) -> quern_proto::cosmwasm::wasm::v1::ContractInfo {
    let request = QueryContractInfoRequest {
        address: contract.to_string(),
    };
    let response: QueryContractInfoResponse = chain.query("ContractInfo", request).unwrap();
    response.contract_info.unwrap()
}

#[test]
fn a_code_is_stored_plain_or_packed_under_the_same_checksum() {
    let mut chain = Chain::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&probe()).unwrap();
    let packed = encoder.finish().unwrap();

    chain.store(&account(2), probe()); // so that the counter is there for both
    let plain = chain.deliver(&store(&account(1), probe(), None)).unwrap();
    let zipped = chain.deliver(&store(&account(1), packed.clone(), None)).unwrap();
    let (a, b): (MsgStoreCodeResponse, MsgStoreCodeResponse) = (plain.response(), zipped.response());
    assert_eq!((a.code_id, b.code_id), (2, 3));
    assert_eq!(a.checksum, b.checksum);
    // Unpacking is charged by the packed byte, to the unit.
    assert_eq!(zipped.gas - plain.gas, packed.len() as u64 * 15 / 100);

    let event = plain.event("store_code");
    let keys: Vec<_> = event.attributes.iter().map(|a| a.key.as_str()).collect();
    assert_eq!(keys, ["code_checksum", "code_id"]);
    let code: QueryCodeResponse = chain.query("Code", QueryCodeRequest { code_id: 1 }).unwrap();
    assert_eq!(code.data, probe());
}

#[test]
fn bytes_that_are_no_contract_are_refused_and_cost_their_gas() {
    let mut chain = Chain::new();
    for code in [
        b"\0asm".to_vec(),
        b"not wasm".to_vec(),
        common::vm_testdata("corrupted.wasm"),
    ] {
        let len = code.len() as u64;
        let (result, used) = chain.deliver_with(common::GAS, &store(&account(1), code, None));
        assert!(result.unwrap_err().is(&errors::CREATE_FAILED));
        assert!(used > len * 3);
    }
    let (result, _) = chain.deliver_with(10_000, &store(&account(1), probe(), None));
    assert!(result.unwrap_err().is(&sdk::OUT_OF_GAS));
}

#[test]
fn a_contract_is_made_called_and_asked() {
    let (mut chain, contract) = Chain::with_probe();
    assert_eq!(contract, address::classic(1, 1).unwrap());
    let done = chain
        .execute(
            &account(2),
            &contract,
            json!({"echo": {"attrs": [["colour", " red "]], "data": "aGk="}}),
        )
        .unwrap();
    assert_eq!(done.types(), ["execute", "wasm"]);
    let wasm = done.event("wasm");
    assert_eq!(wasm.attributes[0].key, "_contract_address");
    assert_eq!(wasm.get("colour"), Some("red"));
    assert_eq!(done.data(), b"hi");

    chain
        .execute(&account(2), &contract, json!({"set": {"key": "k", "value": "v"}}))
        .unwrap();
    assert_eq!(
        chain.ask(&contract, json!({"get": {"key": "k"}})).unwrap(),
        json!("v")
    );
    let request = QueryRawContractStateRequest {
        address: contract.to_string(),
        query_data: b"data/k".to_vec(),
    };
    let raw: QueryRawContractStateResponse = chain.query("RawContractState", request).unwrap();
    assert_eq!(raw.data, b"v");
}

#[test]
fn a_contract_sees_block_transaction_and_itself() {
    let (chain, contract) = Chain::with_probe();
    let env: Value = chain.ask(&contract, json!({"env": {}})).unwrap();
    assert_eq!(
        env["block"],
        json!({"height": 12, "time": "1700000000000000005", "chain_id": "quern-test-1"})
    );
    assert_eq!(env["contract"]["address"], contract.to_string());
    assert_eq!(env["transaction"], Value::Null, "a query is no transaction");
}

#[test]
fn coins_reach_the_contract_before_it_runs_with_the_banks_events() {
    let (mut chain, contract) = Chain::with_probe();
    chain.fund(&account(2), "10nqrn");
    let mut msg = execute_msg(&account(2), &contract, json!({"echo": {}}));
    msg.funds = vec![coin(4, "nqrn")];
    let done = chain.deliver(&msg).unwrap();
    assert_eq!(
        done.types(),
        ["coin_spent", "coin_received", "transfer", "execute"]
    );
    assert_eq!(chain.balance(&contract, "nqrn"), 4);
    msg.funds = vec![coin(7, "nqrn")];
    assert!(chain.deliver(&msg).unwrap_err().is(&sdk::INSUFFICIENT_FUNDS));
    assert_eq!(chain.balance(&account(2), "nqrn"), 6);
}

#[test]
fn a_failed_call_names_the_contracts_own_error_and_changes_nothing() {
    let (mut chain, contract) = Chain::with_probe();
    let error = chain
        .execute(&account(1), &contract, json!({"fail": {}}))
        .unwrap_err();
    assert!(error.is(&errors::EXECUTE_FAILED));
    assert!(
        error
            .to_string()
            .ends_with("probe failed as asked: execute wasm contract failed"),
        "{error}"
    );
    let stranger = account(9);
    let error = chain
        .execute(&account(1), &stranger, json!({"echo": {}}))
        .unwrap_err();
    assert!(error.is(&errors::NO_SUCH_CONTRACT));
    assert_eq!(error.to_string(), format!("address {stranger}: no such contract"));
}

#[test]
fn instantiate2_lands_on_the_predicted_address_once() {
    let mut chain = Chain::new();
    let code = chain.store(&account(1), probe());
    let msg = MsgInstantiateContract2 {
        sender: account(1).to_string(),
        code_id: code,
        label: "two".into(),
        msg: b"{}".to_vec(),
        salt: b"salt".to_vec(),
        ..Default::default()
    };
    let done = chain.deliver(&msg).unwrap();
    let made = done.response::<MsgInstantiateContract2Response>().address;
    let checksum = cosmwasm_std::Checksum::generate(&probe());
    let predicted = address::predictable(checksum.as_slice(), &account(1), b"salt", b"").unwrap();
    assert_eq!(made, predicted.to_string());
    assert!(chain.deliver(&msg).unwrap_err().is(&errors::DUPLICATE));

    let fixed = MsgInstantiateContract2 { fix_msg: true, ..msg };
    let done = chain.deliver(&fixed).unwrap();
    let predicted = address::predictable(checksum.as_slice(), &account(1), b"salt", b"{}").unwrap();
    assert_eq!(
        done.response::<MsgInstantiateContract2Response>().address,
        predicted.to_string()
    );
}

#[test]
fn a_contract_frees_no_coins_that_were_locked_where_it_comes_to_be() {
    let mut chain = Chain::new();
    let code = chain.store(&account(1), probe());
    let checksum = cosmwasm_std::Checksum::generate(&probe());
    let place = address::predictable(checksum.as_slice(), &account(1), b"salt", b"").unwrap();
    let cx = chain.tx(1_000_000);
    let locked = "70nqrn".parse().unwrap();
    let vesting = Vesting::new(locked, i64::MAX, Schedule::Delayed).unwrap();
    quern_auth::create_vesting(&cx, &place, vesting).unwrap();
    cx.merge();
    chain.fund(&place, "70nqrn,5other");
    chain.fund(&account(1), "3nqrn");
    let msg = MsgInstantiateContract2 {
        sender: account(1).to_string(),
        code_id: code,
        label: "two".into(),
        msg: b"{}".to_vec(),
        funds: vec![coin(3, "nqrn")],
        salt: b"salt".to_vec(),
        ..Default::default()
    };
    chain.deliver(&msg).unwrap();
    assert_eq!(
        chain.balance(&place, "nqrn"),
        3,
        "what was locked is burned, as in wasmd"
    );
    assert_eq!(chain.balance(&place, "other"), 5);
}

#[test]
fn only_the_admin_migrates_and_history_and_indexes_follow() {
    let mut chain = Chain::new();
    let (first, second) = (
        chain.store(&account(1), probe()),
        chain.store(&account(1), probe()),
    );
    let contract = chain.instantiate(&account(1), first, json!({}));
    let migrate = |sender: u8| MsgMigrateContract {
        sender: account(sender).to_string(),
        contract: contract.to_string(),
        code_id: second,
        msg: br#"{"note":"moved"}"#.to_vec(),
    };
    assert!(chain.deliver(&migrate(2)).unwrap_err().is(&sdk::UNAUTHORIZED));
    let done = chain.deliver(&migrate(1)).unwrap();
    assert_eq!(done.types(), ["migrate", "wasm"]);
    assert_eq!(done.event("migrate").attributes[0].key, "code_id");
    assert_eq!(
        chain.ask(&contract, json!({"get": {"key": "migrated"}})).unwrap(),
        json!("moved")
    );
    assert_eq!(contract_info(&chain, &contract).code_id, second);

    let history: QueryContractHistoryResponse = chain
        .query(
            "ContractHistory",
            QueryContractHistoryRequest {
                address: contract.to_string(),
                pagination: None,
            },
        )
        .unwrap();
    let codes: Vec<_> = history.entries.iter().map(|e| (e.operation, e.code_id)).collect();
    assert_eq!(codes, [(1, first), (2, second)]);
    let by_code = |chain: &Chain, code_id| -> Vec<String> {
        let request = QueryContractsByCodeRequest {
            code_id,
            pagination: None,
        };
        let r: QueryContractsByCodeResponse = chain.query("ContractsByCode", request).unwrap();
        r.contracts
    };
    assert!(by_code(&chain, first).is_empty());
    assert_eq!(by_code(&chain, second), [contract.to_string()]);
    let request = QueryContractsByCreatorRequest {
        creator_address: account(1).to_string(),
        pagination: None,
    };
    let by_creator: QueryContractsByCreatorResponse = chain.query("ContractsByCreator", request).unwrap();
    assert_eq!(by_creator.contract_addresses, [contract.to_string()]);
}

#[test]
fn admin_and_label_change_hands_and_a_cleared_admin_ends_it() {
    let (mut chain, contract) = Chain::with_probe();
    let to_two = MsgUpdateAdmin {
        sender: account(1).to_string(),
        new_admin: account(2).to_string(),
        contract: contract.to_string(),
    };
    let done = chain.deliver(&to_two).unwrap();
    assert_eq!(
        done.event("update_contract_admin").get("new_admin_address"),
        Some(account(2).to_string().as_str())
    );
    assert!(chain.deliver(&to_two).unwrap_err().is(&sdk::UNAUTHORIZED));
    let label = |sender: u8| MsgUpdateContractLabel {
        sender: account(sender).to_string(),
        new_label: "new name".into(),
        contract: contract.to_string(),
    };
    assert!(chain.deliver(&label(1)).is_err());
    chain.deliver(&label(2)).unwrap();
    let clear = MsgClearAdmin {
        sender: account(2).to_string(),
        contract: contract.to_string(),
    };
    chain.deliver(&clear).unwrap();
    let info = contract_info(&chain, &contract);
    assert_eq!((info.admin.as_str(), info.label.as_str()), ("", "new name"));
    assert!(chain.deliver(&label(2)).unwrap_err().is(&sdk::UNAUTHORIZED));
    // Governance acts for whoever is absent.
    let by_gov = MsgUpdateAdmin {
        sender: governance().to_string(),
        new_admin: account(3).to_string(),
        contract: contract.to_string(),
    };
    chain.deliver(&by_gov).unwrap();
}

#[test]
fn upload_and_instantiate_permissions_bind_all_but_governance() {
    use quern_genesis::AccessType as Document;
    let mut chain = Chain::with(quern_wasm::Options::new, |genesis| {
        genesis.params.code_upload_access.permission = Document::AnyOfAddresses;
        genesis.params.code_upload_access.addresses = vec![account(1)];
    });
    assert!(
        chain
            .deliver(&store(&account(2), probe(), None))
            .unwrap_err()
            .is(&sdk::UNAUTHORIZED)
    );
    let nobody = AccessConfig {
        permission: AccessType::Nobody.into(),
        addresses: vec![],
    };
    chain
        .deliver(&store(&account(1), probe(), Some(nobody.clone())))
        .unwrap();
    chain.deliver(&store(&governance(), probe(), None)).unwrap();

    let refused = chain.try_instantiate(&account(1), 1, json!({}), &[]).unwrap_err();
    assert!(refused.is(&sdk::UNAUTHORIZED));
    chain.try_instantiate(&governance(), 1, json!({}), &[]).unwrap();
    let open_up = |sender: &AccAddress| MsgUpdateInstantiateConfig {
        sender: sender.to_string(),
        code_id: 1,
        new_instantiate_permission: Some(AccessConfig {
            permission: AccessType::AnyOfAddresses.into(),
            addresses: vec![account(5).to_string()],
        }),
    };
    assert!(
        chain
            .deliver(&open_up(&account(2)))
            .unwrap_err()
            .is(&sdk::UNAUTHORIZED)
    );
    let done = chain.deliver(&open_up(&account(1))).unwrap();
    let event = done.event("update_code_access_config");
    assert_eq!(event.get("code_permission"), Some("AnyOfAddresses"));
    chain.try_instantiate(&account(5), 1, json!({}), &[]).unwrap();
    assert!(chain.try_instantiate(&account(6), 1, json!({}), &[]).is_err());
}

#[test]
fn pinning_is_governances_and_makes_calls_cheaper_by_the_difference() {
    let (mut chain, contract) = Chain::with_probe();
    let msg = execute_msg(&account(1), &contract, json!({"echo": {}}));
    let unpinned = chain.deliver(&msg).unwrap().gas;
    let pin = |authority: &AccAddress| MsgPinCodes {
        authority: authority.to_string(),
        code_ids: vec![1],
    };
    assert!(chain.deliver(&pin(&account(1))).unwrap_err().is(&errors::INVALID));
    let done = chain.deliver(&pin(&governance())).unwrap();
    assert!(done.gas > 500_000 && done.types() == ["pin_code"]);
    assert_eq!(chain.deliver(&msg).unwrap().gas, unpinned - 58_000);
    let pinned: QueryPinnedCodesResponse = chain
        .query("PinnedCodes", QueryPinnedCodesRequest::default())
        .unwrap();
    assert_eq!(pinned.code_ids, [1]);
    let unpin = MsgUnpinCodes {
        authority: governance().to_string(),
        code_ids: vec![1],
    };
    chain.deliver(&unpin).unwrap();
    assert_eq!(chain.deliver(&msg).unwrap().gas, unpinned);
}

#[test]
fn sudo_is_for_the_chain_and_for_governance() {
    let (mut chain, contract) = Chain::with_probe();
    let sudo = |authority: &AccAddress| MsgSudoContract {
        authority: authority.to_string(),
        contract: contract.to_string(),
        msg: br#"{"set":{"key":"s","value":"by gov"}}"#.to_vec(),
    };
    assert!(chain.deliver(&sudo(&account(1))).is_err());
    let done = chain.deliver(&sudo(&governance())).unwrap();
    assert_eq!(done.types(), ["sudo", "wasm"]);
    // As a hook: no transaction, no gas limit, yet the cost of preparing the contract counts.
    let cx = chain.cx.fork();
    chain
        .wasm
        .sudo(
            &cx,
            &chain.router,
            &contract,
            br#"{"set":{"key":"s","value":"by hook"}}"#,
        )
        .unwrap();
    assert!(cx.gas.consumed() > 60_000);
    cx.merge();
    assert_eq!(
        chain.ask(&contract, json!({"get": {"key": "s"}})).unwrap(),
        json!("by hook")
    );
    let error = chain
        .wasm
        .sudo(&chain.cx.fork(), &chain.router, &contract, br#"{"fail":{}}"#)
        .unwrap_err();
    assert!(
        error.is(&errors::EXECUTE_FAILED),
        "a hook sees the contract's failure"
    );
}

#[test]
fn transactions_of_a_block_are_counted_from_zero() {
    let chain = Chain::new();
    let count = || chain.wasm.ante_count_tx(&chain.cx).unwrap();
    assert_eq!((count(), count(), count()), (0, 1, 2));
    let mut next = (*chain.cx.block).clone();
    next.height += 1;
    let mut cx = chain.cx.clone();
    cx.block = std::sync::Arc::new(next);
    assert_eq!(chain.wasm.ante_count_tx(&cx).unwrap(), 0);
}

#[test]
fn pages_are_bounded_and_go_on_where_they_stopped() {
    let (mut chain, contract) = Chain::with_probe();
    for i in 0..5 {
        let set = json!({"set": {"key": i.to_string(), "value": "v"}});
        chain.execute(&account(1), &contract, set).unwrap();
    }
    let page = |key: Vec<u8>, limit, offset| QueryAllContractStateRequest {
        address: contract.to_string(),
        pagination: Some(quern_proto::cosmos::base::query::v1beta1::PageRequest {
            key,
            limit,
            offset,
            ..Default::default()
        }),
    };
    let first: QueryAllContractStateResponse = chain.query("AllContractState", page(vec![], 3, 0)).unwrap();
    assert_eq!(first.models.len(), 3);
    let next = first.pagination.unwrap().next_key;
    let rest: QueryAllContractStateResponse = chain.query("AllContractState", page(next, 100, 0)).unwrap();
    assert_eq!(rest.models.len(), 2);
    let counted = chain.query::<_, QueryAllContractStateResponse>("AllContractState", page(vec![], 3, 1));
    assert!(counted.unwrap_err().is(&sdk::INVALID_REQUEST));
}

#[test]
fn simulated_codes_leave_no_file_behind() {
    let mut chain = Chain::new();
    chain.cx.mode = quern_context::Mode::Simulate;
    let done = chain
        .deliver(&store(&account(1), artifact("probe.wasm"), None))
        .unwrap();
    assert!(
        done.gas > probe().len() as u64 * 3,
        "yet it costs what storing costs"
    );
    let files = std::fs::read_dir(chain.dir.path().join("state/wasm"))
        .unwrap()
        .count();
    assert_eq!(files, 0);
}
