//! Changing a contract's admin or label, a code's permission, and the module's parameters.

use quern_context::Cx;
use quern_proto::cosmwasm::wasm::v1::{AccessConfig, AccessType, ContractInfo, Params};
use quern_types::{AccAddress, Event, Result, errors as sdk};

use super::Authority;
use crate::{access, errors, state};

fn modifiable(cx: &Cx, contract: &AccAddress, caller: &AccAddress) -> Result<ContractInfo> {
    let info = state::contract(cx, contract)?.ok_or_else(|| sdk::INVALID_REQUEST.wrap("unknown contract"))?;
    if !Authority::of(cx, caller).may_modify(&info.admin, caller) {
        return Err(sdk::UNAUTHORIZED.wrap("can not modify contract"));
    }
    Ok(info)
}

/// Sets or clears the admin of a contract.
pub(crate) fn set_admin(
    cx: &Cx,
    contract: &AccAddress,
    caller: &AccAddress,
    admin: Option<&AccAddress>,
) -> Result<()> {
    let mut info = modifiable(cx, contract, caller)?;
    info.admin = admin.map(AccAddress::to_string).unwrap_or_default();
    state::set_contract(cx, contract, &info)?;
    cx.emit(
        Event::new("update_contract_admin")
            .with("_contract_address", contract)
            .with("new_admin_address", info.admin),
    );
    Ok(())
}

/// Sets the label of a contract.
pub(crate) fn set_label(cx: &Cx, contract: &AccAddress, caller: &AccAddress, label: &str) -> Result<()> {
    let mut info = modifiable(cx, contract, caller)?;
    info.label = label.to_owned();
    state::set_contract(cx, contract, &info)?;
    cx.emit(
        Event::new("update_contract_label")
            .with("_contract_address", contract)
            .with("new_label", label),
    );
    Ok(())
}

/// Changes who may instantiate a code.
pub(crate) fn set_instantiate_config(
    cx: &Cx,
    code_id: u64,
    caller: &AccAddress,
    config: AccessConfig,
) -> Result<()> {
    let mut info = state::require_code(cx, code_id)?;
    let default = state::params(cx)?.instantiate_default_permission;
    let kinds = AccessType::try_from(config.permission)
        .ok()
        .zip(AccessType::try_from(default).ok());
    let narrows = kinds.is_some_and(|(kind, bound)| access::is_subset_kind(kind, bound));
    if !Authority::of(cx, caller).may_modify_code(&info.creator, caller, narrows) {
        return Err(sdk::UNAUTHORIZED.wrap("can not modify code access config"));
    }
    let mut event = Event::new("update_code_access_config")
        .with("code_permission", access::name(config.permission))
        .with("code_id", code_id);
    if config.permission == i32::from(AccessType::AnyOfAddresses) && !config.addresses.is_empty() {
        event = event.with("authorized_addresses", config.addresses.join(","));
    }
    info.instantiate_config = Some(config);
    state::set_code(cx, code_id, &info)?;
    cx.emit(event);
    Ok(())
}

/// Lets more addresses upload.
pub(crate) fn add_uploaders(cx: &Cx, more: &[String]) -> Result<()> {
    change_uploaders(cx, |addresses| {
        for address in more {
            if !addresses.contains(address) {
                addresses.push(address.clone());
            }
        }
    })
}

/// Lets fewer addresses upload.
pub(crate) fn remove_uploaders(cx: &Cx, fewer: &[String]) -> Result<()> {
    change_uploaders(cx, |addresses| addresses.retain(|a| !fewer.contains(a)))
}

fn change_uploaders(cx: &Cx, change: impl FnOnce(&mut Vec<String>)) -> Result<()> {
    let mut params: Params = state::params(cx)?;
    let mut upload = params.code_upload_access.unwrap_or_default();
    if upload.permission != i32::from(AccessType::AnyOfAddresses) {
        return Err(errors::INVALID.wrap("permission"));
    }
    change(&mut upload.addresses);
    params.code_upload_access = Some(upload);
    state::set_params(cx, &params)
}
