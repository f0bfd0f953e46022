//! Which auditors are checked: a panel re-executes the leaf of the first position that they open, so that who
//! invents margins is found out.

use cosmwasm_std::{Addr, Order};
use cw_storage_plus::Bound;
use quern_audit::{checked, opening_offset, opening_seed, Vote};
use quern_protocol::Hash;

use super::Worker;
use crate::assign::AVAILABILITY;
use crate::error::Result;
use crate::say;
use crate::state::{Work, ASSIGNED, CALIBRATIONS, LEAVES, WORK};

impl Worker<'_> {
    /// Draws whether the next auditor is checked; nobody is left once there is none.
    pub(super) fn check(&mut self) -> Result<()> {
        let last = self.last_host();
        let after = last.as_ref().map(Bound::exclusive);
        let next = WORK
            .range(self.deps.storage, after, None, Order::Ascending)
            .next();
        let (Some((auditor, mut work)), Some(beacon)) = (next.transpose()?, self.round.opening_beacon) else {
            self.round.checked = true;
            return Ok(());
        };
        self.round.name = Some(auditor.to_string());
        let (chain_id, round) = (&self.env.block.chain_id, self.round.number);
        if !checked(
            chain_id,
            auditor.as_str(),
            round,
            &beacon,
            self.params.check_every,
        ) {
            return Ok(());
        }
        self.spend(work.count as usize);
        let Some((number, position)) = self.first_opening(&auditor, &work, &beacon)? else {
            return Ok(());
        };
        let mut leaf = LEAVES.load(self.deps.storage, number)?;
        leaf.check = Some(position);
        if leaf.stage.is_none() {
            leaf.stage = Some(AVAILABILITY);
            leaf.verdict = None;
        }
        LEAVES.save(self.deps.storage, number, &leaf)?;
        work.check = Some(number);
        WORK.save(self.deps.storage, &auditor, &work)?;
        Ok(())
    }

    /// Leaf and position of the first opening of a complete report, whose findings cover their leaves or, where
    /// the payload could not be fetched, nothing. Where findings cover less, another position is opened, and the
    /// check says nothing.
    fn first_opening(&self, auditor: &Addr, work: &Work, beacon: &Hash) -> Result<Option<(u64, u32)>> {
        let Some(root) = work.root.filter(|_| work.revealed == work.count) else {
            return Ok(None);
        };
        let seed = opening_seed(
            &self.env.block.chain_id,
            auditor.as_str(),
            self.round.number,
            beacon,
        );
        let Some(offset) = opening_offset(&seed, 0, &root) else {
            return Ok(None);
        };
        let mut rest = offset.0;
        let assigned = ASSIGNED.prefix(auditor);
        for entry in assigned.range(self.deps.storage, None, None, Order::Ascending) {
            let (_, number) = entry?;
            let leaf = LEAVES.load(self.deps.storage, number)?;
            let positions = match leaf.vote {
                Some(Vote::Score(_)) => leaf.positions,
                _ => 0,
            };
            match rest.checked_sub(positions.into()) {
                Some(less) => rest = less,
                None => return Ok(Some((number, u32::try_from(rest).unwrap_or(u32::MAX)))),
            }
        }
        Ok(None)
    }

    /// Whether a panel measured another margin at the position at which an auditor was checked than the
    /// auditor committed.
    pub(super) fn refuted(&mut self, auditor: &Addr, work: &Work) -> Result<bool> {
        let Some(number) = work.check else {
            return Ok(false);
        };
        let leaf = LEAVES.load(self.deps.storage, number)?;
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
