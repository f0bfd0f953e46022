//! What a host decides about its bond.

use cosmwasm_std::{DepsMut, Env, MessageInfo, Response};

use crate::error::Result;
use crate::{funds, hosts, registry};

/// Opens or closes the sender to other funders. Attributes: `action`, `host`, `open`.
pub fn set_open(deps: DepsMut, env: Env, info: MessageInfo, open: bool) -> Result<Response> {
    funds::none(&info)?;
    registry::expect_active(deps.as_ref(), &info.sender)?;
    let mut record = hosts::load(deps.storage, &info.sender, env.block.height)?;
    record.open = open;
    hosts::save(deps.storage, &info.sender, &mut record)?;
    Ok(Response::new()
        .add_attribute("action", "set_open")
        .add_attribute("host", info.sender)
        .add_attribute("open", open.to_string()))
}
