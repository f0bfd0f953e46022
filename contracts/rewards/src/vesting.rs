//! Rewards that vest in equal parts per epoch.

use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

/// Grants that begin within so many epochs, as a part of the vesting time, vest as one: what bounds their
/// number.
const GRANTS: u64 = 30;
/// Most grants of one account, whatever parameters did; beyond it, new rewards join the last one.
const MAX_GRANTS: usize = 64;

/// Coins that vest together from the end of epoch `start` to the end of epoch `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant(pub u64, pub u64, pub Amount, pub Amount);

impl Grant {
    /// What of it has vested with the end of an epoch.
    fn vested(&self, epoch: u64) -> Amount {
        let Self(start, end, amount, _) = *self;
        if epoch >= end {
            return amount;
        }
        let whole = end.saturating_sub(start).max(1);
        let gone = epoch.saturating_sub(start);
        // a part of at most one does not overflow
        amount
            .mul_div_floor(gone.into(), whole.into())
            .unwrap_or_default()
    }
}

/// A host's rewards: `by_weight + by_fees = vesting + claimable + claimed + clawed_back`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Earned by weight so far.
    pub by_weight: Amount,
    /// Earned by fees so far.
    pub by_fees: Amount,
    /// Vested and not claimed.
    pub claimable: Amount,
    /// Claimed so far.
    pub claimed: Amount,
    /// Taken away before it vested, so far.
    pub clawed_back: Amount,
    /// What vests, by rising start: start, end, amount, and what of it has become claimable.
    pub grants: Vec<Grant>,
}

impl Account {
    /// Adds a reward of an epoch. None on overflow.
    pub fn grant(&mut self, epoch: u64, amount: Amount, vesting_epochs: u64) -> Option<()> {
        if amount.is_zero() {
            return Some(());
        }
        let width = vesting_epochs.div_ceil(GRANTS).max(1);
        let start = epoch.checked_next_multiple_of(width)?;
        let end = start.checked_add(vesting_epochs.max(1))?;
        let full = self.grants.len() >= MAX_GRANTS;
        let same = |g: &&mut Grant| (g.0, g.1) == (start, end);
        if let Some(grant) = self.grants.iter_mut().find(same) {
            grant.2 = grant.2.checked_add(amount)?;
        } else if let (true, Some(last)) = (full, self.grants.last_mut()) {
            last.2 = last.2.checked_add(amount)?;
        } else {
            let at = self.grants.partition_point(|g| (g.0, g.1) < (start, end));
            self.grants.insert(at, Grant(start, end, amount, Amount::ZERO));
        }
        Some(())
    }

    /// Makes claimable what has vested with the end of an epoch. None on overflow.
    pub fn release(&mut self, epoch: u64) -> Option<()> {
        for grant in &mut self.grants {
            // more than before: an epoch never goes back, and a grant only grows
            let due = grant.vested(epoch).saturating_sub(grant.3);
            grant.3 = grant.3.checked_add(due)?;
            self.claimable = self.claimable.checked_add(due)?;
        }
        self.grants.retain(|grant| grant.3 < grant.2);
        Some(())
    }

    /// What has not become claimable. None on overflow.
    pub fn vesting(&self) -> Option<Amount> {
        Amount::sum(self.grants.iter().map(|g| g.2.saturating_sub(g.3)))
    }

    /// Takes away what has not become claimable. None on overflow.
    pub fn claw_back(&mut self) -> Option<Amount> {
        let taken = self.vesting()?;
        self.grants.clear();
        self.clawed_back = self.clawed_back.checked_add(taken)?;
        Some(taken)
    }

    /// Takes out of what is claimable. None, and nothing changes, if it is less.
    pub fn pay(&mut self, amount: Amount) -> Option<()> {
        let left = self.claimable.checked_sub(amount)?;
        self.claimed = self.claimed.checked_add(amount)?;
        self.claimable = left;
        Some(())
    }
}
