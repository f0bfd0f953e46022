//! Times between the wire and the chain.

use prost_types::{Duration, Timestamp as Wire};
use quern_types::{Result, Timestamp, errors};

/// First and last second that `google.protobuf.Timestamp` may hold: years 1 to 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Reads a time.
///
/// # Errors
/// `sdk/2` for one outside the years 1 to 9999 or with odd nanoseconds.
pub fn from_wire(wire: &Wire) -> Result<Timestamp> {
    let nanos = u32::try_from(wire.nanos).ok().filter(|n| *n < 1_000_000_000);
    match nanos {
        Some(nanos) if SECONDS.contains(&wire.seconds) => Ok(Timestamp {
            seconds: wire.seconds,
            nanos,
        }),
        _ => Err(errors::TX_DECODE.wrap(format!(
            "timestamp: seconds:{} nanos:{} is out of range",
            wire.seconds, wire.nanos
        ))),
    }
}

/// Writes a time.
///
/// # Errors
/// `sdk/18` for one that [`from_wire`] would refuse.
pub fn to_wire(time: Timestamp) -> Result<Wire> {
    let nanos = i32::try_from(time.nanos).ok();
    match nanos {
        Some(nanos) if SECONDS.contains(&time.seconds) => Ok(Wire {
            seconds: time.seconds,
            nanos,
        }),
        _ => Err(errors::INVALID_REQUEST.wrap("time is out of range")),
    }
}

/// The first time there is, which stands for none where a time is required (Go's zero time).
pub const ZERO: Timestamp = Timestamp {
    seconds: -62_135_596_800,
    nanos: 0,
};

/// Checks a duration: one that 64 bits of nanoseconds hold, its parts of one sign.
///
/// # Errors
/// `sdk/2`.
pub fn check_duration(duration: &Duration) -> Result<()> {
    let (seconds, nanos) = (duration.seconds, duration.nanos);
    let signs = seconds == 0 || nanos == 0 || (seconds > 0) == (nanos > 0);
    let fits = seconds
        .checked_mul(1_000_000_000)
        .and_then(|n| n.checked_add(i64::from(nanos)));
    if signs && nanos.unsigned_abs() < 1_000_000_000 && fits.is_some() {
        return Ok(());
    }
    Err(errors::TX_DECODE.wrap(format!(
        "duration: seconds:{seconds} nanos:{nanos} is out of range"
    )))
}
