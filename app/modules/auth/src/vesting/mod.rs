//! Coins that an account may hold but not yet send (x/auth/vesting).

mod schedule;

use quern_types::{Coins, Result, errors};

pub use schedule::{Period, Schedule};

/// The part of an account that says what is locked. Times are Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vesting {
    /// Coins that were locked at first.
    pub original: Coins,
    /// Delegated coins that are not locked.
    pub delegated_free: Coins,
    /// Delegated coins that are locked.
    pub delegated_vesting: Coins,
    /// When all is free; 0 for coins locked for ever.
    pub end_time: i64,
    /// How coins become free.
    pub schedule: Schedule,
}

impl Vesting {
    /// Locks `original`.
    ///
    /// # Errors
    /// `sdk/18` with the SDK's text for a schedule that means nothing.
    pub fn new(original: Coins, end_time: i64, schedule: Schedule) -> Result<Self> {
        let vesting = Self {
            original,
            delegated_free: Coins::empty(),
            delegated_vesting: Coins::empty(),
            end_time,
            schedule,
        };
        vesting.validate()?;
        Ok(vesting)
    }

    /// Checks what must always hold.
    ///
    /// # Errors
    /// As [`Vesting::new`].
    pub fn validate(&self) -> Result<()> {
        let refused = |text: String| Err(errors::INVALID_REQUEST.wrap(text));
        if let Err(text) = self.schedule.validate(&self.original, self.end_time) {
            return refused(text);
        }
        if self.end_time < 0 {
            return refused("end time cannot be negative".to_owned());
        }
        if !self.delegated_vesting.is_all_lte(&self.original) {
            return refused(
                "delegated vesting amount cannot be greater than original vesting amount".to_owned(),
            );
        }
        Ok(())
    }

    /// Coins that are still vesting at `now`.
    pub fn vesting(&self, now: i64) -> Coins {
        let vested = self.schedule.vested(&self.original, self.end_time, now);
        // a schedule never frees more than there was, so the difference exists
        self.original.checked_sub(&vested).unwrap_or_default()
    }

    /// Coins that cannot be spent at `now`: vesting and not delegated.
    pub fn locked(&self, now: i64) -> Coins {
        let vesting = self.vesting(now);
        vesting
            .checked_sub(&vesting.min(&self.delegated_vesting))
            .unwrap_or_default()
    }

    /// Notes a delegation out of `balance`: locked coins are delegated first.
    ///
    /// # Errors
    /// `sdk/5` if the balance is too small.
    pub fn track_delegation(&mut self, balance: &Coins, now: i64, amount: &Coins) -> Result<()> {
        if !amount.is_all_lte(balance) {
            return Err(
                errors::INSUFFICIENT_FUNDS.wrap("delegation attempt with zero coins or insufficient funds")
            );
        }
        let vesting = self.vesting(now);
        let room = vesting
            .checked_sub(&vesting.min(&self.delegated_vesting))
            .unwrap_or_default();
        let locked = room.min(amount);
        let free = amount.checked_sub(&locked).unwrap_or_default();
        self.delegated_vesting = self.delegated_vesting.checked_add(&locked)?;
        self.delegated_free = self.delegated_free.checked_add(&free)?;
        Ok(())
    }

    /// Notes that delegated coins came back: free ones first. What exceeds both counts as a reward.
    pub fn track_undelegation(&mut self, amount: &Coins) {
        let free = self.delegated_free.min(amount);
        let rest = amount.checked_sub(&free).unwrap_or_default();
        let locked = self.delegated_vesting.min(&rest);
        self.delegated_free = self.delegated_free.checked_sub(&free).unwrap_or_default();
        self.delegated_vesting = self.delegated_vesting.checked_sub(&locked).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coins(text: &str) -> Coins {
        text.parse().unwrap()
    }

    #[test]
    fn delegated_coins_are_locked_ones_first_and_come_back_free_ones_first() {
        let schedule = Schedule::Continuous { start_time: 0 };
        let mut vesting = Vesting::new(coins("100nqrn"), 100, schedule).unwrap();
        assert_eq!(vesting.locked(40), coins("60nqrn"));
        vesting
            .track_delegation(&coins("100nqrn"), 40, &coins("70nqrn"))
            .unwrap();
        assert_eq!(
            (&vesting.delegated_vesting, &vesting.delegated_free),
            (&coins("60nqrn"), &coins("10nqrn"))
        );
        assert_eq!(vesting.locked(40), Coins::empty());
        assert!(
            vesting
                .track_delegation(&coins("1nqrn"), 40, &coins("2nqrn"))
                .is_err()
        );
        vesting.track_undelegation(&coins("30nqrn"));
        assert_eq!(
            (&vesting.delegated_vesting, &vesting.delegated_free),
            (&coins("40nqrn"), &Coins::empty())
        );
        vesting.track_undelegation(&coins("900nqrn"));
        assert!(vesting.delegated_vesting.is_empty());
    }
}
