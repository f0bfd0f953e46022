//! Reports.

use cosmwasm_std::{DepsMut, Env, MessageInfo, Response};
use quern_interface::audits::Phase;
use quern_protocol::Node;

use super::{in_time, round, sender};
use crate::error::{ContractError, Result};
use crate::say;
use crate::state::WORK;
use crate::table::Table;

/// Commits a report. Attributes: `action`, `round`, `auditor`.
pub fn commit(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    number: u64,
    auditor: String,
    (root, findings): (Node, u32),
) -> Result<Response> {
    let (round, params) = round(&deps, number, &[Phase::Commit])?;
    in_time(&round, &env, params.commit_blocks)?;
    let auditor = sender(&deps, &env, &info, &auditor)?;
    let work = WORK.find(deps.storage, &auditor)?;
    let mut work = work.ok_or_else(|| ContractError::NotAssigned(auditor.to_string()))?;
    if work.root.is_some() {
        return Err(ContractError::BadReport("one was committed"));
    }
    if findings != work.count {
        return Err(ContractError::BadReport(
            "as many findings as leaves were assigned",
        ));
    }
    // pay is by position, so nobody verifies more than there was
    if root.sum.0 > work.positions.into() {
        return Err(ContractError::BadReport("more positions than were assigned"));
    }
    work.root = Some(root);
    WORK.write(deps.storage, &auditor, &work)?;
    Ok(say::answer(
        "commit_report",
        &[("round", number.to_string()), ("auditor", auditor.to_string())],
    ))
}
