//! The current set in the state, by consensus address.

use prost::Message;
use quern_context::Cx;
use quern_types::{Error, Result};

use crate::{Key, MODULE, Powers, bounds, consensus_address, diff, keys};

/// One validator as the state and queries hold it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Validator {
    /// Ed25519 key, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub pub_key: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub power: u64,
}

impl Validator {
    pub(crate) fn read(bytes: &[u8]) -> Result<(Key, u64)> {
        let corrupt = |what: String| Error::halt(format!("corrupt validator in state: {what}"));
        let read = Self::decode(bytes).map_err(|e| corrupt(e.to_string()))?;
        let key = Key::try_from(read.pub_key).map_err(|_| corrupt("key length".into()))?;
        Ok((key, read.power))
    }
}

/// The current set.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn current(cx: &Cx) -> Result<Powers> {
    let mut powers = Powers::new();
    for entry in cx.kv(MODULE).prefix(keys::VALIDATORS) {
        let (key, power) = Validator::read(&entry?.1)?;
        powers.insert(key, power);
    }
    Ok(powers)
}

/// Key of the validator that CometBFT names by this address, if it is in the set.
///
/// # Errors
/// As [`current`].
pub fn key_of(cx: &Cx, address: &[u8; 20]) -> Result<Option<Key>> {
    let found = cx.kv(MODULE).get(&keys::validator(address))?;
    found.map(|bytes| Ok(Validator::read(&bytes)?.0)).transpose()
}

/// Replaces the set.
pub(crate) fn set(cx: &Cx, next: &Powers) -> Result<()> {
    let kv = cx.kv(MODULE);
    for (key, power) in diff(&current(cx)?, next) {
        let at = keys::validator(&consensus_address(&key));
        if power == 0 {
            kv.delete(&at)?;
        } else {
            let pub_key = key.to_vec();
            kv.set(&at, Validator { pub_key, power }.encode_to_vec())?;
        }
    }
    Ok(())
}

/// Moves the set one step towards a proposed one, or starts with it where there is none yet. False, and
/// nothing changes, where nobody with power is proposed.
///
/// # Errors
/// As [`current`].
pub fn adopt(cx: &Cx, proposed: &Powers, most: usize) -> Result<bool> {
    let target = bounds::target(proposed, most);
    if target.is_empty() {
        return Ok(false);
    }
    let now = current(cx)?;
    let next = if now.is_empty() {
        target
    } else {
        bounds::step(&now, &target, most)
    };
    set(cx, &next)?;
    Ok(true)
}

/// Removes validators at once, but never the last one. Returns who was asked for and stays.
///
/// # Errors
/// As [`current`].
pub fn remove(cx: &Cx, convicts: &[Key]) -> Result<Vec<Key>> {
    let now = current(cx)?;
    let next = bounds::without(&now, convicts);
    set(cx, &next)?;
    let stays = |key: &&Key| convicts.contains(key);
    Ok(next.keys().filter(stays).copied().collect())
}
