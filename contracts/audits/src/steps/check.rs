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
    /// Findings of a complete report cover their leaves or, where the payload could not be fetched, nothing. Where
    /// findings cover less, another position is opened, and the check says nothing.
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

    /// Whether a panel measured another margin at the position at which an auditor was checked than the
    /// auditor committed.
    pub(super) fn refuted(&mut self, auditor: &Addr, work: &Work) -> Result<bool> {
        let Some(number) = work.check else {
            return Ok(false);
        };
        let leaf = LEAVES.read(self.deps.storage, number)?;
        let calibration = CALIBRATIONS.may_load(self.deps.storage, &leaf.model)?;
        let (Some((opened, position, first)), Some(measured), Some(calibration)) =
            (work.first, leaf.measured, calibration)
        else {
            return Ok(false);
        };
        // findings without positions, of leaves that could not be re-executed, shift what is opened
        if opened != number || Some(position) != leaf.check {
            return Ok(false);
        }
        let refuted = !first.agrees(measured, calibration.tolerance, calibration.margin_bound);
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
