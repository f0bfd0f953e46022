//! How an epoch's emission is divided.

use quern_interface::rewards::{Params, LAMBDA_ONE};
use quern_interface::BPS;
use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

/// What hosts brought into an epoch, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Weights.
    pub weight: Amount,
    /// Coins that their pay burned.
    pub burned: Amount,
    /// Hosts with a share.
    pub hosts: u64,
}

/// `emission = community + by_weight + by_fees`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Division {
    /// Tax, and what nobody could earn.
    pub community: Amount,
    /// To hosts by weight.
    pub by_weight: Amount,
    /// To hosts by burned fees: at most `(1 - m)` of what burned.
    pub by_fees: Amount,
}

/// Divides. None on overflow.
pub fn divide(emission: Amount, lambda: u32, sums: &Sums, params: &Params) -> Option<Division> {
    let tax = emission.mul_div_floor(params.tax_bps.into(), BPS)?;
    let net = emission.checked_sub(tax)?;
    let competed = net.mul_div_floor(lambda.min(LAMBDA_ONE).into(), LAMBDA_ONE.into())?;
    let returned = BPS.saturating_sub(params.margin_bps.into());
    let by_fees = competed.min(sums.burned.mul_div_floor(returned, BPS)?);
    let rest = net.checked_sub(by_fees)?;
    let (by_weight, unearned) = match sums.weight.is_zero() {
        true => (Amount::ZERO, rest),
        false => (rest, Amount::ZERO),
    };
    Some(Division {
        community: tax.checked_add(unearned)?,
        by_weight,
        by_fees,
    })
}

/// An epoch's coins for hosts while shares of it are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pot {
    /// By weight.
    pub by_weight: Amount,
    /// By fees.
    pub by_fees: Amount,
    /// What the coins are divided by.
    pub sums: Sums,
    /// Shares that were not taken yet.
    pub open: u64,
    /// Coins that were taken.
    pub taken: Amount,
}

/// What a share came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earned {
    /// By weight.
    pub by_weight: Amount,
    /// By fees.
    pub by_fees: Amount,
}

impl Pot {
    /// The coins of a divided epoch.
    pub fn new(division: &Division, sums: Sums) -> Self {
        Self {
            by_weight: division.by_weight,
            by_fees: division.by_fees,
            open: sums.hosts,
            sums,
            taken: Amount::ZERO,
        }
    }

    /// What a share is worth: rounded down, so that a host that splits gains nothing. None on overflow.
    pub fn worth(&self, weight: u64, burned: Amount) -> Option<Earned> {
        let part = |of: Amount, units: u128, all: Amount| match all.is_zero() {
            true => Some(Amount::ZERO),
            false => of.mul_div_floor(units, all.0),
        };
        Some(Earned {
            by_weight: part(self.by_weight, weight.into(), self.sums.weight)?,
            by_fees: part(self.by_fees, burned.0, self.sums.burned)?,
        })
    }

    /// Takes a share. None on overflow.
    pub fn take(&mut self, weight: u64, burned: Amount) -> Option<Earned> {
        let earned = self.worth(weight, burned)?;
        self.open = self.open.checked_sub(1)?;
        self.taken = Amount::sum([self.taken, earned.by_weight, earned.by_fees])?;
        Some(earned)
    }

    /// What rounding left over, once every share is taken.
    pub fn dust(&self) -> Option<Amount> {
        let all = self.by_weight.checked_add(self.by_fees)?;
        (self.open == 0).then(|| all.saturating_sub(self.taken))
    }
}
