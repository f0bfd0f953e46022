//! A host comes, changes its record, and goes.

use cosmwasm_std::{Addr, DepsMut, Env, MessageInfo, Response, Storage};
use quern_interface::registry::{HostDetails, HostStatus, HostUpdate};
use quern_protocol::Amount;

use super::{keys, offers};
use crate::error::{ContractError, Result};
use crate::state::{Host, Identity, CONSENSUS, HOSTS, IDENTITIES, PARAMS};
use crate::{funds, hosts, text};

/// Registers the sender, or takes a retired host back. Attributes: `action`, `host`, `warm_key`.
pub fn register(deps: DepsMut, env: Env, info: MessageInfo, details: HostDetails) -> Result<Response> {
    let params = PARAMS.load(deps.storage)?;
    funds::expect(&info, params.entry_fee, &params.denom)?;
    text::moniker(&details.moniker)?;
    text::endpoint(&details.endpoint)?;
    let host = info.sender;
    let bond = returning_bond(deps.storage, &host, &details)?;
    let payout = match &details.payout {
        Some(payout) => deps.api.addr_validate(payout)?,
        None => host.clone(),
    };
    let identity = Identity {
        consensus_key: details.consensus_key,
        beacon_anchor: details.beacon_anchor,
        status: HostStatus::Active,
    };
    CONSENSUS.save(
        deps.storage,
        &hosts::consensus_address(details.consensus_key.as_bytes()),
        &host,
    )?;
    IDENTITIES.save(deps.storage, &host, &identity)?;
    let warm_key = keys::set_first(deps.storage, deps.api, &host, details.warm_key, env.block.height)?;
    let mut record = Host {
        moniker: details.moniker,
        endpoint: details.endpoint,
        transport_key: details.transport_key,
        payout,
        bond,
        offers: vec![],
    };
    offers::replace(deps.storage, &host, &mut record, details.offers)?;
    Ok(Response::new()
        .add_messages(funds::burn(params.entry_fee, &params.denom))
        .add_attribute("action", "register_host")
        .add_attribute("host", host)
        .add_attribute("warm_key", warm_key))
}

/// Whether `host` may register with this consensus key, and the bond that it has from an earlier time.
fn returning_bond(storage: &dyn Storage, host: &Addr, details: &HostDetails) -> Result<Amount> {
    let address = hosts::consensus_address(details.consensus_key.as_bytes());
    let owner = CONSENSUS.may_load(storage, &address)?;
    if owner.is_some_and(|owner| owner != *host) {
        return Err(ContractError::ConsensusKeyTaken);
    }
    let Some(identity) = IDENTITIES.may_load(storage, host)? else {
        return Ok(Amount::ZERO);
    };
    match identity.status {
        HostStatus::Active => Err(ContractError::AlreadyRegistered(host.to_string())),
        HostStatus::Tombstoned => Err(ContractError::Tombstoned(host.to_string())),
        HostStatus::Retired if identity.consensus_key != details.consensus_key => {
            Err(ContractError::ConsensusKeyFixed)
        }
        HostStatus::Retired => Ok(hosts::load(storage, host)?.bond),
    }
}

/// Changes what is given. Attributes: `action`, `host`.
pub fn update(deps: DepsMut, info: MessageInfo, update: HostUpdate) -> Result<Response> {
    funds::expect(&info, Amount::ZERO, "")?;
    let mut record = hosts::active(deps.storage, &info.sender)?;
    if let Some(moniker) = update.moniker {
        text::moniker(&moniker)?;
        record.moniker = moniker;
    }
    if let Some(endpoint) = update.endpoint {
        text::endpoint(&endpoint)?;
        record.endpoint = endpoint;
    }
    if let Some(key) = update.transport_key {
        record.transport_key = key;
    }
    if let Some(payout) = update.payout {
        record.payout = deps.api.addr_validate(&payout)?;
    }
    HOSTS.save(deps.storage, &info.sender, &record)?;
    Ok(Response::new()
        .add_attribute("action", "update_host")
        .add_attribute("host", info.sender))
}

/// The sender stops. Keys, convictions and bond stay. Attributes: `action`, `host`.
pub fn retire(deps: DepsMut, info: MessageInfo) -> Result<Response> {
    funds::expect(&info, Amount::ZERO, "")?;
    hosts::active(deps.storage, &info.sender)?;
    hosts::leave(deps.storage, &info.sender, HostStatus::Retired)?;
    Ok(Response::new()
        .add_attribute("action", "retire_host")
        .add_attribute("host", info.sender))
}
