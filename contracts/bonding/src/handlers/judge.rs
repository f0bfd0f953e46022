//! What judges order.

use cosmwasm_std::{to_json_binary, DepsMut, Env, MessageInfo, Response};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::freeze::Freeze;
use crate::slashing::{self, Slash};
use crate::state::{CONFIG, PARAMS};
use crate::{funds, hosts};

fn only_judges(deps: &DepsMut, info: &MessageInfo) -> Result<()> {
    funds::none(info)?;
    if CONFIG.load(deps.storage)?.judges.contains(&info.sender) {
        return Ok(());
    }
    Err(ContractError::Unauthorized("a judge"))
}

/// Slashes once per offence. The answer's data is the [`quern_interface::bonding::SlashRecord`] in JSON.
/// Attributes: `action`, `host`, `offence`, `number`, `slashed`, `restitution`, `burned`.
pub fn slash(
    mut deps: DepsMut,
    env: Env,
    info: MessageInfo,
    (host, offence): (String, String),
    fraction_bps: u32,
    restitution: Amount,
) -> Result<Response> {
    only_judges(&deps, &info)?;
    let params = PARAMS.load(deps.storage)?;
    let host = deps.api.addr_validate(&host)?;
    let order = Slash {
        host: &host,
        offence: &offence,
        fraction_bps,
        restitution: Some((&info.sender, restitution)),
    };
    let (record, messages) = slashing::slash(&mut deps, &params, &order, env.block.height)?;
    Ok(Response::new()
        .add_messages(messages)
        .set_data(to_json_binary(&record)?)
        .add_attribute("action", "slash")
        .add_attribute("host", record.host)
        .add_attribute("offence", record.offence)
        .add_attribute("number", record.number.to_string())
        .add_attribute("slashed", record.slashed.to_string())
        .add_attribute("restitution", record.restitution.to_string())
        .add_attribute("burned", record.burned.to_string()))
}

/// Freezes a host for `freeze_blocks`, anew if it is frozen already, or thaws it: what was held back matures then.
/// Attributes: `action`, `host`, `frozen`.
pub fn freeze(deps: DepsMut, env: Env, info: MessageInfo, host: String, frozen: bool) -> Result<Response> {
    only_judges(&deps, &info)?;
    let host = deps.api.addr_validate(&host)?;
    // Loading drops what matured before the freeze, out of its reach, and after the thaw what was due.
    let mut record = hosts::load(deps.storage, &host, env.block.height)?;
    let params = PARAMS.load(deps.storage)?;
    record.freeze = match frozen {
        true => Freeze::new(env.block.height, params.freeze_blocks, params.max_freeze_blocks),
        false => Freeze::default(),
    };
    hosts::save(deps.storage, &host, &mut record)?;
    Ok(Response::new()
        .add_attribute("action", "freeze")
        .add_attribute("host", host)
        .add_attribute("frozen", frozen.to_string()))
}
