//! Addresses by name, and the epoch.

use quern_context::Cx;
use quern_types::{AccAddress, Error, Result};

use crate::{BONDING, MODULE, POC_WEIGHTS, keys};

/// Address of a system contract.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn address(cx: &Cx, name: &str) -> Result<Option<AccAddress>> {
    let bytes = cx.kv(MODULE).get(&keys::contract(name))?;
    bytes.map(stored).transpose()
}

/// Name of the contract that proposes validators: proof of compute, or bonding where a chain has none.
///
/// # Errors
/// As [`address`].
pub fn validator_source(cx: &Cx) -> Result<&'static str> {
    let proofs = address(cx, POC_WEIGHTS)?;
    Ok(if proofs.is_some() { POC_WEIGHTS } else { BONDING })
}

/// Every system contract, by name.
///
/// # Errors
/// As [`address`].
pub fn contracts(cx: &Cx) -> Result<Vec<(String, AccAddress)>> {
    let mut all = Vec::new();
    for entry in cx.kv(MODULE).under(keys::CONTRACTS).prefix(&[]) {
        let (name, address) = entry?;
        let name = String::from_utf8(name).map_err(Error::halt)?;
        all.push((name, stored(address)?));
    }
    Ok(all)
}

pub(crate) fn set_address(cx: &Cx, name: &str, address: &AccAddress) -> Result<()> {
    cx.kv(MODULE).set(&keys::contract(name), address.as_bytes())
}

fn stored(bytes: Vec<u8>) -> Result<AccAddress> {
    AccAddress::from_bytes(bytes).map_err(Error::halt)
}

/// Number of the current epoch; 0 from genesis to the end of the first.
///
/// # Errors
/// As [`address`].
pub fn epoch(cx: &Cx) -> Result<u64> {
    let Some(bytes) = cx.kv(MODULE).get(keys::EPOCH)? else {
        return Ok(0);
    };
    let bytes = <[u8; 8]>::try_from(bytes).map_err(|_| Error::halt("corrupt epoch in state"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// Sets the number of the current epoch.
///
/// # Errors
/// As [`address`].
pub fn set_epoch(cx: &Cx, epoch: u64) -> Result<()> {
    cx.kv(MODULE).set(keys::EPOCH, epoch.to_be_bytes())
}
