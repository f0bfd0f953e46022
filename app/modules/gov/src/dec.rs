//! Decimals between 0 and about 3.4 x 10^20 with 18 digits after the point (the SDK's `LegacyDec`, as far as
//! governance uses it).

use std::fmt;

use quern_protocol::Amount;

/// One.
pub(crate) const ONE: u128 = 1_000_000_000_000_000_000;
const DIGITS: usize = 18;

/// The largest that the SDK reads: 2^256 less 10^-18, in units of 10^-18.
const LARGEST: &str =
    "115792089237316195423570985008687907853269984665640564039457584007913129639935999999999999999999";

/// A decimal as the SDK reads one, of any sign and size that it takes.
pub(crate) struct Decimal {
    negative: bool,
    /// Units of 10^-18, without zeros in front.
    digits: String,
}

impl Decimal {
    /// Reads `-0.334`. A second sign is that of the digits, as in Go.
    ///
    /// # Errors
    /// What the SDK says of such a text.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let (minus, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        if text.is_empty() {
            return Err("decimal string cannot be empty".to_owned());
        }
        let (mut combined, decimals) = match text.split('.').collect::<Vec<_>>().as_slice() {
            [whole] => ((*whole).to_owned(), 0),
            [whole, fraction] if whole.is_empty() || fraction.is_empty() => {
                return Err("invalid decimal length".to_owned());
            }
            [whole, fraction] => (format!("{whole}{fraction}"), fraction.len()),
            _ => return Err("invalid decimal string".to_owned()),
        };
        let Some(zeros) = DIGITS.checked_sub(decimals) else {
            let more = decimals.saturating_sub(DIGITS);
            return Err(format!(
                "value '{text:.100}' exceeds max precision by -{more} decimal places: max precision {DIGITS}"
            ));
        };
        combined.push_str(&"0".repeat(zeros));
        let (second, digits) = match combined.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, combined.strip_prefix('+').unwrap_or(&combined)),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!(
                "failed to set decimal string with base 10: {combined:.120}"
            ));
        }
        let digits = digits.trim_start_matches('0');
        if (digits.len(), digits) > (LARGEST.len(), LARGEST) {
            return Err("out of range: invalid decimal string".to_owned());
        }
        Ok(Self {
            negative: minus != second && !digits.is_empty(),
            digits: digits.to_owned(),
        })
    }

    /// Whether it is less than zero.
    pub(crate) const fn is_negative(&self) -> bool {
        self.negative
    }

    /// Its magnitude in units of 10^-18, if that is no more than a number of 128 bits.
    pub(crate) fn units(&self) -> Option<u128> {
        match self.digits.as_str() {
            "" => Some(0),
            digits => digits.parse().ok(),
        }
    }
}

impl fmt::Display for Decimal {
    /// With all 18 digits behind the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let padded = format!("{:0>19}", self.digits);
        let (whole, fraction) = padded.split_at(padded.len().saturating_sub(DIGITS));
        write!(f, "{}{whole}.{fraction}", if self.negative { "-" } else { "" })
    }
}

/// Reads `0.334`: units of 10^-18.
///
/// # Errors
/// What is wrong with the text, in few words.
pub(crate) fn parse(text: &str) -> Result<u128, String> {
    let read = Decimal::read(text)?;
    if read.is_negative() {
        return Err("decimal is negative".to_owned());
    }
    read.units().ok_or_else(|| "decimal out of range".to_owned())
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
    fn signs_and_sizes_are_those_of_the_sdk() {
        let shown = |text: &str| Decimal::read(text).map(|read| read.to_string());
        for (text, said) in [
            ("-0", "0.000000000000000000"),
            ("00", "0.000000000000000000"),
            ("+0.5", "0.500000000000000000"),
            ("--0.5", "0.500000000000000000"),
            ("-+0.5", "-0.500000000000000000"),
            (
                "12345678901234567890123456789.5",
                "12345678901234567890123456789.500000000000000000",
            ),
        ] {
            assert_eq!(shown(text), Ok(said.to_owned()), "{text}");
        }
        for (text, said) in [
            ("-", "decimal string cannot be empty"),
            (
                "++1",
                "failed to set decimal string with base 10: ++1000000000000000000",
            ),
            (
                "0.-5",
                "failed to set decimal string with base 10: 0-50000000000000000",
            ),
        ] {
            assert_eq!(shown(text), Err(said.to_owned()), "{text}");
        }
        let most = &LARGEST[..LARGEST.len() - DIGITS];
        assert_eq!(
            shown(&format!("{most}.9")),
            Ok(format!("{most}.9{}", "0".repeat(17)))
        );
        let more = format!("{}6", &most[..most.len() - 1]);
        assert_eq!(
            shown(&more),
            Err("out of range: invalid decimal string".to_owned())
        );
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
