//! A host's draw: first leaves one after the other, then by amount.

use cosmwasm_std::{Addr, Env, Storage};
use quern_audit::{
    auditor_seed, backlog_seed, draw_count, forfeit, hiding, leaf_seed, Range, Sampling, Walk,
};
use quern_evidence::Rate;
use quern_interface::audits::Params;
use quern_protocol::{Amount, Hash};

use crate::error::{ContractError, Result};
use crate::funds;
use crate::state::{Case, Judged, ProofCase, Round, BACKLOG, CASES};
use crate::table::Table;

/// A host's draw among its receipts, in the round under way.
pub struct Drawn {
    /// The draw.
    pub case: Case,
    /// Its seed.
    pub seed: Hash,
    back: bool,
}

impl Drawn {
    /// The draw that covers an offset in all that a host ever committed: of the round, or of what the round before
    /// covered.
    ///
    /// # Errors
    /// `not_drawn`, `not_in_round`, or `wrong_phase` before the beacon.
    pub fn load(
        storage: &dyn Storage,
        env: &Env,
        round: &Round,
        host: &Addr,
        offset: Amount,
    ) -> Result<Self> {
        let not_drawn = || ContractError::NotDrawn(host.to_string());
        let beacon = round.beacon.ok_or(ContractError::WrongPhase(round.phase))?;
        let case = CASES.find(storage, host)?.ok_or_else(not_drawn)?;
        let back = offset < case.base;
        let case = if back {
            BACKLOG.find(storage, host)?.ok_or(ContractError::NotInRound)?
        } else {
            case
        };
        let seed = Self::seed(back, env, round, host, &beacon);
        Ok(Self { case, seed, back })
    }

    /// Seed of a host's draw of the round, or among what the round before covered.
    pub fn seed(back: bool, env: &Env, round: &Round, host: &Addr, beacon: &Hash) -> Hash {
        let seed = if back { backlog_seed } else { leaf_seed };
        seed(&env.block.chain_id, host.as_str(), round.number, beacon)
    }

    /// Seed of the auditors of its leaves.
    pub fn auditors(&self, env: &Env, round: &Round, host: &Addr) -> Hash {
        match round.beacon.filter(|_| !self.back) {
            Some(beacon) => auditor_seed(&env.block.chain_id, host.as_str(), round.number, &beacon),
            None => self.seed,
        }
    }

    /// Keeps it.
    pub fn save(&self, storage: &mut dyn Storage, host: &Addr) -> Result<()> {
        let cases = if self.back { BACKLOG } else { CASES };
        Ok(cases.write(storage, host, &self.case)?)
    }
}

impl ProofCase {
    /// Gives up on the pending offset.
    pub fn give_up(&mut self) -> Result<()> {
        self.sampling.withhold()?;
        self.withheld = self.withheld.saturating_add(1);
        Ok(())
    }

    /// Answers that are believed, and that are not: of a draw with a hidden one, none.
    pub const fn verdict(&self) -> (u32, u32) {
        let Judged {
            clean,
            failed,
            missing,
        } = self.judged;
        let failed = failed.saturating_add(missing).saturating_add(self.withheld);
        if missing == 0 && self.withheld == 0 {
            (clean, failed)
        } else {
            (0, clean.saturating_add(failed))
        }
    }

    /// Gives up on everything that nobody revealed; whether there was anything.
    pub fn withhold(&mut self) -> Result<bool> {
        let before = self.withheld;
        while self.sampling.pending().is_some() {
            self.give_up()?;
        }
        Ok(self.withheld > before)
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
            withheld: 0,
            forfeit: Amount::ZERO,
            heard: false,
            convictions: Vec::new(),
        }
    }

    /// Where its span ends in all that the host ever committed.
    pub fn end(&self) -> Option<Amount> {
        self.base.checked_add(self.total)
    }

    /// Draws from the same span again, at the raised rate: what was audited stays out, as no leaf may enter the
    /// evidence twice.
    pub fn again(mut self, seed: &Hash, params: &Params) -> Result<Self> {
        let audited = self.sampling.take();
        let audited = audited.map_or_else(Vec::new, |sampling| sampling.ranges().to_vec());
        self.walk.stop();
        (self.walked, self.withheld, self.forfeit) = (0, 0, Amount::ZERO);
        self.bps = params.rates.raised_bps;
        let most = u64::from(params.rates.backlog).saturating_mul(self.bps.into()) / 10_000;
        let most = u32::try_from(most).unwrap_or(u32::MAX).min(params.max_draws);
        let from = self.walk.end();
        let rest = self.total.saturating_sub(from);
        self.draws = draw_count(rest, params.mean_capture, self.bps, most)?;
        self.sampling = Some(Sampling::new(*seed, from, self.total, self.draws, audited)?);
        Ok(self)
    }

    /// Offset in the round's span that is asked for next; none at the end.
    pub fn pending(&mut self, seed: &Hash, params: &Params) -> Result<Option<Amount>> {
        if let Some(offset) = self.walk.pending() {
            return Ok(Some(offset));
        }
        let drawn = self.sampling(seed, params)?.pending();
        Ok(drawn.map(|drawn| drawn.offset))
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
            return hiding(range.amount()).ok_or(ContractError::Overflow);
        }
        self.sampling(seed, params)?.reveal(range)?;
        self.stake(range.amount())
    }

    fn stake(&self, amount: Amount) -> Result<Amount> {
        let rest = self.total.saturating_sub(self.walk.end());
        let cost = forfeit(amount, rest, self.draws).and_then(hiding);
        cost.ok_or(ContractError::Overflow)
    }

    /// Takes the place of a leaf that says nothing: it counts among no first leaves and takes no draw's place.
    pub fn pass(&mut self, seed: &Hash, params: &Params, range: Range) -> Result<()> {
        if self.walk.pending().is_some() {
            return Ok(self.walk.pass(range)?);
        }
        Ok(self.sampling(seed, params)?.pass(range)?)
    }

    /// Gives up on the pending offset. Among first leaves that counts all before `end`, which the host names:
    /// where no leaf begins there, it must give up more. None of it is a first leaf.
    pub fn give_up(&mut self, seed: &Hash, params: &Params, end: Amount) -> Result<()> {
        let cost = match self.walk.pending() {
            Some(start) => {
                let range = Range { start, end };
                self.walk.pass(range)?;
                hiding(range.amount()).ok_or(ContractError::Overflow)?
            }
            None => {
                self.sampling(seed, params)?.withhold()?;
                self.stake(Amount::ZERO)?
            }
        };
        self.withheld = self.withheld.saturating_add(1);
        funds::add(&mut self.forfeit, cost)
    }

    /// Gives up on everything that nobody revealed. A walk that stops costs all that it would have reached, as
    /// nobody knows where its leaves end.
    pub fn withhold(&mut self, seed: &Hash, params: &Params) -> Result<()> {
        if self.walk.pending().is_some() {
            return self.give_up(seed, params, self.total);
        }
        while self.pending(seed, params)?.is_some() {
            self.give_up(seed, params, Amount::ZERO)?;
        }
        Ok(())
    }
}
