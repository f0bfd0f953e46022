//! Pools, shares and losses, without state.

use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

/// Coins that many own by shares. A loss cuts the coins, so it costs the same however many own them.
///
/// `coins = 0` if and only if `shares = 0`; a pool that lost everything begins a new generation, and shares
/// of an older one are worth nothing for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Coins.
    pub coins: Amount,
    /// Shares of this generation.
    pub shares: Amount,
    /// Times that the pool lost everything.
    pub generation: u32,
}

/// Somebody's shares of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stake {
    /// Shares.
    pub shares: Amount,
    /// The pool's generation when they were minted.
    pub generation: u32,
}

impl Pool {
    /// What a stake is worth, rounded down.
    pub fn value(&self, stake: &Stake) -> Amount {
        if stake.generation != self.generation {
            return Amount::ZERO;
        }
        stake
            .shares
            .mul_div_floor(self.coins.0, self.shares.0)
            .unwrap_or(Amount::ZERO)
    }

    /// Adds coins to the pool and their shares, rounded down, to the stake; none if they buy no share or a
    /// number does not fit, and nothing changes then.
    pub fn deposit(&mut self, stake: &mut Stake, amount: Amount) -> Option<()> {
        let minted = match self.shares.is_zero() {
            true => amount,
            false => amount.mul_div_floor(self.shares.0, self.coins.0)?,
        };
        if minted.is_zero() {
            return None;
        }
        let held = match stake.generation == self.generation {
            true => stake.shares,
            false => Amount::ZERO,
        };
        let (coins, shares) = (self.coins.checked_add(amount)?, self.shares.checked_add(minted)?);
        *stake = Stake {
            shares: held.checked_add(minted)?,
            generation: self.generation,
        };
        (self.coins, self.shares) = (coins, shares);
        Some(())
    }

    /// Takes `amount` out of the pool for shares of the stake, rounded up; all of them if `amount` is what
    /// they are worth. None if it is more than that, and nothing changes then.
    pub fn withdraw(&mut self, stake: &mut Stake, amount: Amount) -> Option<()> {
        let value = self.value(stake);
        if amount.is_zero() || amount > value {
            return None;
        }
        let burned = match amount == value {
            true => stake.shares,
            false => amount.mul_div_ceil(self.shares.0, self.coins.0)?,
        };
        let left = stake.shares.checked_sub(burned)?;
        let (coins, shares) = (self.coins.checked_sub(amount)?, self.shares.checked_sub(burned)?);
        stake.shares = left;
        (self.coins, self.shares) = (coins, shares);
        Some(())
    }

    /// Takes all that a stake is worth; its shares are gone, even if they were worth nothing.
    pub fn withdraw_all(&mut self, stake: &mut Stake) -> Amount {
        let value = self.value(stake);
        if stake.generation == self.generation {
            // saturating: a stake's shares are part of the pool's
            self.shares = self.shares.saturating_sub(stake.shares);
            self.coins = self.coins.saturating_sub(value);
        }
        stake.shares = Amount::ZERO;
        value
    }

    /// Loses coins, at most all. Returns what was lost.
    pub fn cut(&mut self, loss: Amount) -> Amount {
        let loss = loss.min(self.coins);
        self.coins = self.coins.saturating_sub(loss);
        if self.coins.is_zero() && !self.shares.is_zero() {
            self.shares = Amount::ZERO;
            self.generation = self.generation.wrapping_add(1);
        }
        loss
    }
}

/// What of a host's active coins counts: all, as far as the operator's part is the minimum of it or more.
/// So an operator that lost or took its own part cannot serve on others' coins.
pub fn counted(operator: Amount, active: Amount, min_operator_bps: u32) -> Amount {
    if min_operator_bps == 0 {
        return active;
    }
    let bps = u128::from(min_operator_bps);
    // Too large to fit is more than enough.
    let supported = operator.mul_div_floor(quern_interface::BPS, bps);
    supported.map_or(active, |supported| supported.min(active))
}

/// Divides `loss` over amounts in proportion; the parts add up to it exactly and none exceeds its amount.
/// None if the loss exceeds the sum or a number does not fit.
pub fn apportion(loss: Amount, amounts: &[Amount]) -> Option<Vec<Amount>> {
    let mut rest = Amount::sum(amounts.iter().copied())?;
    let mut loss = Some(loss).filter(|loss| *loss <= rest)?;
    let mut parts = Vec::with_capacity(amounts.len());
    for amount in amounts {
        // Rounded up, so what is left of the loss never exceeds what is left of the amounts.
        let part = match rest.is_zero() {
            true => Amount::ZERO,
            false => loss.mul_div_ceil(amount.0, rest.0)?,
        };
        loss = loss.checked_sub(part)?;
        rest = rest.checked_sub(*amount)?;
        parts.push(part);
    }
    Some(parts)
}

