//! When fees count: the protocol's lambda.

use quern_interface::rewards::{Params, LAMBDA_ONE};
use quern_interface::BPS;
use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

/// Where the share of fees stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// Share of fees, in millionths.
    pub lambda: u32,
    /// Epochs in a row with high utilisation, as far as they count.
    pub sustained: u32,
}

impl Activation {
    /// What an epoch's utilisation makes of it. Rises only in epochs of high utilisation, once enough of them
    /// came in a row; holds between the edges; falls below the lower one, and must then earn its way again.
    #[must_use]
    pub fn next(self, utilisation_bps: u32, params: &Params) -> Self {
        let step = LAMBDA_ONE.div_ceil(params.ramp_epochs.max(1));
        if utilisation_bps >= params.high_bps {
            let sustained = self.sustained.saturating_add(1).min(params.sustain_epochs);
            let lambda = match sustained >= params.sustain_epochs {
                true => self.lambda.saturating_add(step).min(LAMBDA_ONE),
                false => self.lambda,
            };
            return Self { lambda, sustained };
        }
        if utilisation_bps < params.low_bps {
            let lambda = self.lambda.saturating_sub(step);
            return Self { lambda, sustained: 0 };
        }
        match self.lambda {
            0 => Self::default(),
            _ => self,
        }
    }
}

/// Demand and capacity of an epoch, over all proven models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// Work that was asked for, in weighted tokens times the models' coefficients.
    pub asked: Amount,
    /// Work that could have been done.
    pub offered: Amount,
    /// Captures behind `asked`, in coins.
    pub committed: Amount,
}

/// Utilisation in basis points of capacity, counting work only as far as captures that were paid, and so
/// burned their part, back it. `backing` holds coins paid and not used so; what is used leaves it. None on
/// overflow.
pub fn utilisation(demand: &Demand, backing: &mut Amount) -> Option<u32> {
    let used = demand.committed.min(*backing);
    *backing = backing.checked_sub(used)?;
    if demand.committed.is_zero() || demand.offered.is_zero() {
        return Some(0);
    }
    let asked = demand.asked.mul_div_floor(used.0, demand.committed.0)?;
    let bps = asked.mul_div_floor(BPS, demand.offered.0)?;
    Some(u32::try_from(bps.0).unwrap_or(u32::MAX))
}
