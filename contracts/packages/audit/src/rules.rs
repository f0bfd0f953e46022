//! Sizes of panels and their majorities: part of the genesis profile.

use crate::AuditError;
use serde::{Deserialize, Serialize};

/// Most seats of a panel.
pub const MAX_SEATS: u32 = 64;

/// A panel and how many of its seats decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageRule {
    /// Seats.
    pub seats: u32,
    /// Seats that must agree that a leaf is bad; more than half.
    pub needed: u32,
}

/// What one network asks of its audits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Hears an accusation.
    pub panel: StageRule,
    /// Reviews the leaves of a conviction before coins are cut.
    pub review: StageRule,
    /// Fewest independent hosts of a group whose verdicts may cut coins.
    pub min_independent: u32,
    /// Part of two hosts' bonds from which a common funder makes them dependent, in basis points.
    pub shared_funder_bps: u32,
}

impl Profile {
    /// The shipped defaults: 4 of 7, 13 of 21, 8 independent hosts, 10 %.
    pub const DEFAULT: Self = Self {
        panel: StageRule { seats: 7, needed: 4 },
        review: StageRule {
            seats: 21,
            needed: 13,
        },
        min_independent: 8,
        shared_funder_bps: 1_000,
    };

    /// Checks the bounds.
    ///
    /// # Errors
    /// [`AuditError::Params`] names the first value out of bounds.
    pub fn validate(&self) -> Result<(), AuditError> {
        for rule in [self.panel, self.review] {
            if rule.seats == 0 || rule.seats > MAX_SEATS {
                return Err(AuditError::Params("a panel has 1 to 64 seats"));
            }
            if rule.needed > rule.seats || rule.needed <= rule.seats / 2 {
                return Err(AuditError::Params("needed must be more than half of the seats"));
            }
        }
        if self.min_independent == 0 {
            return Err(AuditError::Params("min_independent must be at least 1"));
        }
        // a bond has at most ten such funders, which bounds every list of them
        if self.shared_funder_bps < 1_000 || self.shared_funder_bps > 10_000 {
            return Err(AuditError::Params(
                "shared_funder_bps must be from 1,000 to 10,000",
            ));
        }
        Ok(())
    }

    /// Whether a position is large enough to make its funder count in [`crate::Candidate::funders`].
    pub fn counts(&self, position: quern_protocol::Amount, bond: quern_protocol::Amount) -> bool {
        // position * 10^4 >= bond * bps, without overflow: position >= ceil(bond * bps / 10^4)
        let least = bond.mul_div_ceil(self.shared_funder_bps.into(), 10_000);
        !position.is_zero() && least.is_some_and(|least| position >= least)
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::DEFAULT
    }
}
