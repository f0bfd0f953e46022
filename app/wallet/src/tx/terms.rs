//! What a grant says in any module: until when it holds, for which messages, up to how many coins.

use std::time::{SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;
use quern_proto::pool;
use quern_types::{AccAddress, Coins};

use crate::{Failure, Result, qrn};

/// The last second of the year 9999, where protobuf's times end.
const LAST: i64 = 253_402_300_799;
/// What is written where a time is awaited.
const SHAPES: &str = "write RFC 3339 such as 2030-01-31T12:00:00Z, or seconds since 1970";

/// Seconds since 1970, by this machine's clock.
#[allow(
    clippy::disallowed_methods,
    reason = "what is granted now is judged by the clock of who grants it"
)]
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    since
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or_default()
}

/// Reads a time that is yet to come: RFC 3339, or seconds since 1970.
pub(super) fn later(flag: &str, text: &str, now: i64) -> Result<Timestamp> {
    let refuse = |why: String| Failure::Usage(format!("{flag}: {why}"));
    let time = match text.parse::<i64>() {
        Ok(seconds) => Timestamp { seconds, nanos: 0 },
        Err(_) => {
            let time = tendermint::Time::parse_from_rfc3339(text)
                .map_err(|_| refuse(format!("{text:?} is no time; {SHAPES}")))?;
            let time = tendermint_proto::google::protobuf::Timestamp::from(time);
            Timestamp {
                seconds: time.seconds,
                nanos: time.nanos,
            }
        }
    };
    if time.seconds > LAST {
        return Err(refuse(format!(
            "{text} is after the year 9999; it is counted in seconds, not in milliseconds"
        )));
    }
    if time.seconds <= now {
        return Err(refuse(format!("{text} is in the past, now is {now}; {SHAPES}")));
    }
    Ok(time)
}

/// Reads the type URL of a message that accounts sign.
pub(super) fn message_type(flag: &str, text: &str) -> Result<String> {
    let known = |name: &str| {
        let message = pool().get_message_by_name(name)?;
        let signer = pool().get_extension_by_name("cosmos.msg.v1.signer")?;
        message.options().has_extension(&signer).then_some(())
    };
    match text.strip_prefix('/') {
        Some(name) if known(name).is_some() => Ok(text.to_owned()),
        None if known(text).is_some() => Err(Failure::Usage(format!(
            "{flag}: {text} doesn't exist; a type URL begins with a slash: /{text}"
        ))),
        _ => Err(Failure::Usage(format!(
            "{flag}: {text:?} doesn't exist; write a message's type URL such as /cosmos.bank.v1beta1.MsgSend"
        ))),
    }
}

/// Reads coins that must be some.
pub(super) fn some_coins(flag: &str, text: &str) -> Result<Coins> {
    let coins = qrn::coins(text).map_err(|e| Failure::Usage(format!("{flag}: {e}")))?;
    match coins.is_empty() {
        true => Err(Failure::Usage(format!(
            "{flag} should be greater than zero; write for example 5qrn or 5000nqrn"
        ))),
        false => Ok(coins),
    }
}

/// Reads an account's address.
pub(super) fn account(what: &str, text: &str) -> Result<AccAddress> {
    AccAddress::from_bech32(text)
        .map_err(|e| Failure::Usage(format!("{what}: {text:?} is no account's address quern1...: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn times_are_read_in_both_forms() {
        for (text, seconds, nanos) in [
            ("1800000001", 1_800_000_001, 0),
            ("2030-01-31T12:00:00Z", 1_896_091_200, 0),
            ("2030-01-31T13:00:00+01:00", 1_896_091_200, 0),
            ("2030-01-31T12:00:00.5Z", 1_896_091_200, 500_000_000),
            ("253402300799", LAST, 0),
        ] {
            let time = later("--expiration", text, NOW).unwrap();
            assert_eq!((time.seconds, time.nanos), (seconds, nanos), "{text}");
        }
    }

    #[test]
    fn times_that_are_none_past_or_never_are_refused_with_what_to_write() {
        for (text, said) in [
            ("", "is no time"),
            ("tomorrow", "is no time"),
            ("2030-01-31", "is no time"),
            ("2030-02-31T12:00:00Z", "is no time"),
            ("1e9", "is no time"),
            ("99999999999999999999", "is no time"),
            ("1800000000", "in the past"),
            ("0", "in the past"),
            ("-5", "in the past"),
            ("-9223372036854775808", "in the past"),
            ("2001-01-01T00:00:00Z", "in the past"),
            ("1900000000000", "not in milliseconds"),
            ("9223372036854775807", "after the year 9999"),
        ] {
            let failure = later("--expiration", text, NOW).unwrap_err();
            assert_eq!(failure.exit_code(), 2);
            let failure = failure.to_string();
            assert!(
                failure.starts_with("--expiration: ") && failure.contains(said),
                "{text}: {failure}"
            );
        }
    }

    #[test]
    fn only_messages_that_accounts_sign_have_a_type() {
        let read = |text| message_type("--msg-type", text);
        for known in [
            "/cosmos.bank.v1beta1.MsgSend",
            "/cosmwasm.wasm.v1.MsgExecuteContract",
        ] {
            assert_eq!(read(known).unwrap(), known);
        }
        let slash = read("cosmos.bank.v1beta1.MsgSend").unwrap_err().to_string();
        assert!(
            slash.ends_with("begins with a slash: /cosmos.bank.v1beta1.MsgSend"),
            "{slash}"
        );
        for bad in [
            "",
            "/",
            "/cosmos.bank.v1beta1.MsgSent",
            "/cosmos.base.v1beta1.Coin",
            "MsgSend",
        ] {
            let failure = read(bad).unwrap_err().to_string();
            assert!(
                failure.contains("doesn't exist; write a message's type URL"),
                "{bad}: {failure}"
            );
        }
    }

    #[test]
    fn coins_and_addresses_that_are_none_are_named() {
        let coins = |text| some_coins("--spend-limit", text);
        assert_eq!(
            coins("1.5qrn,3ibc/A-B").unwrap().to_string(),
            "3ibc/A-B,1500000000nqrn"
        );
        for bad in ["", "0nqrn", "0qrn"] {
            let failure = coins(bad).unwrap_err().to_string();
            assert!(
                failure.starts_with("--spend-limit should be greater than zero"),
                "{failure}"
            );
        }
        for bad in [
            "5",
            "-5nqrn",
            "nqrn",
            "1nqrn,2nqrn",
            "340282366920938463463374607431768211456nqrn",
        ] {
            let failure = coins(bad).unwrap_err();
            assert_eq!(failure.exit_code(), 2, "{bad}");
            assert!(failure.to_string().starts_with("--spend-limit: "), "{failure}");
        }
        let other = account("grantee", "cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta").unwrap_err();
        assert!(other.to_string().starts_with("grantee: \"cosmos1"), "{other}");
    }
}
