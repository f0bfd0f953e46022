//! Wealth with twelve digits after the point.

use serde::{de::Error, Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Wealth of a process in units of 10^-12: what a gambler who started with 1 has won against the host's
/// honesty. JSON: the units as a string of decimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wealth(pub(crate) u128);

impl Wealth {
    /// Units of one.
    pub const SCALE: u128 = 1_000_000_000_000;
    /// What every process starts with.
    pub const ONE: Self = Self(Self::SCALE);

    /// From units of 10^-12.
    pub const fn from_units(units: u128) -> Self {
        Self(units)
    }

    /// In units of 10^-12.
    pub const fn units(self) -> u128 {
        self.0
    }

    /// Whether it is at least a whole number.
    pub const fn reaches(self, whole: u64) -> bool {
        self.0 / Self::SCALE >= whole as u128
    }
}

impl fmt::Display for Wealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:012}", self.0 / Self::SCALE, self.0 % Self::SCALE)
    }
}

impl Serialize for Wealth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Wealth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(D::Error::custom(format!("{text:?} is not a number of units")));
        }
        text.parse().map(Self).map_err(D::Error::custom)
    }
}
