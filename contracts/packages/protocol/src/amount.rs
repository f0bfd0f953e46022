//! Amounts of `nqrn`.

use serde::{de::Error, Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// An amount in `nqrn`. JSON: a string of decimal digits, like every integer amount of a Cosmos chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub u128);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Sum, or none on overflow.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference, or none below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Difference, or zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self * numerator / denominator` rounded down; none if the denominator is zero or the result does
    /// not fit. The product may exceed 128 bits.
    pub fn mul_div_floor(self, numerator: u128, denominator: u128) -> Option<Self> {
        mul_div(self.0, numerator, denominator).map(|(quotient, _)| Self(quotient))
    }

    /// The same, rounded up.
    pub fn mul_div_ceil(self, numerator: u128, denominator: u128) -> Option<Self> {
        let (quotient, remainder) = mul_div(self.0, numerator, denominator)?;
        quotient.checked_add(u128::from(remainder != 0)).map(Self)
    }

    /// Sum of many, or none on overflow.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

/// Quotient and remainder of `a * b / c` with a product of 256 bits.
fn mul_div(a: u128, b: u128, c: u128) -> Option<(u128, u128)> {
    if c == 0 {
        return None;
    }
    if let Some(product) = a.checked_mul(b) {
        return Some((product / c, product % c));
    }
    // Schoolbook product in 64-bit halves, then division bit by bit: rare, and bounded by 128 steps.
    const MASK: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & MASK, b >> 64, b & MASK);
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 64);
    let carry = (middle & MASK) + a0 * b1;
    let mut high = a1 * b1 + (middle >> 64) + (carry >> 64);
    let mut low = (carry << 64) | (low & MASK);
    if high >= c {
        return None;
    }
    let mut quotient = 0_u128;
    for _ in 0..128 {
        let overflow = high >> 127;
        high = (high << 1) | (low >> 127);
        low <<= 1;
        quotient <<= 1;
        if overflow == 1 || high >= c {
            high = high.wrapping_sub(c);
            quotient |= 1;
        }
    }
    Some((quotient, high))
}

impl From<u128> for Amount {
    fn from(amount: u128) -> Self {
        Self(amount)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Amount {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // "+5" parses as a u128; a number has one spelling here.
        if text.starts_with('+') {
            return "x".parse::<u128>().map(Self);
        }
        text.parse().map(Self)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|e| D::Error::custom(format!("{text:?} is not an amount: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wide_product_divides_as_long_division_says(a: u128, b: u128, c in 1_u128..) {
            // The inverse: quotient * c + remainder must give the product back, modulo 2^128.
            if let Some((q, r)) = mul_div(a, b, c) {
                prop_assert!(r < c);
                prop_assert_eq!(q.wrapping_mul(c).wrapping_add(r), a.wrapping_mul(b));
            }
        }

        #[test]
        fn a_fraction_of_an_amount_always_fits(a: u128, b in 0_u128..=10_000) {
            let floor = Amount(a).mul_div_floor(b, 10_000).unwrap();
            let ceil = Amount(a).mul_div_ceil(b, 10_000).unwrap();
            prop_assert!(floor <= ceil && ceil.0 - floor.0 <= 1 && ceil.0 <= a);
            prop_assert_eq!(Amount(a).mul_div_floor(b, b.max(1)).unwrap().0, if b == 0 { 0 } else { a });
        }
    }

    #[test]
    fn an_amount_has_one_spelling() {
        assert_eq!("12".parse::<Amount>().unwrap(), Amount(12));
        for bad in [
            "",
            "+1",
            "-1",
            "1.0",
            " 1",
            "340282366920938463463374607431768211456",
        ] {
            assert!(bad.parse::<Amount>().is_err(), "{bad:?}");
        }
        assert_eq!(serde_json::to_string(&Amount(7)).unwrap(), r#""7""#);
        assert!(serde_json::from_str::<Amount>("7").is_err());
    }
}
