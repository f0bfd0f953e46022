//! Coins, times and durations between the wire and the chain.

use prost_types::{Duration, Timestamp as WireTime};
use quern_proto::{cosmos::base::v1beta1 as base, time};
use quern_types::{Coin, Coins, Error, Result, Timestamp, errors};

/// Reads coins that must be valid; none are.
///
/// # Errors
/// `sdk/10` with what they look like.
pub(crate) fn coins(wire: &[base::Coin]) -> Result<Coins> {
    let parsed = wire
        .iter()
        .map(|c| Coin::parse(&c.denom, &c.amount))
        .collect::<Result<Vec<_>>>();
    parsed.and_then(Coins::try_from_sorted).map_err(|_| {
        let shown = wire
            .iter()
            .map(|c| format!("{}{}", c.amount, c.denom))
            .collect::<Vec<_>>();
        errors::INVALID_COINS.wrap(shown.join(","))
    })
}

/// Coins that the state keeps.
pub(crate) fn stored_coins(wire: &[base::Coin]) -> Result<Coins> {
    coins(wire).map_err(|e| Error::halt(format!("corrupt coins in state: {e}")))
}

pub(crate) fn wire_coins(coins: &Coins) -> Vec<base::Coin> {
    coins
        .iter()
        .map(|coin| base::Coin {
            denom: coin.denom.to_string(),
            amount: coin.amount.to_string(),
        })
        .collect()
}

/// A time that the state keeps.
pub(crate) fn stored_time(wire: Option<&WireTime>) -> Result<Timestamp> {
    let wire = wire.ok_or_else(|| Error::halt("a proposal in state lacks a time"))?;
    time::from_wire(wire).map_err(|e| Error::halt(format!("corrupt time in state: {e}")))
}

/// The time after a duration, which parameters bound.
///
/// # Errors
/// `sdk/18` past the last time there is.
pub(crate) fn after(start: Timestamp, duration: Option<&Duration>) -> Result<Timestamp> {
    let duration = duration.copied().unwrap_or_default();
    start
        .checked_add(duration.seconds, duration.nanos)
        .ok_or_else(|| errors::INVALID_REQUEST.wrap("time is out of range"))
}
