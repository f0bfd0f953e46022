//! What judges order.

use cosmwasm_std::{Addr, Deps, DepsMut, Empty, Env, MessageInfo, Response};
use quern_protocol::Amount;

use super::fault::{self, Verdict};
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::funds;
use crate::state::{CONFIG, FORFEITS, FROZEN};

/// Most judges.
const MAX_JUDGES: usize = 16;

fn only_judges(deps: &DepsMut, info: &MessageInfo) -> Result<()> {
    if CONFIG.load(deps.storage)?.judges.contains(&info.sender) {
        return Ok(());
    }
    Err(ContractError::Unauthorized("a judge"))
}

/// Convicts as a proven fault does. Attributes: those of a fault.
pub fn convict(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    (host, model): (String, String),
    generation: u32,
    slash: bool,
) -> Result<Response> {
    only_judges(&deps, &info)?;
    let host = deps.api.addr_validate(&host)?;
    let chain = Chain::load(deps.as_ref())?;
    // whoever judged an older or a later standing than the registry's would void the wrong claims
    let now = chain.generations(&model, vec![host.to_string()])?;
    if now.first() != Some(&generation) {
        return Err(ContractError::Convicted(host.to_string()));
    }
    let verdict = Verdict {
        host,
        model,
        generation,
        kind: "verdict",
        slash,
    };
    let answer = fault::execute(deps, &env, &info.sender, verdict)?;
    Ok(answer.add_attribute("action", "convict"))
}

/// Holds a host's pay back or lets it go. Attributes: `action`, `host`, `frozen`.
pub fn freeze(deps: DepsMut, info: MessageInfo, host: String, frozen: bool) -> Result<Response> {
    only_judges(&deps, &info)?;
    let host = deps.api.addr_validate(&host)?;
    if frozen {
        FROZEN.save(deps.storage, &host, &Empty {})?;
    } else {
        FROZEN.remove(deps.storage, &host);
    }
    Ok(Response::new()
        .add_attribute("action", "freeze")
        .add_attribute("host", host)
        .add_attribute("frozen", frozen.to_string()))
}

/// Takes an amount out of the host's next pay. Attributes: `action`, `host`, `amount`.
pub fn forfeit(deps: DepsMut, info: MessageInfo, host: String, amount: Amount) -> Result<Response> {
    only_judges(&deps, &info)?;
    let host = deps.api.addr_validate(&host)?;
    let mut owed = FORFEITS.may_load(deps.storage, &host)?.unwrap_or_default();
    funds::add(&mut owed, amount)?;
    FORFEITS.save(deps.storage, &host, &owed)?;
    Ok(Response::new()
        .add_attribute("action", "forfeit")
        .add_attribute("host", host)
        .add_attribute("amount", amount.to_string()))
}

/// Names the judges. Attribute: `action`.
pub fn set_judges(deps: DepsMut, info: MessageInfo, judges: Vec<String>) -> Result<Response> {
    let mut config = CONFIG.load(deps.storage)?;
    if info.sender != config.authority {
        return Err(ContractError::Unauthorized("the authority"));
    }
    config.judges = validate(deps.as_ref(), &judges)?;
    CONFIG.save(deps.storage, &config)?;
    Ok(Response::new().add_attribute("action", "set_judges"))
}

/// Checks judges' addresses.
pub fn validate(deps: Deps, judges: &[String]) -> Result<Vec<Addr>> {
    if judges.len() > MAX_JUDGES {
        return Err(ContractError::BadParams("more than 16 judges"));
    }
    let judges = judges.iter().map(|judge| Ok(deps.api.addr_validate(judge)?));
    judges.collect()
}
