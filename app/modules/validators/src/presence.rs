//! How often validators signed since the epoch began.

use std::collections::BTreeMap;

use prost::Message;
use quern_context::Cx;
use quern_types::{Error, Result};

use crate::{MODULE, keys};

/// Address of a validator, as CometBFT names it.
pub type Address = [u8; 20];

/// Blocks that a validator could sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// Those whose commit has its vote, for the block or for none.
    pub signed: u64,
    /// Those whose commit has no vote of it.
    pub missed: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(bytes = "vec", tag = "1")]
    address: Vec<u8>,
    #[prost(uint64, tag = "2")]
    signed: u64,
    #[prost(uint64, tag = "3")]
    missed: u64,
}

/// One value for the whole set: it changes in every block.
#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Entry>,
}

/// Counts of this epoch, by consensus address.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn presence(cx: &Cx) -> Result<BTreeMap<Address, Presence>> {
    let Some(bytes) = cx.kv(MODULE).get(keys::PRESENCE)? else {
        return Ok(BTreeMap::new());
    };
    let corrupt = |what: String| Error::halt(format!("corrupt presence in state: {what}"));
    let stored = Stored::decode(bytes.as_slice()).map_err(|e| corrupt(e.to_string()))?;
    let entry = |entry: Entry| {
        let Entry {
            address,
            signed,
            missed,
        } = entry;
        let address = Address::try_from(address).map_err(|_| corrupt("address length".into()))?;
        Ok((address, Presence { signed, missed }))
    };
    stored.entries.into_iter().map(entry).collect()
}

/// Counts the votes of a commit: who could vote, and whether the commit has a vote.
///
/// # Errors
/// As [`presence`].
pub fn count(cx: &Cx, votes: impl IntoIterator<Item = (Address, bool)>) -> Result<()> {
    let mut counts = presence(cx)?;
    for (address, voted) in votes {
        let count = counts.entry(address).or_default();
        let number = if voted {
            &mut count.signed
        } else {
            &mut count.missed
        };
        *number = number.saturating_add(1);
    }
    set(cx, &counts)
}

/// Begins to count anew.
///
/// # Errors
/// As [`presence`].
pub fn reset(cx: &Cx) -> Result<()> {
    cx.kv(MODULE).delete(keys::PRESENCE)
}

pub(crate) fn set(cx: &Cx, counts: &BTreeMap<Address, Presence>) -> Result<()> {
    if counts.is_empty() {
        return reset(cx);
    }
    let entry = |(address, count): (&Address, &Presence)| Entry {
        address: address.to_vec(),
        signed: count.signed,
        missed: count.missed,
    };
    let entries = counts.iter().map(entry).collect();
    cx.kv(MODULE)
        .set(keys::PRESENCE, Stored { entries }.encode_to_vec())
}
