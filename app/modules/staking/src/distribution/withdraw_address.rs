//! Where delegators want their rewards.

use quern_context::Cx;
use quern_types::{AccAddress, Error, Result};

use crate::{MODULE, keys};

/// Where a delegator's rewards go: to itself unless it said otherwise.
pub(crate) fn get(cx: &Cx, delegator: &AccAddress) -> Result<AccAddress> {
    match cx.kv(MODULE).get(&keys::withdraw_address(delegator))? {
        Some(bytes) => AccAddress::from_bytes(bytes).map_err(Error::halt),
        None => Ok(delegator.clone()),
    }
}

/// Notes where they go.
pub(crate) fn set(cx: &Cx, delegator: &AccAddress, to: &AccAddress) -> Result<()> {
    let (kv, key) = (cx.kv(MODULE), keys::withdraw_address(delegator));
    if delegator == to {
        return kv.delete(&key);
    }
    kv.set(&key, to.as_bytes())
}

/// All that differ from the delegator, for an export.
pub(crate) fn all(cx: &Cx) -> Result<Vec<(AccAddress, AccAddress)>> {
    let entries = cx.kv(MODULE).prefix(keys::WITHDRAW_ADDRESSES);
    let entry = |entry: Result<(Vec<u8>, Vec<u8>)>| {
        let (key, to) = entry?;
        let delegator = key.get(keys::WITHDRAW_ADDRESSES.len() + 1..).unwrap_or_default();
        Ok((AccAddress::from_bytes(delegator)?, AccAddress::from_bytes(to)?))
    };
    entries.map(entry).collect()
}
