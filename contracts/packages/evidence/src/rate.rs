//! How densely a host is audited.

use crate::{EvidenceError, Params, Wealth};
use serde::{Deserialize, Serialize};

/// Rates; governance changes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateParams {
    /// Leaves of a new host that are all audited.
    pub first_leaves: u64,
    /// Default, in basis points of amount.
    pub base_bps: u32,
    /// While evidence is high.
    pub raised_bps: u32,
    /// Unsettled leaves that a raised rate reaches back to.
    pub backlog: u32,
}

/// What to draw from a host's new batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// So many of the next leaves are all audited.
    pub all_of_next: u64,
    /// Of the amount after those, in basis points.
    pub bps: u32,
    /// Of the leaves that are still unsettled, at most so many are drawn from again, at the same rate.
    pub backlog: u32,
}

impl RateParams {
    /// The shipped defaults: the first 50 leaves, then 5 %, and 25 % with 2,000 unsettled ones while high.
    pub const DEFAULT: Self = Self {
        first_leaves: 50,
        base_bps: 500,
        raised_bps: 2_500,
        backlog: 2_000,
    };

    /// Checks the bounds.
    ///
    /// # Errors
    /// [`EvidenceError::Params`] names the first value out of bounds.
    pub fn validate(&self) -> Result<(), EvidenceError> {
        let bad = |what| Err(EvidenceError::Params(what));
        if self.base_bps == 0 || self.raised_bps > 10_000 {
            return bad("rates must be from 1 to 10,000 basis points");
        }
        if self.raised_bps < self.base_bps {
            return bad("raised_bps must not be below base_bps");
        }
        if self.backlog as usize > crate::MAX_ROUND_LEAVES
            || self.first_leaves > crate::MAX_ROUND_LEAVES as u64
        {
            return bad("backlog and first_leaves must be at most 4,096");
        }
        Ok(())
    }
}

impl Default for RateParams {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The rate for a host that has committed `leaves` so far and whose greatest wealth over its processes is
/// `wealth`. It depends on the past alone, so adapting it keeps the bound.
pub fn rate(leaves: u64, wealth: Wealth, params: &Params, rates: &RateParams) -> Rate {
    let high = wealth.reaches(params.freeze_at);
    Rate {
        all_of_next: rates.first_leaves.saturating_sub(leaves),
        bps: if high { rates.raised_bps } else { rates.base_bps },
        backlog: if high { rates.backlog } else { 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_host_is_audited_whole_and_a_suspect_densely() {
        let at = |leaves, whole: u128| {
            let wealth = Wealth::from_units(whole * Wealth::SCALE);
            rate(leaves, wealth, &Params::DEFAULT, &RateParams::DEFAULT)
        };
        assert_eq!(at(0, 1).all_of_next, 50);
        assert_eq!(at(49, 1).all_of_next, 1);
        assert_eq!(
            (at(50, 1).all_of_next, at(50, 1).bps, at(50, 1).backlog),
            (0, 500, 0)
        );
        assert_eq!(
            (at(900, 29).bps, at(900, 30).bps, at(900, 30).backlog),
            (500, 2_500, 2_000)
        );
    }

    #[test]
    fn rates_that_make_no_sense_are_refused() {
        assert_eq!(RateParams::DEFAULT.validate(), Ok(()));
        let edits: [fn(&mut RateParams); 4] = [
            |r| r.base_bps = 0,
            |r| r.raised_bps = 10_001,
            |r| r.raised_bps = 499,
            |r| r.backlog = 5_000,
        ];
        for edit in edits {
            let mut rates = RateParams::DEFAULT;
            edit(&mut rates);
            assert!(rates.validate().is_err(), "{rates:?}");
        }
    }
}
