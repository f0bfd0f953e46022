//! A host's draw: first leaves one after the other, then by amount.

use quern_audit::{draw_count, forfeit, Range, Sampling, Walk};
use quern_evidence::Rate;
use quern_interface::audits::Params;
use quern_protocol::{Amount, Hash};

use crate::error::{ContractError, Result};
use crate::state::{Case, ProofCase};

/// Walked leaves have numbers from here on in the choice of auditors, beyond every drawn offset.
const WALKED: u64 = 1 << 32;

/// What the draw asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Number, which seeds the choice of the auditor.
    pub index: u64,
    /// Offset in the round's span.
    pub offset: Amount,
}

impl ProofCase {
    /// Gives up on everything that nobody revealed: how many offsets.
    pub fn withhold(&mut self) -> Result<u32> {
        while self.sampling.pending().is_some() {
            self.sampling.withhold()?;
            self.withheld = self.withheld.saturating_add(1);
        }
        Ok(self.withheld)
    }
}

impl Case {
    /// Starts.
    pub const fn open(base: Amount, total: Amount, rate: &Rate) -> Self {
        Self {
            base,
            total,
            walk: Walk::new(total, rate.all_of_next),
            walked: 0,
            bps: rate.bps,
            sampling: None,
            draws: 0,
            forfeit: Amount::ZERO,
        }
    }

    /// What is asked for next; none at the end.
    pub fn pending(&mut self, seed: &Hash, params: &Params) -> Result<Option<Pending>> {
        if let Some(offset) = self.walk.pending() {
            let index = WALKED.saturating_add(self.walked);
            return Ok(Some(Pending { index, offset }));
        }
        let drawn = self.sampling(seed, params)?.pending();
        Ok(drawn.map(|drawn| Pending {
            index: drawn.index,
            offset: drawn.offset,
        }))
    }

    fn sampling(&mut self, seed: &Hash, params: &Params) -> Result<&mut Sampling> {
        let from = self.walk.end();
        if self.sampling.is_none() {
            let rest = self.total.saturating_sub(from);
            self.draws = draw_count(rest, params.mean_capture, self.bps, params.max_draws)?;
        }
        let (total, draws) = (self.total, self.draws);
        match &mut self.sampling {
            Some(sampling) => Ok(sampling),
            empty => Ok(empty.insert(Sampling::new(*seed, from, total, draws, vec![])?)),
        }
    }

    /// Takes the place of the leaf that was asked for; answers what the host forfeits if its payload turns
    /// out to be missing.
    pub fn reveal(&mut self, seed: &Hash, params: &Params, range: Range) -> Result<Amount> {
        if self.walk.pending().is_some() {
            self.walk.reveal(range)?;
            self.walked = self.walked.saturating_add(1);
            return Ok(range.amount());
        }
        self.sampling(seed, params)?.reveal(range)?;
        self.stake(range.amount())
    }

    fn stake(&self, amount: Amount) -> Result<Amount> {
        let rest = self.total.saturating_sub(self.walk.end());
        forfeit(amount, rest, self.draws).ok_or(ContractError::Overflow)
    }

    /// Gives up on everything that nobody revealed: how many offsets, and what they cost. A walk that stops
    /// costs all that it would have reached, as nobody knows where its leaves end.
    pub fn withhold(&mut self, seed: &Hash, params: &Params) -> Result<(u64, Amount)> {
        if let Some(offset) = self.walk.pending() {
            return Ok((1, self.total.saturating_sub(offset)));
        }
        let mut count = 0_u64;
        let mut cost = Amount::ZERO;
        while self.pending(seed, params)?.is_some() {
            self.sampling(seed, params)?.withhold()?;
            count = count.saturating_add(1);
            let part = self.stake(Amount::ZERO)?;
            cost = cost.checked_add(part).ok_or(ContractError::Overflow)?;
        }
        Ok((count, cost))
    }
}
