//! Keys of a host.

use cosmwasm_std::{Addr, Api, DepsMut, Env, MessageInfo, Order, Response, Storage};
use quern_protocol::{Amount, Bytes, PublicKey};

use crate::error::{ContractError, Result};
use crate::state::{IDENTITIES, WARM_KEYS, WARM_OWNERS};
use crate::{funds, hosts};

/// A new warm key from the next block on. Attributes: `action`, `host`, `warm_key`, `from`.
pub fn rotate_warm_key(deps: DepsMut, env: Env, info: MessageInfo, key: PublicKey) -> Result<Response> {
    funds::expect(&info, Amount::ZERO, "")?;
    hosts::active(deps.storage, &info.sender)?;
    let from = next(env.block.height)?;
    let address = put(deps.storage, deps.api, &info.sender, key, from)?;
    Ok(Response::new()
        .add_attribute("action", "rotate_warm_key")
        .add_attribute("host", info.sender)
        .add_attribute("warm_key", address)
        .add_attribute("from", from.to_string()))
}

/// The key that a host registers with: at once for a new host; for one that returns with another key, a
/// rotation like any other.
pub(super) fn set_first(
    storage: &mut dyn Storage,
    api: &dyn Api,
    host: &Addr,
    key: PublicKey,
    height: u64,
) -> Result<Addr> {
    let last = WARM_KEYS
        .prefix(host)
        .range(storage, None, None, Order::Descending)
        .next();
    match last.transpose()? {
        None => put(storage, api, host, key, height),
        Some((_, last)) if last == key => hosts::key_address(api, &key),
        Some(_) => put(storage, api, host, key, next(height)?),
    }
}

fn put(storage: &mut dyn Storage, api: &dyn Api, host: &Addr, key: PublicKey, from: u64) -> Result<Addr> {
    hosts::check_key(api, &key)?;
    let address = hosts::key_address(api, &key)?;
    // An address belongs to its first owner for ever: old receipts are looked up by it.
    match WARM_OWNERS.may_load(storage, &address)? {
        Some(owner) if owner != *host => return Err(ContractError::WarmKeyTaken),
        _ => WARM_OWNERS.save(storage, &address, host)?,
    }
    if WARM_KEYS.has(storage, (host, from)) {
        return Err(ContractError::WarmKeyPending);
    }
    WARM_KEYS.save(storage, (host, from), &key)?;
    Ok(address)
}

fn next(height: u64) -> Result<u64> {
    height.checked_add(1).ok_or(ContractError::Overflow)
}

/// A new anchor. The application uses it two epochs later. Attributes: `action`, `host`.
pub fn set_beacon_anchor(deps: DepsMut, info: MessageInfo, anchor: Bytes<32>) -> Result<Response> {
    funds::expect(&info, Amount::ZERO, "")?;
    hosts::active(deps.storage, &info.sender)?;
    let mut identity = hosts::identity(deps.storage, &info.sender)?;
    identity.beacon_anchor = Some(anchor);
    IDENTITIES.save(deps.storage, &info.sender, &identity)?;
    Ok(Response::new()
        .add_attribute("action", "set_beacon_anchor")
        .add_attribute("host", info.sender))
}
