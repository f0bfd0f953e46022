//! Verdicts on what was committed.

use cosmwasm_std::{DepsMut, Env, MessageInfo, Response};
use quern_interface::poc_weights::Judged;

use super::take_record;
use crate::error::{ContractError, Result};
use crate::state::{ACCOUNTS, CONFIG, PARAMS, PROOFS, SPRINTS};

/// Notes how many drawn leaves of a commit were confirmed, once. Attributes: `action`, `host`, `sprint`,
/// `model`, `clean`, `failed`.
pub fn judge(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    (sprint, host, model): (u64, String, String),
    clean: u32,
    failed: u32,
) -> Result<Response> {
    if !CONFIG.load(deps.storage)?.judges.contains(&info.sender) {
        return Err(ContractError::Unauthorized("a judge"));
    }
    if clean == 0 && failed == 0 {
        return Err(ContractError::BadVerdict("nothing was judged"));
    }
    let host = deps.api.addr_validate(&host)?;
    let unknown = || ContractError::UnknownProof {
        host: host.to_string(),
        model: model.clone(),
        sprint,
    };
    let key = (sprint, &host, model.as_str());
    let mut proof = PROOFS.may_load(deps.storage, key)?.ok_or_else(unknown)?;
    let sprint_info = SPRINTS.may_load(deps.storage, sprint)?.ok_or_else(unknown)?;
    if env.block.height <= sprint_info.deadline {
        return Err(ContractError::BadVerdict("the sprint still runs"));
    }
    if proof.judged.is_some() {
        return Err(ContractError::BadVerdict("it was judged"));
    }
    proof.judged = Some(Judged { clean, failed });
    PROOFS.save(deps.storage, key, &proof)?;

    let kept = PARAMS.load(deps.storage)?.judged_sprints as usize;
    let mut account = ACCOUNTS.may_load(deps.storage, &host)?.unwrap_or_default();
    let mut record = take_record(&mut account, &model);
    record.judged.push((sprint, clean, failed));
    record.judged.sort_unstable();
    let old = record.judged.len().saturating_sub(kept);
    record.judged.drain(..old);
    account.models.push(record);
    ACCOUNTS.save(deps.storage, &host, &account)?;
    Ok(Response::new()
        .add_attribute("action", "judge")
        .add_attribute("host", host)
        .add_attribute("sprint", sprint.to_string())
        .add_attribute("model", model)
        .add_attribute("clean", clean.to_string())
        .add_attribute("failed", failed.to_string()))
}
