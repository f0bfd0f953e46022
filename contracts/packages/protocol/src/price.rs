//! Prices with 18 digits after the point.

use serde::{de::Error, Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// nqrn per token with 18 digits after the point, held in units of 10^-18. JSON: a decimal string, as
/// CosmWasm's `Decimal`, such as `"1.25"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(u128);

impl Price {
    /// One nqrn per token, in units of 10^-18.
    pub const UNIT: u128 = 1_000_000_000_000_000_000;
    /// The lowest price that the protocol admits: 1 nqrn per token.
    pub const FLOOR: Self = Self(Self::UNIT);
    /// The highest: 10^9 nqrn (1 QRN) per token. With it a product with coefficients and a context fits.
    pub const CEILING: Self = Self(Self::UNIT * 1_000_000_000);

    /// From units of 10^-18.
    pub const fn from_atomics(atomics: u128) -> Self {
        Self(atomics)
    }

    /// In units of 10^-18.
    pub const fn atomics(self) -> u128 {
        self.0
    }

    /// Whether it lies between floor and ceiling.
    pub fn is_admitted(self) -> bool {
        (Self::FLOOR..=Self::CEILING).contains(&self)
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / Self::UNIT, self.0 % Self::UNIT);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{rest:018}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// Why a text is not a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceError;

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a decimal number with at most 18 digits after the point")
    }
}

impl std::error::Error for PriceError {}

impl FromStr for Price {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(rest) || rest.len() > 18 {
            return Err(PriceError);
        }
        let whole: u128 = whole.parse().map_err(|_| PriceError)?;
        let rest: u128 = format!("{rest:0<18}").parse().map_err(|_| PriceError)?;
        whole
            .checked_mul(Self::UNIT)
            .and_then(|units| units.checked_add(rest))
            .map(Self)
            .ok_or(PriceError)
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|e| D::Error::custom(format!("{text:?} is not a price: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_price_reads_back_what_it_prints(atomics: u128) {
            let price = Price::from_atomics(atomics);
            prop_assert_eq!(price.to_string().parse::<Price>().unwrap(), price);
        }
    }

    #[test]
    fn a_price_is_a_plain_decimal_number() {
        assert_eq!(
            "1.25".parse::<Price>().unwrap().atomics(),
            1_250_000_000_000_000_000
        );
        for bad in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "1e3",
            "0.0000000000000000001",
            "1,5",
            "+1",
        ] {
            assert!(bad.parse::<Price>().is_err(), "{bad:?}");
        }
    }
}
