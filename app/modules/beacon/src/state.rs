//! Values and counters in the state.

use quern_context::Cx;
use quern_types::{Error, Result};

use crate::{Hash, MODULE, NOT_KEPT, hash, keys};

/// The value of a block that is kept.
///
/// # Errors
/// `beacon/3` for a height that is pruned, before the chain, or in the future; `sdk/11` out of gas.
pub fn beacon(cx: &Cx, height: u64) -> Result<Hash> {
    kept(cx, height)?.ok_or_else(|| NOT_KEPT.wrap(format!("height {height}")))
}

/// The value that the block at `height` builds on. A state older than this module holds none.
pub(crate) fn before(cx: &Cx, height: u64) -> Result<Hash> {
    let previous = height.checked_sub(1).map(|height| kept(cx, height)).transpose()?;
    Ok(previous
        .flatten()
        .unwrap_or_else(|| hash::genesis(&cx.block.chain_id)))
}

fn kept(cx: &Cx, height: u64) -> Result<Option<Hash>> {
    let value = cx.kv(MODULE).get(&keys::beacon(height))?;
    value.map(|bytes| read(&bytes)).transpose()
}

/// Stores a block's value and forgets the one that has become too old.
pub(crate) fn set(cx: &Cx, height: u64, value: &Hash) -> Result<()> {
    let kv = cx.kv(MODULE);
    kv.set(&keys::beacon(height), *value)?;
    match height.checked_sub(keep_recent(cx)?) {
        Some(old) => kv.delete(&keys::beacon(old)),
        None => Ok(()),
    }
}

/// How many values are kept.
pub(crate) fn keep_recent(cx: &Cx) -> Result<u64> {
    let keep = number(cx, keys::KEEP_RECENT)?;
    Ok(keep.unwrap_or(quern_genesis::BeaconParams::default().keep_recent))
}

pub(crate) fn set_keep_recent(cx: &Cx, keep: u64) -> Result<()> {
    cx.kv(MODULE).set(keys::KEEP_RECENT, keep.to_be_bytes())
}

/// The last epoch that has ended.
pub(crate) fn epoch(cx: &Cx) -> Result<u64> {
    Ok(number(cx, keys::EPOCH)?.unwrap_or(0))
}

pub(crate) fn set_epoch(cx: &Cx, epoch: u64) -> Result<()> {
    cx.kv(MODULE).set(keys::EPOCH, epoch.to_be_bytes())
}

fn number(cx: &Cx, key: &[u8]) -> Result<Option<u64>> {
    let value = cx.kv(MODULE).get(key)?;
    value
        .map(|bytes| read(&bytes).map(u64::from_be_bytes))
        .transpose()
}

pub(crate) fn read<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| {
        Error::halt(format!(
            "corrupt beacon state: {} bytes instead of {N}",
            bytes.len()
        ))
    })
}
