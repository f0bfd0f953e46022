//! Pay: the same for either verdict, out of what the round may cost.

use cosmwasm_std::{Addr, Order};
use quern_audit::pay;
use quern_interface::audits::Phase;
use quern_protocol::{Amount, Node};

use super::{change_record, count, Worker};
use crate::error::{ContractError, Result};
use crate::funds;
use crate::state::{Work, HOSTS, TALLY, TOTALS, WORK};
use crate::table::{Cell, Table};

impl Worker<'_> {
    /// Weighs the next report. What is missing, of votes or of openings, costs all of its pay.
    pub(super) fn tally(&mut self) -> Result<()> {
        let next = WORK.keys(self.deps.storage, None, None, Order::Ascending).next();
        let Some(auditor) = next.transpose()? else {
            self.enter(Phase::Pay);
            self.round.budget = TOTALS.read(self.deps.storage)?.pot.min(self.params.round_budget);
            return Ok(());
        };
        let work = WORK.read(self.deps.storage, &auditor)?;
        WORK.remove(self.deps.storage, &auditor);
        let refuted = self.refuted(&auditor, &work)?;
        let complete = verified(&work, self.params.openings);
        if refuted || (work.check.is_some() && complete.is_none()) {
            self.fine(&auditor, &work)?;
        }
        let verified = complete.filter(|_| !refuted);
        change_record(self.deps.storage, &auditor, &|record| {
            if refuted {
                count(&mut record.refuted)?;
            }
            count(if verified.is_some() {
                &mut record.reports
            } else {
                &mut record.missed
            })
        })?;
        let Some(positions) = verified.filter(|positions| *positions > 0) else {
            return Ok(());
        };
        self.earn(&auditor, positions)
    }

    /// A check found nothing behind a report, or its auditor fell silent when it was checked, which must cost the
    /// same: it loses what the reports that are not checked would have earned it meanwhile. What it is owed goes
    /// first, then later pay.
    fn fine(&mut self, auditor: &Addr, work: &Work) -> Result<()> {
        let unseen = self.params.check_every.saturating_sub(1);
        let positions = work.root.map_or(0, |root| claimed(&root, work));
        let fine = pay(self.params.token_pay, positions.saturating_mul(unseen.into())).unwrap_or_default();
        let mut record = HOSTS.find(self.deps.storage, auditor)?.unwrap_or_default();
        let taken = fine.min(record.owed);
        funds::take(&mut record.owed, taken)?;
        // never fails, as nothing of a round may wait for one auditor
        let left = fine.0.saturating_sub(taken.0);
        record.debt = Amount(record.debt.0.saturating_add(left));
        HOSTS.write(self.deps.storage, auditor, &record)?;
        let mut totals = TOTALS.read(self.deps.storage)?;
        funds::take(&mut totals.owed, taken)?;
        funds::add(&mut totals.pot, taken)?;
        Ok(TOTALS.write(self.deps.storage, &totals)?)
    }

    /// Counts verified positions for an auditor.
    pub(super) fn earn(&mut self, auditor: &Addr, positions: u64) -> Result<()> {
        let tally = TALLY.may_load(self.deps.storage, auditor)?.unwrap_or_default();
        let sum = |number: u64| number.checked_add(positions).ok_or(ContractError::Overflow);
        TALLY.save(self.deps.storage, auditor, &sum(tally)?)?;
        self.round.positions = sum(self.round.positions)?;
        Ok(())
    }

    /// Credits the next auditor: by position, and if the round's budget falls short, pro rata.
    pub(super) fn pay(&mut self) -> Result<()> {
        let next = TALLY
            .range(self.deps.storage, None, None, Order::Ascending)
            .next();
        let Some((auditor, positions)) = next.transpose()? else {
            self.enter(Phase::Clean);
            return Ok(());
        };
        TALLY.remove(self.deps.storage, &auditor);
        let earned = pay(self.params.token_pay, positions).unwrap_or(self.round.budget);
        let part = self
            .round
            .budget
            .mul_div_floor(positions.into(), self.round.positions.into())
            .unwrap_or(Amount::ZERO);
        let mut record = HOSTS.find(self.deps.storage, &auditor)?.unwrap_or_default();
        let earned = earned.min(part);
        let kept = earned.min(record.debt);
        funds::take(&mut record.debt, kept)?;
        let amount = earned.saturating_sub(kept);
        funds::add(&mut record.owed, amount)?;
        HOSTS.write(self.deps.storage, &auditor, &record)?;
        let mut totals = TOTALS.read(self.deps.storage)?;
        funds::take(&mut totals.pot, amount)?;
        funds::add(&mut totals.owed, amount)?;
        Ok(TOTALS.write(self.deps.storage, &totals)?)
    }
}

/// Positions of a report that is complete.
fn verified(work: &Work, openings: u32) -> Option<u64> {
    let root = work.root.filter(|_| work.revealed == work.count)?;
    if !root.sum.is_zero() && work.opened < openings {
        return None;
    }
    Some(claimed(&root, work))
}

/// Positions that a report would be paid for.
fn claimed(root: &Node, work: &Work) -> u64 {
    u64::try_from(root.sum.0).unwrap_or(u64::MAX).min(work.paid)
}
