//! Claims.

use super::{Ledger, LedgerError};
use crate::Amount;

impl Ledger {
    /// What a host is paid for a voucher's cap and a committed cumulative: the least of both and its limit.
    pub fn payable(&self, seat: usize, cap: Amount, cumulative: Amount) -> Result<Amount, LedgerError> {
        Ok(cap.min(cumulative).min(self.seat(seat)?.limit))
    }

    /// Proves captures; answers by how much the claim grew. A claim never falls, so a stale proof does
    /// nothing.
    pub fn claim(
        &mut self,
        seat: usize,
        cap: Amount,
        cumulative: Amount,
        receipts: u64,
    ) -> Result<Amount, LedgerError> {
        let payable = self.payable(seat, cap, cumulative)?;
        let seat = self.seat_mut(seat)?;
        let gained = payable.saturating_sub(seat.claimed);
        if gained.is_zero() {
            return Err(LedgerError::NothingGained);
        }
        seat.claimed = payable;
        seat.receipts = receipts.max(seat.receipts);
        Ok(gained)
    }
}
