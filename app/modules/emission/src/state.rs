//! The schedule in the state.

use prost::Message;
use quern_context::Cx;
use quern_protocol::Amount;
use quern_types::{Error, Result};

use crate::{MODULE, Schedule, keys};

/// Amounts are decimal text, as the bank's.
#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(string, tag = "1")]
    denom: String,
    #[prost(string, tag = "2")]
    cap: String,
    #[prost(uint64, tag = "3")]
    retained: u64,
    #[prost(string, tag = "4")]
    minted: String,
    #[prost(string, tag = "5")]
    next: String,
    #[prost(string, tag = "6")]
    genesis_supply: String,
}

/// Where the emission stands; `None` on a chain that mints nothing.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn schedule(cx: &Cx) -> Result<Option<Schedule>> {
    let Some(bytes) = cx.kv(MODULE).get(keys::SCHEDULE)? else {
        return Ok(None);
    };
    let corrupt = |what: String| Error::halt(format!("corrupt emission in state: {what}"));
    let stored = Stored::decode(bytes.as_slice()).map_err(|e| corrupt(e.to_string()))?;
    let amount = |text: &str| {
        let read = text.parse().map(Amount);
        read.map_err(|_| corrupt(format!("{text:?} is no amount")))
    };
    Ok(Some(Schedule {
        denom: stored.denom.parse().map_err(|e: Error| corrupt(e.to_string()))?,
        cap: amount(&stored.cap)?,
        retained: stored.retained,
        minted: amount(&stored.minted)?,
        next: amount(&stored.next)?,
        genesis_supply: amount(&stored.genesis_supply)?,
    }))
}

pub(crate) fn set_schedule(cx: &Cx, schedule: &Schedule) -> Result<()> {
    let stored = Stored {
        denom: schedule.denom.to_string(),
        cap: schedule.cap.to_string(),
        retained: schedule.retained,
        minted: schedule.minted.to_string(),
        next: schedule.next.to_string(),
        genesis_supply: schedule.genesis_supply.to_string(),
    };
    cx.kv(MODULE).set(keys::SCHEDULE, stored.encode_to_vec())
}
