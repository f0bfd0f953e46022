//! Constants of the validator set.

use crate::{WeightError, MAX_HOSTS};
use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

/// Parameters; governance changes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Bond in nqrn that one unit of weight needs.
    pub bond_per_weight: Amount,
    /// Most of a set's power that one host has, in basis points, or an equal part where so few hosts cannot
    /// stay below that.
    pub cap_bps: u32,
    /// Most validators.
    pub max_validators: u32,
    /// Proofs are too few if those who proved held less than this part of the old set's power.
    pub min_proven_bps: u32,
    /// Epochs for which the old set carries over when proofs are too few.
    pub carry_epochs: u32,
}

impl Params {
    /// The shipped defaults: 30 %, 100 validators, a third of the power, two epochs.
    pub const DEFAULT: Self = Self {
        bond_per_weight: Amount(1_000_000_000),
        cap_bps: 3_000,
        max_validators: 100,
        min_proven_bps: 3_334,
        carry_epochs: 2,
    };

    /// Checks the bounds.
    ///
    /// # Errors
    /// [`WeightError::Params`] names the first value out of bounds.
    pub fn validate(&self) -> Result<(), WeightError> {
        if self.bond_per_weight.is_zero() {
            return Err(WeightError::Params("bond_per_weight must be at least 1"));
        }
        if self.cap_bps == 0 || self.cap_bps > 10_000 {
            return Err(WeightError::Params("cap_bps must be from 1 to 10,000"));
        }
        if self.max_validators == 0 || self.max_validators as usize > MAX_HOSTS {
            return Err(WeightError::Params("max_validators must be from 1 to 4,096"));
        }
        if self.min_proven_bps > 10_000 {
            return Err(WeightError::Params("min_proven_bps must be at most 10,000"));
        }
        Ok(())
    }

    /// The cap for `hosts`, as numerator and denominator: feasible for that many.
    pub(crate) fn cap(&self, hosts: usize) -> (u128, u128) {
        let hosts = hosts.max(1) as u128;
        let bps = u128::from(self.cap_bps);
        if bps.saturating_mul(hosts) < 10_000 {
            (1, hosts)
        } else {
            (bps, 10_000)
        }
    }
}

impl Default for Params {
    fn default() -> Self {
        Self::DEFAULT
    }
}
