//! Releases and rebalances: how limits move.

use super::{Ledger, LedgerError, Moved, Pending, MAX_REBALANCES};
use crate::Amount;

impl Ledger {
    /// Moves what a signed release allows beyond what this pair moved before, as far as it is unclaimed;
    /// answers how much. A replay moves nothing.
    pub fn release(&mut self, from: usize, to: usize, cumulative: Amount) -> Result<Amount, LedgerError> {
        if from == to {
            return Err(LedgerError::NothingAsked);
        }
        let before = self.moved(from, to);
        let amount = cumulative.saturating_sub(before).min(self.seat(from)?.free());
        if amount.is_zero() {
            return Err(LedgerError::NothingToMove);
        }
        let now = before.checked_add(amount).ok_or(LedgerError::Overflow)?;
        self.shift(from, to, amount)?;
        match self.released.iter_mut().find(|m| (m.from, m.to) == (from, to)) {
            Some(moved) => moved.cumulative = now,
            None => self.released.push(Moved {
                from,
                to,
                cumulative: now,
            }),
        }
        Ok(amount)
    }

    /// What a pair's releases have moved so far.
    pub fn moved(&self, from: usize, to: usize) -> Amount {
        let pair = self.released.iter().find(|m| (m.from, m.to) == (from, to));
        pair.map_or(Amount::ZERO, |moved| moved.cumulative)
    }

    /// Asks to move a silent host's limit; until `due_at` the host may prove its captures.
    pub fn rebalance(
        &mut self,
        from: usize,
        to: usize,
        amount: Amount,
        due_at: u64,
    ) -> Result<(), LedgerError> {
        self.seat(from)?;
        self.seat(to)?;
        if from == to || amount.is_zero() {
            return Err(LedgerError::NothingAsked);
        }
        if self.pending.iter().any(|p| p.from == from) {
            return Err(LedgerError::AlreadyPending);
        }
        if self.rebalances >= MAX_REBALANCES {
            return Err(LedgerError::TooManyRebalances);
        }
        self.rebalances = self.rebalances.saturating_add(1);
        self.pending.push(Pending {
            from,
            to,
            amount,
            due_at,
        });
        Ok(())
    }

    /// Executes a due rebalance: moves what was asked as far as it is unclaimed. Answers the receiver and
    /// how much, which may be nothing.
    pub fn execute_rebalance(&mut self, from: usize, height: u64) -> Result<(usize, Amount), LedgerError> {
        let index = self.pending.iter().position(|p| p.from == from);
        let pending = index.and_then(|i| Some((i, self.pending.get(i)?.clone())));
        let (index, pending) = pending.ok_or(LedgerError::NotPending)?;
        if height < pending.due_at {
            return Err(LedgerError::NotDue);
        }
        let amount = pending.amount.min(self.seat(from)?.free());
        self.shift(from, pending.to, amount)?;
        self.pending.remove(index);
        Ok((pending.to, amount))
    }

    /// `amount` is at most the giver's free limit.
    fn shift(&mut self, from: usize, to: usize, amount: Amount) -> Result<(), LedgerError> {
        let less = self.seat(from)?.limit.checked_sub(amount);
        let more = self.seat(to)?.limit.checked_add(amount);
        let (less, more) = less.zip(more).ok_or(LedgerError::Overflow)?;
        self.seat_mut(from)?.limit = less;
        self.seat_mut(to)?.limit = more;
        Ok(())
    }
}
