//! How a host's rewards are divided among it and its funders, without state.
//!
//! Funders share by a cumulative index of coins per share of their pool, so that what vests costs the same work however
//! many they are. Shares and not coins: a slash changes what a share is worth, and nobody's shares.

use quern_interface::BPS;
use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

use crate::math::Stake;
use crate::state::Tranches;

/// One coin per share in the index. All that is ever minted stays below 2^64, so the index fits for every pool.
pub const ONE: u128 = 1_000_000_000_000_000_000;

/// What a host that never set its commission keeps: all.
const WHOLE: u32 = BPS as u32;

/// A host's rewards so far: `seen = commission + own + funders` and what was paid out of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Income {
    /// Vested rewards that are divided.
    pub seen: Amount,
    /// Commission, not paid.
    pub commission: Amount,
    /// Earned by the operator's own coins, not paid.
    pub own: Amount,
    /// Earned by the other funders' coins, not paid.
    pub funders: Amount,
    /// Coins per share of the funders' pool so far, in units of `1 / ONE`.
    pub index: Amount,
    /// Commission in basis points.
    pub rate_bps: u32,
    /// Epoch in which it was last set.
    pub epoch: u64,
    /// Lowest rate of that epoch.
    pub lowest_bps: u32,
}

impl Default for Income {
    fn default() -> Self {
        Self {
            seen: Amount::ZERO,
            commission: Amount::ZERO,
            own: Amount::ZERO,
            funders: Amount::ZERO,
            index: Amount::ZERO,
            rate_bps: WHOLE,
            epoch: 0,
            lowest_bps: WHOLE,
        }
    }
}

impl Income {
    /// Divides what has vested beyond what was seen among those whose coins are active. Whether there was any. None,
    /// and nothing changes, if a number does not fit.
    pub fn divide(&mut self, vested: Amount, active: &Tranches) -> Option<bool> {
        let fresh = vested.saturating_sub(self.seen);
        if fresh.is_zero() {
            return Some(false);
        }
        let commission = fresh.mul_div_floor(self.rate_bps.into(), BPS)?;
        let shared = fresh.checked_sub(commission)?;
        let parts = per_share(shared, active)
            .and_then(|(rise, funders)| Some((self.index.checked_add(rise)?, funders)));
        let (index, funders) = parts.unwrap_or((self.index, Amount::ZERO));
        // what rounding keeps from the funders is the operator's
        let own = shared.checked_sub(funders)?;
        *self = Self {
            seen: vested,
            commission: self.commission.checked_add(commission)?,
            own: self.own.checked_add(own)?,
            funders: self.funders.checked_add(funders)?,
            index,
            ..*self
        };
        Some(true)
    }

    /// Highest rate that may be set in an epoch.
    pub fn most(&self, epoch: u64, rise_bps: u32) -> u32 {
        let from = match self.epoch == epoch {
            true => self.lowest_bps,
            false => self.rate_bps,
        };
        from.saturating_add(rise_bps).min(WHOLE).max(self.rate_bps)
    }

    /// Sets the rate.
    pub fn set(&mut self, rate_bps: u32, epoch: u64) {
        let before = match self.epoch == epoch {
            true => self.lowest_bps,
            false => self.rate_bps,
        };
        (self.epoch, self.lowest_bps) = (epoch, before.min(rate_bps));
        self.rate_bps = rate_bps;
    }
}

/// By how much the index rises when `shared` is divided by coins, and what that gives the funders: at most their
/// part, and at least what all of them will be paid of it. None if there is nothing for them or a number does not fit.
fn per_share(shared: Amount, active: &Tranches) -> Option<(Amount, Amount)> {
    let pool = &active.funders;
    let part = shared.mul_div_floor(pool.coins.0, active.coins()?.0)?;
    let rise = part.mul_div_floor(ONE, pool.shares.0)?;
    Some((rise, pool.shares.mul_div_ceil(rise.0, ONE)?))
}

/// What a funder earned behind a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earner {
    /// Index up to which its stake was paid for.
    pub index: Amount,
    /// Earned by then, not paid.
    pub owed: Amount,
}

impl Earner {
    /// Adds what a stake earned up to `until`, rounded down, and goes on from `now`. None if a number does not fit.
    pub fn settle(&mut self, stake: &Stake, until: Amount, now: Amount) -> Option<()> {
        let risen = until.saturating_sub(self.index);
        let earned = stake.shares.mul_div_floor(risen.0, ONE)?;
        self.owed = self.owed.checked_add(earned)?;
        self.index = now;
        Some(())
    }
}
