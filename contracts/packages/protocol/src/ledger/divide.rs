//! The end: who gets what.

use super::{Ledger, LedgerError, BPS};
use crate::Amount;

/// An escrow, divided: `Σ hosts + router + burned + refund = escrow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// To each host, after the burn, in the order of the seats.
    pub hosts: Vec<Amount>,
    /// To the router, after the burn.
    pub router: Amount,
    /// Burned.
    pub burned: Amount,
    /// To the payer.
    pub refund: Amount,
    /// Claims that a conviction made void, part of the refund.
    pub voided: Amount,
}

impl Ledger {
    /// Divides the escrow. `void` names the seats whose claims are void; a seat beyond its end is not.
    ///
    /// A host gets its claim, the router `floor(fee · Σ claims)`; out of each a part burns, rounded up. The
    /// payer gets the rest.
    pub fn divide(&self, void: &[bool]) -> Result<Division, LedgerError> {
        self.division(void).ok_or(LedgerError::Overflow)
    }

    fn division(&self, void: &[bool]) -> Option<Division> {
        let mut division = Division {
            hosts: Vec::with_capacity(self.seats.len()),
            router: Amount::ZERO,
            burned: Amount::ZERO,
            refund: Amount::ZERO,
            voided: Amount::ZERO,
        };
        let mut captured = Amount::ZERO;
        for (index, seat) in self.seats.iter().enumerate() {
            let is_void = void.get(index).copied().unwrap_or(false);
            let (gross, voided) = if is_void {
                (Amount::ZERO, seat.claimed)
            } else {
                (seat.claimed, Amount::ZERO)
            };
            captured = captured.checked_add(gross)?;
            division.voided = division.voided.checked_add(voided)?;
            let net = self.burn_from(gross, &mut division.burned)?;
            division.hosts.push(net);
        }
        let fee = captured
            .mul_div_floor(u128::from(self.fee_bps), BPS)?
            .min(self.router_share);
        division.router = self.burn_from(fee, &mut division.burned)?;
        division.refund = self.escrow.checked_sub(captured)?.checked_sub(fee)?;
        Some(division)
    }

    /// What is left of a pay after the burn, which is added to `burned`.
    fn burn_from(&self, gross: Amount, burned: &mut Amount) -> Option<Amount> {
        let burn = gross.mul_div_ceil(u128::from(self.burn_bps), BPS)?;
        *burned = burned.checked_add(burn)?;
        gross.checked_sub(burn)
    }
}
