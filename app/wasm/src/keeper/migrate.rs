//! Moving contracts to another code.

use std::sync::Arc;

use cosmwasm_std::Checksum;
use quern_context::{Cx, Router};
use quern_proto::cosmwasm::wasm::v1::{CodeInfo, ContractCodeHistoryEntry, ContractCodeHistoryOperationType};
use quern_types::{AccAddress, Error, Event, Result, errors as sdk};

use super::{
    Authority, Wasm,
    call::{Call, Entry},
    code_store,
    execute::Data,
};
use crate::{
    address, dispatch, errors,
    json::{self, MigrateInfo, Response},
    state,
};

/// Moves `contract` to code `new_code`.
pub(crate) fn migrate(
    wasm: &Wasm,
    cx: &Cx,
    router: &Arc<dyn Router>,
    contract: &AccAddress,
    caller: &AccAddress,
    new_code: u64,
    msg: &[u8],
) -> Result<Data> {
    let authority = Authority::of(cx, caller);
    let unknown = |what: &'static str| move || sdk::INVALID_REQUEST.wrap(what);
    let mut info = state::contract(cx, contract)?.ok_or_else(unknown("unknown contract"))?;
    if !authority.may_modify(&info.admin, caller) {
        return Err(sdk::UNAUTHORIZED.wrap("can not migrate"));
    }
    let new: CodeInfo = state::code(cx, new_code)?.ok_or_else(unknown("unknown code"))?;
    if !authority.may_instantiate(&new.instantiate_config.clone().unwrap_or_default(), caller) {
        return Err(sdk::UNAUTHORIZED.wrap("to use new code"));
    }
    let checksum = code_store::checksum(&new.code_hash)?;
    let report = wasm.report(cx, &checksum)?;
    if report.ibc {
        info.ibc_port_id = address::ibc_port(contract);
    } else if !info.ibc_port_id.is_empty() {
        return Err(errors::MIGRATION_FAILED.wrap("requires ibc callbacks"));
    }
    info.ibc2_port_id = address::ibc2_port(contract);

    let old = state::require_code(cx, info.code_id)?;
    let old_version = wasm
        .report(cx, &code_store::checksum(&old.code_hash)?)?
        .migrate_version;
    // State of the same declared version needs no migration.
    let needed = old_version.is_none() || report.migrate_version != old_version;
    let response = needed
        .then(|| {
            call(
                wasm,
                cx,
                router,
                contract,
                caller,
                (new_code, checksum),
                msg,
                old_version,
            )
        })
        .transpose()?;

    let (_, last) = state::last_history(cx, contract)?
        .ok_or_else(|| Error::halt(format!("contract {contract} has no history")))?;
    state::unindex_by_code(cx, contract, &last)?;
    let entry = ContractCodeHistoryEntry {
        operation: ContractCodeHistoryOperationType::Migrate.into(),
        code_id: new_code,
        updated: Some(state::position(cx)),
        msg: msg.to_vec(),
    };
    info.code_id = new_code;
    state::append_history(cx, contract, std::slice::from_ref(&entry))?;
    state::index_by_code(cx, contract, &entry)?;
    state::set_contract(cx, contract, &info)?;
    cx.emit(
        Event::new("migrate")
            .with("code_id", new_code)
            .with("_contract_address", contract),
    );
    let Some(response) = response else {
        return Ok(None);
    };
    let mut inner = cx.clone();
    inner.calls = authority.within_migrate(cx);
    dispatch::handle(wasm, &inner, router, contract, &info.ibc_port_id, response)
        .map_err(|e| dispatch::context(e, cx, "dispatch"))
}

#[allow(clippy::too_many_arguments)] // the arguments of the entry point itself
fn call(
    wasm: &Wasm,
    cx: &Cx,
    router: &Arc<dyn Router>,
    contract: &AccAddress,
    caller: &AccAddress,
    (code_id, checksum): (u64, Checksum),
    msg: &[u8],
    old_version: Option<u64>,
) -> Result<Response> {
    let call = Call {
        wasm,
        cx,
        router,
        contract,
        checksum,
    };
    call.charge_setup(state::is_pinned(cx, code_id)?, "Loading CosmWasm module: migrate")?;
    let info = json::to_vec(&MigrateInfo {
        sender: caller.to_string(),
        old_migrate_version: old_version,
    })?;
    call.run(&Entry::Migrate { msg, info }, &errors::MIGRATION_FAILED)
}