/// Last block of the bucket in which what unbonds at `height` can be slashed: `height + delay`, rounded up
/// to a multiple of `width`.
pub fn bucket(height: u64, delay: u64, width: u64) -> Option<u64> {
    height.checked_add(delay)?.checked_next_multiple_of(width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Deposit(usize, u128),
        Withdraw(usize, u128),
        Leave(usize),
        Cut(u128),
    }

    fn step() -> impl Strategy<Value = Step> {
        let who = 0..4_usize;
        prop_oneof![
            4 => (who.clone(), 1..1_u128 << 60).prop_map(|(who, amount)| Step::Deposit(who, amount)),
            3 => (who.clone(), 0..10_001_u128).prop_map(|(who, bps)| Step::Withdraw(who, bps)),
            1 => who.prop_map(Step::Leave),
            2 => prop_oneof![3 => 0..10_000_u128, 1 => Just(10_000)].prop_map(Step::Cut),
        ]
    }

    proptest! {
        #[test]
        fn a_pool_never_creates_coins_and_nobody_gains_by_what_others_do(steps in prop::collection::vec(step(), 1..60)) {
            let mut pool = Pool::default();
            let mut stakes = [Stake::default(); 4];
            for step in steps {
                let before = stakes.map(|stake| pool.value(&stake));
                let coins = pool.coins;
                // Whose position a step concerns, what it moved, and what a loss may have cost the others.
                let (actor, moved, lossy) = match step {
                    Step::Deposit(who, amount) => {
                        let paid = pool.deposit(&mut stakes[who], Amount(amount)).map_or(0, |()| amount as i128);
                        (Some(who), paid, false)
                    }
                    Step::Withdraw(who, bps) => {
                        let amount = before[who].mul_div_floor(bps, 10_000).unwrap();
                        let taken = pool.withdraw(&mut stakes[who], amount).map_or(0, |()| amount.0 as i128);
                        (Some(who), -taken, false)
                    }
                    Step::Leave(who) => {
                        let taken = pool.withdraw_all(&mut stakes[who]);
                        prop_assert_eq!(taken, before[who]);
                        (Some(who), -(taken.0 as i128), false)
                    }
                    Step::Cut(bps) => {
                        let loss = coins.mul_div_floor(bps, 10_000).unwrap();
                        prop_assert_eq!(pool.cut(loss), loss);
                        (None, -(loss.0 as i128), true)
                    }
                };
                prop_assert_eq!(pool.coins.0 as i128, coins.0 as i128 + moved);
                prop_assert_eq!(pool.coins.is_zero(), pool.shares.is_zero());
                let values = stakes.map(|stake| pool.value(&stake));
                prop_assert!(Amount::sum(values).unwrap() <= pool.coins);
                for who in 0..4 {
                    if actor == Some(who) {
                        prop_assert!(values[who].0 as i128 <= before[who].0 as i128 + moved);
                    } else if lossy {
                        prop_assert!(values[who] <= before[who]);
                    } else {
                        prop_assert!(values[who] >= before[who], "others' steps cost nothing");
                    }
                }
            }
        }

        #[test]
        fn a_loss_is_divided_exactly_and_nearly_in_proportion(
            amounts in prop::collection::vec(0..1_u128 << 70, 1..40), bps in 0..=10_000_u128,
        ) {
            let amounts: Vec<Amount> = amounts.into_iter().map(Amount).collect();
            let total = Amount::sum(amounts.iter().copied()).unwrap();
            let loss = total.mul_div_floor(bps, 10_000).unwrap();
            let parts = apportion(loss, &amounts).unwrap();
            prop_assert_eq!(Amount::sum(parts.iter().copied()).unwrap(), loss);
            for (part, amount) in parts.iter().zip(&amounts) {
                prop_assert!(part <= amount);
                let exact = loss.mul_div_floor(amount.0, total.0.max(1)).unwrap();
                prop_assert!(part.0.abs_diff(exact.0) <= amounts.len() as u128);
            }
            prop_assert!(apportion(Amount(total.0 + 1), &amounts).is_none());
        }
    }

    #[test]
    fn a_pool_that_lost_everything_can_be_funded_again_without_its_old_owners() {
        let mut pool = Pool::default();
        let (mut old, mut new) = (Stake::default(), Stake::default());
        pool.deposit(&mut old, Amount(100)).unwrap();
        pool.cut(Amount(100));
        assert_eq!(pool.value(&old), Amount::ZERO);
        pool.deposit(&mut new, Amount(70)).unwrap();
        assert_eq!((pool.value(&old), pool.value(&new)), (Amount::ZERO, Amount(70)));
        pool.deposit(&mut old, Amount(30)).unwrap();
        assert_eq!((pool.value(&old), pool.value(&new)), (Amount(30), Amount(70)));
    }

    #[test]
    fn a_bucket_never_matures_before_the_delay() {
        assert_eq!(bucket(100, 50, 20), Some(160));
        assert_eq!(bucket(110, 50, 20), Some(160));
        assert_eq!(bucket(111, 50, 20), Some(180));
        assert_eq!(bucket(u64::MAX, 1, 1), None);
    }
}
