//! Denominations.

use std::{fmt, str::FromStr};

use crate::{Error, errors};

/// A coin denomination: `[a-zA-Z][a-zA-Z0-9/:._-]{2,127}` (Cosmos SDK `types/coin.go`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Denom(String);

impl Denom {
    /// The chain's own: [`BASE_DENOM`](crate::BASE_DENOM).
    pub fn base() -> Self {
        Self(crate::BASE_DENOM.to_owned())
    }

    /// The denomination as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn is_valid(text: &str) -> bool {
        let bytes = text.as_bytes();
        (3..=128).contains(&bytes.len())
            && bytes.first().is_some_and(u8::is_ascii_alphabetic)
            && bytes
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"/:._-".contains(b))
    }
}

impl FromStr for Denom {
    type Err = Error;

    /// # Errors
    /// `sdk/10` where the text breaks the rule above.
    fn from_str(text: &str) -> Result<Self, Error> {
        if Self::is_valid(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(errors::INVALID_COINS.wrap(format!("invalid denom: {text}")))
        }
    }
}

impl fmt::Display for Denom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_first_letter_and_alphabet_are_checked() {
        for good in ["nqrn", "ibc/ABC", "factory:x.y-z_1", "abc"] {
            assert!(good.parse::<Denom>().is_ok(), "{good}");
        }
        for bad in ["", "ab", "1ab", "a b", "ab\u{e9}x", "nqrn,", &"a".repeat(129)] {
            assert!(bad.parse::<Denom>().is_err(), "{bad}");
        }
    }
}
