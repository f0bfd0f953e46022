//! Scores of leaves and the null hypothesis about them, in millionths.

use crate::EvidenceError;
use serde::{Deserialize, Serialize};

/// Units of one.
pub const MICRO: u32 = 1_000_000;

/// How bad a leaf is: 0 clean, one (a million) certainly not what an honest host gives. JSON: the number of
/// millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Score(u32);

impl Score {
    /// Clean.
    pub const CLEAN: Self = Self(0);
    /// Failed.
    pub const FAILED: Self = Self(MICRO);

    /// From millionths.
    ///
    /// # Errors
    /// [`EvidenceError::Score`] above a million.
    pub const fn from_micro(micro: u32) -> Result<Self, EvidenceError> {
        if micro > MICRO {
            return Err(EvidenceError::Score(micro));
        }
        Ok(Self(micro))
    }

    /// In millionths.
    pub const fn micro(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Score {
    type Error = EvidenceError;

    fn try_from(micro: u32) -> Result<Self, EvidenceError> {
        Self::from_micro(micro)
    }
}

impl From<Score> for u32 {
    fn from(score: Score) -> Self {
        score.0
    }
}

/// The protocol's mu_0: no honest leaf's expected score, given the past, is above it. Calibrated per model.
/// JSON: the number of millionths, 1 to 999,999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Null(u32);

impl Null {
    /// From millionths.
    ///
    /// # Errors
    /// [`EvidenceError::Null`] for zero, a million and more.
    pub const fn from_micro(micro: u32) -> Result<Self, EvidenceError> {
        if micro == 0 || micro >= MICRO {
            return Err(EvidenceError::Null(micro));
        }
        Ok(Self(micro))
    }

    /// In millionths.
    pub const fn micro(self) -> u32 {
        self.0
    }

    /// `score / null` in millionths, rounded down: at most 10^12.
    pub(crate) const fn ratio(self, score: Score) -> u64 {
        // the divisor is at least 1 by construction
        match (score.0 as u64 * MICRO as u64).checked_div(self.0 as u64) {
            Some(ratio) => ratio,
            None => 0,
        }
    }
}

impl TryFrom<u32> for Null {
    type Error = EvidenceError;

    fn try_from(micro: u32) -> Result<Self, EvidenceError> {
        Self::from_micro(micro)
    }
}

impl From<Null> for u32 {
    fn from(null: Null) -> Self {
        null.0
    }
}
