//! Decimals between 0 and about 3.4 x 10^20 with 18 digits after the point (the SDK's `LegacyDec`, as far as
//! governance uses it).

use quern_protocol::Amount;

/// One.
pub(crate) const ONE: u128 = 1_000_000_000_000_000_000;
const DIGITS: usize = 18;

/// Reads `0.334`: units of 10^-18.
///
/// # Errors
/// What is wrong with the text, in few words.
pub(crate) fn parse(text: &str) -> Result<u128, &'static str> {
    if text.is_empty() {
        return Err("decimal string cannot be empty");
    }
    if text.starts_with('-') {
        return Err("decimal is negative");
    }
    let (whole, fraction) = match text.split_once('.') {
        None => (text, ""),
        Some((_, "")) => return Err("invalid decimal string"),
        Some(parts) => parts,
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err("invalid decimal string");
    }
    if fraction.len() > DIGITS {
        return Err("value exceeds max precision of 18 decimal places");
    }
    let number = |text: &str| text.parse::<u128>().map_err(|_| "decimal out of range");
    number(whole)?
        .checked_mul(ONE)
        .and_then(|units| units.checked_add(number(&format!("{fraction:0<18}")).ok()?))
        .ok_or("decimal out of range")
}

/// What the SDK says of a text that is no such decimal, without its sign.
pub(crate) fn refusal(text: &str) -> String {
    if text.is_empty() {
        return "decimal string cannot be empty".to_owned();
    }
    let (digits, decimals) = match text.split('.').collect::<Vec<_>>().as_slice() {
        [whole] => ((*whole).to_owned(), 0),
        [whole, fraction] if whole.is_empty() || fraction.is_empty() => {
            return "invalid decimal length".to_owned();
        }
        [whole, fraction] => (format!("{whole}{fraction}"), fraction.len()),
        _ => return "invalid decimal string".to_owned(),
    };
    match DIGITS.checked_sub(decimals) {
        None => format!(
            "value '{text:.100}' exceeds max precision by -{} decimal places: max precision {DIGITS}",
            decimals.saturating_sub(DIGITS)
        ),
        Some(_) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            "out of range: invalid decimal string".to_owned()
        }
        Some(zeros) => format!(
            "failed to set decimal string with base 10: {digits:.100}{}",
            "0".repeat(zeros)
        ),
    }
}

/// Writes all 18 digits: `0.334000000000000000`.
pub(crate) fn show(units: u128) -> String {
    format!("{}.{:018}", units / ONE, units % ONE)
}

/// `amount` times a decimal, rounded down; saturating.
pub(crate) fn times(amount: u128, units: u128) -> u128 {
    Amount(amount)
        .mul_div_floor(units, ONE)
        .map_or(u128::MAX, |a| a.0)
}

/// `amount` times a decimal, rounded to the nearest, halves to even; saturating.
pub(crate) fn times_rounded(amount: u128, units: u128) -> u128 {
    let floor = times(amount, units);
    let Some(twice) = Amount(amount).mul_div_floor(units, ONE / 2) else {
        return floor;
    };
    let exact = Amount(amount).mul_div_ceil(units, ONE / 2) == Some(twice);
    let half_or_more = twice.0 % 2 == 1;
    let up = half_or_more && (!exact || floor % 2 == 1);
    floor.saturating_add(u128::from(up))
}

/// `part / whole` as a decimal, rounded down; 0 for nothing of nothing.
pub(crate) fn ratio(part: u128, whole: u128) -> u128 {
    Amount(part).mul_div_floor(ONE, whole).map_or(0, |a| a.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_as_the_sdk_reads_them() {
        assert_eq!(parse("0.334"), Ok(334_000_000_000_000_000));
        assert_eq!(parse("1"), Ok(ONE));
        assert_eq!(show(ONE / 3), "0.333333333333333333");
        for bad in ["", "-1", ".5", "1.", "1e3", "0.1234567890123456789", "1,5", " 1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("999999999999999999999999").is_err());
    }

    #[test]
    fn products_round_as_named() {
        let half = ONE / 2;
        assert_eq!((times(3, half), times_rounded(3, half)), (1, 2));
        assert_eq!((times_rounded(1, half), times_rounded(5, half)), (0, 2));
        assert_eq!(times_rounded(1, half + 1), 1);
        assert_eq!(times(u128::MAX, ONE), u128::MAX);
        assert_eq!(ratio(1, 3), ONE / 3);
        assert_eq!(ratio(1, 0), 0);
    }
}
