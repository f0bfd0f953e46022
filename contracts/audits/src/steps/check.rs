//! Which auditors are checked: a panel re-executes the leaf of the first position that they open, so that who
//! invents margins is found out.

use cosmwasm_std::{Addr, Order, StdResult};
use cw_storage_plus::Bound;
use quern_audit::{checked, opening_offset, opening_seed, Vote};
use quern_protocol::Amount;

use super::{count, Worker};
use crate::assign::AVAILABILITY;
use crate::error::Result;
use crate::say;
use crate::state::{Leaf, Work, ASSIGNED, CALIBRATIONS, LEAVES, WORK};
use crate::table::Table;

/// Findings that one step passes: they are only read.
const FINDINGS_PER_STEP: usize = 32;
/// In place of a leaf's number.
const NO_LEAF: u64 = u64::MAX;

impl Worker<'_> {
    /// Draws whether the next auditor is checked, and looks for its leaf, a few findings in each step; nobody is
    /// left once there is none.
    pub(super) fn check(&mut self) -> Result<()> {
        if let Some(rest) = self.round.rest.take() {
            return self.look(rest);
        }
        let last = self.last_host();
        let after = last.as_ref().map(Bound::exclusive);
        let next = WORK.keys(self.deps.storage, after, None, Order::Ascending).next();
        let (Some(auditor), Some(beacon)) = (next.transpose()?, self.round.opening_beacon) else {
            self.round.checked = true;
            (self.round.name, self.round.leaf) = (None, 0);
            return Ok(());
        };
        self.round.name = Some(auditor.to_string());
        let work = WORK.read(self.deps.storage, &auditor)?;
        let (chain_id, round) = (&self.env.block.chain_id, self.round.number);
        let who = auditor.as_str();
        let root = work.root.filter(|_| work.revealed == work.count);
        let root = root.filter(|_| checked(chain_id, who, round, &beacon, self.params.check_every));
        let seed = opening_seed(chain_id, who, round, &beacon);
        self.round.leaf = 0;
        self.round.rest = root.and_then(|root| opening_offset(&seed, 0, &root));
        Ok(())
    }

    /// Looks for the leaf of an auditor's first opening, `rest` positions after the findings that were passed.
    /// Findings of a sound report cover their leaves or, where the payload could not be fetched, nothing. If they cover
    /// more or less, another position is opened than the check expects, which refutes the report: else one finding of
    /// no positions would keep all others from being checked.
    fn look(&mut self, rest: Amount) -> Result<()> {
        let Some(auditor) = self.last_host() else {
            return Ok(());
        };
        let mut rest = rest.0;
        let from = u32::try_from(self.round.leaf).unwrap_or(u32::MAX);
        let assigned = ASSIGNED
            .prefix(&auditor)
            .range(
                self.deps.storage,
                Some(Bound::inclusive(from)),
                None,
                Order::Ascending,
            )
            .take(FINDINGS_PER_STEP)
            .collect::<StdResult<Vec<(u32, u64)>>>()?;
        let more = assigned.len() == FINDINGS_PER_STEP;
        self.spend(assigned.len() / 8);
        for (_, number) in assigned {
            count(&mut self.round.leaf)?;
            let leaf = LEAVES.read(self.deps.storage, number)?;
            let positions = match leaf.vote {
                Some(Vote::Score(_)) => leaf.positions,
                _ => 0,
            };
            match rest.checked_sub(positions.into()) {
                Some(less) => rest = less,
                None => return self.found(&auditor, (number, leaf), rest),
            }
        }
        self.round.rest = more.then_some(Amount(rest));
        if !more {
            // the report has more positions than its leaves: no leaf of it is behind the first
            if let Some(mut work) = WORK.find(self.deps.storage, &auditor)? {
                work.check = Some(NO_LEAF);
                WORK.write(self.deps.storage, &auditor, &work)?;
            }
        }
        Ok(())
    }

    fn found(&mut self, auditor: &Addr, (number, mut leaf): (u64, Leaf), position: u128) -> Result<()> {
        leaf.check = Some(u32::try_from(position).unwrap_or(u32::MAX));
        if leaf.stage.is_none() {
            leaf.stage = Some(AVAILABILITY);
            leaf.verdict = None;
        }
        LEAVES.write(self.deps.storage, number, &leaf)?;
        if let Some(mut work) = WORK.find(self.deps.storage, auditor)? {
            work.check = Some(number);
            WORK.write(self.deps.storage, auditor, &work)?;
        }
        Ok(())
    }

    /// Whether an auditor opened another position than the one at which it was checked, or a panel measured another
    /// margin there than it committed.
    pub(super) fn refuted(&mut self, auditor: &Addr, work: &Work) -> Result<bool> {
        let Some(number) = work.check else {
            return Ok(false);
        };
        let Some((opened, position, first)) = work.first else {
            return Ok(false);
        };
        let leaf = LEAVES.find(self.deps.storage, number)?;
        let drawn = leaf.filter(|leaf| opened == number && leaf.check == Some(position));
        let refuted = match drawn {
            None => true,
            Some(leaf) => {
                let calibration = CALIBRATIONS.may_load(self.deps.storage, &leaf.model)?;
                let (Some(measured), Some(calibration)) = (leaf.measured, calibration) else {
                    return Ok(false);
                };
                !first.agrees(measured, calibration.tolerance, calibration.margin_bound)
            }
        };
        let event = say::event(
            "audit_checked",
            &[
                ("auditor", auditor.to_string()),
                ("leaf", number.to_string()),
                ("refuted", refuted.to_string()),
            ],
        );
        self.events.push(event);
        Ok(refuted)
    }
}
