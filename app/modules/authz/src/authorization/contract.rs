//! Grants to call or migrate contracts (wasmd `x/wasm/types/authz.go`).

use quern_context::{AnyMsg, Cx};
use quern_proto::{
    Any,
    cosmwasm::wasm::v1::{ContractGrant, MsgExecuteContract, MsgMigrateContract},
};
use quern_types::{AccAddress, Coins, Result, errors};

use super::{coins, decode, filter, limit};
use crate::error::WASM_EMPTY;

/// What the grants say of a call, and the grants after it where it uses some up.
pub(super) enum Verdict {
    Refuse,
    Unchanged,
    Changed(Vec<ContractGrant>),
}

/// A call as the grants see it.
pub(super) struct Call {
    pub contract: String,
    pub msg: Vec<u8>,
    pub funds: Coins,
}

/// Refuses limits and filters of another type, as decoding a transaction does.
pub(super) fn check_types(grant: &ContractGrant) -> Result<()> {
    let wrong = |any: &Any, what: &str| {
        errors::TX_DECODE.wrap(format!(
            "{what}: no concrete type registered for type URL {} against interface *types.ContractAuthz{}X",
            any.type_url,
            if what == "limit" { "Limit" } else { "Filter" }
        ))
    };
    if let Some(any) = grant
        .filter
        .as_ref()
        .filter(|any| filter::read(Some(any)).is_none())
    {
        return Err(wrong(any, "filter"));
    }
    match grant
        .limit
        .as_ref()
        .filter(|any| limit::read(Some(any)).is_none())
    {
        Some(any) => Err(wrong(any, "limit")),
        None => Ok(()),
    }
}

pub(super) fn validate(grants: &[ContractGrant]) -> Result<()> {
    if grants.is_empty() {
        return Err(WASM_EMPTY.wrap("grants"));
    }
    for (i, grant) in grants.iter().enumerate() {
        validate_one(grant).map_err(|e| e.wrap(format!("position {i}")))?;
    }
    Ok(())
}

fn validate_one(grant: &ContractGrant) -> Result<()> {
    AccAddress::from_bech32(&grant.contract).map_err(|e| e.wrap("contract"))?;
    limit::read(grant.limit.as_ref())
        .ok_or_else(|| errors::INVALID_TYPE.wrap("undefined limit"))
        .and_then(|limit| limit.validate())
        .map_err(|e| e.wrap("limit"))?;
    filter::read(grant.filter.as_ref())
        .ok_or_else(|| errors::INVALID_TYPE.wrap("undefined filter"))
        .and_then(|filter| filter.validate())
        .map_err(|e| e.wrap("filter"))
}

pub(super) fn accept_execution(cx: &Cx, grants: &[ContractGrant], msg: &AnyMsg) -> Result<Verdict> {
    if msg.type_url != "/cosmwasm.wasm.v1.MsgExecuteContract" {
        return Err(errors::INVALID_TYPE.wrap("type mismatch"));
    }
    let execute: MsgExecuteContract = decode(&msg.value)?;
    let call = Call {
        contract: execute.contract,
        msg: execute.msg,
        funds: coins(&execute.funds)?,
    };
    accept(cx, grants, &call)
}

pub(super) fn accept_migration(cx: &Cx, grants: &[ContractGrant], msg: &AnyMsg) -> Result<Verdict> {
    if msg.type_url != "/cosmwasm.wasm.v1.MsgMigrateContract" {
        return Err(errors::INVALID_TYPE.wrap("type mismatch"));
    }
    let migrate: MsgMigrateContract = decode(&msg.value)?;
    let call = Call {
        contract: migrate.contract,
        msg: migrate.msg,
        funds: Coins::empty(),
    };
    accept(cx, grants, &call)
}

/// The first grant that applies decides and is used up.
fn accept(cx: &Cx, grants: &[ContractGrant], call: &Call) -> Result<Verdict> {
    if call.msg.is_empty() {
        return Err(errors::INVALID_TYPE.wrap("empty message"));
    }
    for (i, grant) in grants.iter().enumerate() {
        if grant.contract != call.contract {
            continue;
        }
        let left = limit::read(grant.limit.as_ref())
            .ok_or_else(|| errors::NOT_FOUND.wrap("undefined limit"))
            .and_then(|limit| limit.accept(call))
            .map_err(|e| e.wrap("limit"))?;
        if matches!(left, limit::Left::NotApplicable) {
            continue;
        }
        let admitted = filter::read(grant.filter.as_ref())
            .ok_or_else(|| errors::NOT_FOUND.wrap("undefined filter"))
            .and_then(|filter| filter.accept(cx, &call.msg))
            .map_err(|e| e.wrap("filter"))?;
        if !admitted {
            continue;
        }
        let mut after = grants.to_vec();
        match left {
            limit::Left::Unchanged | limit::Left::NotApplicable => return Ok(Verdict::Unchanged),
            limit::Left::Nothing => {
                after.remove(i);
            }
            limit::Left::Limit(new) => {
                if let Some(grant) = after.get_mut(i) {
                    grant.limit = Some(new);
                }
            }
        }
        return Ok(Verdict::Changed(after));
    }
    Ok(Verdict::Refuse)
}
