//! Arithmetic of the emission: `R(e + 1) = floor(R(e) q)`, cut off where the cap is reached.

use quern_protocol::Amount;
use quern_types::Denom;

/// One in the fixed point of [`Schedule::retained`].
pub const ONE: u64 = 1_000_000_000_000_000_000;

/// Where the emission stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Denomination that is minted.
    pub denom: Denom,
    /// Most that is ever minted, in base units.
    pub cap: Amount,
    /// Part of an epoch's emission that the next one has, in units of 10^-18.
    pub retained: u64,
    /// Minted so far.
    pub minted: Amount,
    /// What the next epoch brings, as far as the cap allows.
    pub next: Amount,
    /// Supply that genesis gave out, without anything minted.
    pub genesis_supply: Amount,
}

impl Schedule {
    /// What this epoch mints, and where that leads. Never more than the cap leaves.
    #[must_use]
    pub fn step(&self) -> (Amount, Self) {
        let left = self.cap.saturating_sub(self.minted);
        let amount = self.next.min(left);
        // a part of at most one, of an amount: neither fails
        let next = self.next.mul_div_floor(self.retained.into(), ONE.into());
        let after = Self {
            minted: self.minted.checked_add(amount).unwrap_or(self.cap),
            next: next.unwrap_or_default(),
            ..self.clone()
        };
        (amount, after)
    }

    /// What was burned so far, given the supply now.
    pub fn burned(&self, supply: Amount) -> Amount {
        let issued = self.genesis_supply.checked_add(self.minted).unwrap_or_default();
        issued.saturating_sub(supply)
    }
}
