//! What the bonding contract says.

use cosmwasm_std::{Addr, DepsMut, MessageInfo, Response, Storage};
use quern_interface::registry::HostStatus;
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::state::CONFIG;
use crate::{funds, hosts};

fn only_bonding(storage: &dyn Storage, sender: &Addr) -> Result<()> {
    if CONFIG.load(storage)?.bonding == *sender {
        return Ok(());
    }
    Err(ContractError::Unauthorized("the bonding contract"))
}

/// A host's active bond. Attributes: `action`, `host`, `bond`.
pub fn set_bond(deps: DepsMut, info: MessageInfo, host: String, bond: Amount) -> Result<Response> {
    funds::expect(&info, Amount::ZERO, "")?;
    only_bonding(deps.storage, &info.sender)?;
    let host = deps.api.addr_validate(&host)?;
    let mut record = hosts::load(deps.storage, &host)?;
    record.bond = bond;
    hosts::save(deps.storage, &host, &record)?;
    Ok(Response::new()
        .add_attribute("action", "set_bond")
        .add_attribute("host", host)
        .add_attribute("bond", bond.to_string()))
}

/// A host is out for good. Attributes: `action`, `host`.
pub fn tombstone(deps: DepsMut, info: MessageInfo, host: String) -> Result<Response> {
    funds::expect(&info, Amount::ZERO, "")?;
    only_bonding(deps.storage, &info.sender)?;
    let host = deps.api.addr_validate(&host)?;
    hosts::leave(deps.storage, &host, HostStatus::Tombstoned)?;
    Ok(Response::new()
        .add_attribute("action", "tombstone")
        .add_attribute("host", host))
}
