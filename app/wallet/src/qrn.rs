//! Amounts as people write and read them: `12.5qrn` is 12500000000 nqrn.

use quern_protocol::Amount;
use quern_types::{BASE_DENOM, Coin, Coins, DISPLAY_DENOM, DISPLAY_EXPONENT};

use crate::{Failure, Result, failure::usage};

/// Base units of one QRN.
const ONE: u128 = 10u128.pow(DISPLAY_EXPONENT);
/// [`DISPLAY_EXPONENT`] as a width.
const PLACES: usize = DISPLAY_EXPONENT as usize;

/// Reads `12qrn`, `12.5qrn` or `12500000000nqrn`, for clap. A bare number is refused: it could mean either.
pub(crate) fn amount(text: &str) -> Result<Amount, String> {
    let refuse = || format!("{text:?} is no amount; write for example 12.5qrn or 12500000000nqrn");
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(refuse)?;
    let (number, unit) = text.split_at(split);
    let nqrn = if unit.eq_ignore_ascii_case(DISPLAY_DENOM) {
        from_qrn(number).ok_or_else(refuse)?
    } else if unit == BASE_DENOM && !number.contains('.') {
        number.parse().map_err(|_| refuse())?
    } else {
        return Err(refuse());
    };
    Ok(Amount(nqrn))
}

fn from_qrn(number: &str) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > PLACES {
        return None;
    }
    let whole: u128 = whole.parse().ok()?;
    let fraction: u128 = format!("{fraction:0<PLACES$}").parse().ok()?;
    whole.checked_mul(ONE)?.checked_add(fraction)
}

/// Reads coins, of which those in QRN may have a fraction: `12.5qrn,3ibc/ABC`.
///
/// # Errors
/// For what is no coin, and for a denomination that stands there twice.
pub fn coins(text: &str) -> Result<Coins> {
    let parts = text.split(',').map(|part| match amount(part.trim()) {
        Ok(amount) => format!("{amount}{BASE_DENOM}"),
        Err(_) => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join(",").parse().map_err(usage)
}

/// An amount as coins; none for zero.
pub(crate) fn funds(amount: Amount) -> Result<Coins> {
    Ok(Coins::one(Coin {
        denom: BASE_DENOM.parse().map_err(usage)?,
        amount: amount.0,
    }))
}

/// A sum, or what to say if it is none.
pub(crate) fn sum(a: Amount, b: Amount) -> Result<Amount> {
    a.checked_add(b)
        .ok_or_else(|| Failure::Usage("the amount is too large".into()))
}

/// `12.5 QRN`, exactly and without trailing zeros.
pub(crate) fn show(amount: Amount) -> String {
    let (whole, rest) = (amount.0 / ONE, amount.0 % ONE);
    match rest {
        0 => format!("{whole} {DISPLAY_DENOM}"),
        _ => {
            let digits = format!("{rest:0PLACES$}");
            format!("{whole}.{} {DISPLAY_DENOM}", digits.trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_shown_can_be_typed(nqrn: u128) {
            let shown = show(Amount(nqrn));
            prop_assert_eq!(amount(&shown.replace(' ', "")).unwrap(), Amount(nqrn));
        }
    }

    #[test]
    fn amounts_are_read_in_both_units() {
        for (text, nqrn) in [
            ("12qrn", 12_000_000_000),
            ("12.5qrn", 12_500_000_000),
            ("0.000000001QRN", 1),
            ("7nqrn", 7),
            ("0nqrn", 0),
        ] {
            assert_eq!(amount(text), Ok(Amount(nqrn)), "{text}");
        }
        assert_eq!(
            coins("1.5qrn, 3ibc/A-B").unwrap().to_string(),
            "3ibc/A-B,1500000000nqrn"
        );
        assert!(coins("").unwrap().is_empty());
    }

    #[test]
    fn what_could_mean_something_else_is_refused() {
        for bad in [
            "",
            "12",
            "qrn",
            "-1qrn",
            "1.5nqrn",
            "1.qrn",
            ".5qrn",
            "1.0000000001qrn",
            "1e3qrn",
            "5atom",
            "1,5qrn",
            "1..5qrn",
            "340282366920938463463374607431769qrn",
        ] {
            assert!(amount(bad).is_err(), "{bad}");
        }
    }
}
