//! Convictions and the way back.

use cosmwasm_std::{DepsMut, Env, MessageInfo, Response};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::state::{CONFIG, CONVICTIONS, MODELS, PARAMS};
use crate::{funds, hosts};

/// Raises the generation of (host, model) and takes the host out of the group, whatever the host's status.
/// Attributes: `action`, `host`, `model`, `generation`, `until`.
pub fn convict(deps: DepsMut, env: Env, info: MessageInfo, host: String, model: String) -> Result<Response> {
    funds::expect(&info, Amount::ZERO, "")?;
    if !CONFIG.load(deps.storage)?.judges.contains(&info.sender) {
        return Err(ContractError::Unauthorized("a judge"));
    }
    let host = deps.api.addr_validate(&host)?;
    let record = hosts::load(deps.storage, &host)?;
    if !MODELS.has(deps.storage, &model) {
        return Err(ContractError::UnknownModel(model));
    }
    let delay = PARAMS.load(deps.storage)?.requalify_blocks;
    let until = env.block.height.saturating_add(delay);
    let mut conviction = hosts::conviction(deps.storage, &model, &host)?;
    conviction.generation = conviction
        .generation
        .checked_add(1)
        .ok_or(ContractError::Overflow)?;
    conviction.until = Some(until);
    CONVICTIONS.save(deps.storage, (&model, &host), &conviction)?;
    hosts::save(deps.storage, &host, &record)?;
    Ok(Response::new()
        .add_attribute("action", "convict")
        .add_attribute("host", host)
        .add_attribute("model", model)
        .add_attribute("generation", conviction.generation.to_string())
        .add_attribute("until", until.to_string()))
}

/// The sender comes back into a group against the entry fee. Attributes: `action`, `host`, `model`.
pub fn requalify(deps: DepsMut, env: Env, info: MessageInfo, model: String) -> Result<Response> {
    let params = PARAMS.load(deps.storage)?;
    funds::expect(&info, params.entry_fee, &params.denom)?;
    let record = hosts::active(deps.storage, &info.sender)?;
    let mut conviction = hosts::conviction(deps.storage, &model, &info.sender)?;
    let until = conviction.until.ok_or(ContractError::NotConvicted)?;
    if env.block.height < until {
        return Err(ContractError::TooEarly(until));
    }
    conviction.until = None;
    CONVICTIONS.save(deps.storage, (&model, &info.sender), &conviction)?;
    hosts::save(deps.storage, &info.sender, &record)?;
    Ok(Response::new()
        .add_messages(funds::burn(params.entry_fee, &params.denom))
        .add_attribute("action", "requalify")
        .add_attribute("host", info.sender)
        .add_attribute("model", model))
}
