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
    parsed
        .and_then(Coins::try_from_sorted)
        .map_err(|_| errors::INVALID_COINS.wrap(listed(wire, str::to_owned)))
}

/// Coins that need not be valid, their numbers as Go prints them.
pub(crate) fn shown_coins(wire: &[base::Coin]) -> String {
    listed(wire, |amount| {
        let (sign, digits) = amount.strip_prefix('-').map_or(("", amount), |rest| ("-", rest));
        match digits.trim_start_matches('0') {
            "" => "0".to_owned(),
            digits => format!("{sign}{digits}"),
        }
    })
}

fn listed(wire: &[base::Coin], amount: impl Fn(&str) -> String) -> String {
    let shown: Vec<String> = wire
        .iter()
        .map(|c| format!("{}{}", amount(&c.amount), c.denom))
        .collect();
    shown.join(",")
}

/// How long it is, in nanoseconds.
pub(crate) fn nanoseconds(duration: &Duration) -> i128 {
    i128::from(duration.seconds)
        .saturating_mul(1_000_000_000)
        .saturating_add(i128::from(duration.nanos))
}

/// A duration as Go prints one: `48h0m0s`, `-1.5ms`.
pub(crate) fn shown_duration(duration: &Duration) -> String {
    let nanos = nanoseconds(duration);
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let shown = match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", with_fraction(nanos, 3)),
        1_000_000..1_000_000_000 => format!("{}ms", with_fraction(nanos, 6)),
        _ => {
            let minutes = nanos / 60_000_000_000;
            let seconds = with_fraction(nanos % 60_000_000_000, 9);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{shown}")
}

/// A number of so many digits behind the point, without zeros at its end.
fn with_fraction(units: u128, digits: usize) -> String {
    let padded = format!("{units:0>width$}", width = digits.saturating_add(1));
    let (whole, fraction) = padded.split_at(padded.len().saturating_sub(digits));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_look_as_go_prints_them() {
        for (seconds, nanos, text) in [
            (0, 0, "0s"),
            (0, 7, "7ns"),
            (0, 1_100, "1.1µs"),
            (0, 2_200_000, "2.2ms"),
            (3, 300_000_000, "3.3s"),
            (245, 0, "4m5s"),
            (245, 1_000_000, "4m5.001s"),
            (172_800, 0, "48h0m0s"),
            (-1, -1, "-1.000000001s"),
        ] {
            assert_eq!(shown_duration(&Duration { seconds, nanos }), text);
        }
    }
}
