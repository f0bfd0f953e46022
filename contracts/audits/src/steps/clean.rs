//! The end of a round.

use cosmwasm_std::{Addr, Order, StdResult};
use quern_audit::Calibration;
use quern_interface::audits::Phase;
use quern_protocol::Amount;

use super::Worker;
use crate::assign::{ACCUSATION, AVAILABILITY, REVIEW};
use crate::error::{ContractError, Result};
use crate::state::{
    Leaf, Round, ASSIGNED, BALLOTS, CALIBRATIONS, HOST_LEAVES, LEAVES, NEXT_CALIBRATIONS, NEXT_PARAMS,
    PARAMS, SEEN,
};

impl Worker<'_> {
    /// Removes some leaves of the round; after the last the next round begins.
    pub(super) fn clean(&mut self) -> Result<()> {
        let leaves = self.next_leaves()?;
        if leaves.is_empty() {
            return self.begin_next();
        }
        let mut records = 0_usize;
        for (number, leaf) in leaves {
            records = records.saturating_add(self.remove(number, &leaf)?);
        }
        // to remove a record costs less than to write one
        self.spend(records / 4);
        Ok(())
    }

    /// Removes a leaf and what belongs to it: how many records.
    fn remove(&mut self, number: u64, leaf: &Leaf) -> Result<usize> {
        let mut records = 4_usize;
        let storage = &mut *self.deps.storage;
        for stage in [ACCUSATION, REVIEW, AVAILABILITY] {
            let voters = BALLOTS
                .prefix((number, stage))
                .keys(storage, None, None, Order::Ascending)
                .collect::<StdResult<Vec<Addr>>>()?;
            records = records.saturating_add(voters.len());
            for voter in voters {
                BALLOTS.remove(storage, (number, stage, &voter));
            }
        }
        if let Some(auditor) = &leaf.auditor {
            ASSIGNED.remove(storage, (auditor, leaf.assignment));
        }
        SEEN.remove(storage, leaf.id.as_ref());
        HOST_LEAVES.remove(storage, (&leaf.host, number));
        LEAVES.remove(storage, number);
        Ok(records)
    }

    fn begin_next(&mut self) -> Result<()> {
        let storage = &mut *self.deps.storage;
        if let Some(params) = NEXT_PARAMS.may_load(storage)? {
            NEXT_PARAMS.remove(storage);
            PARAMS.save(storage, &params)?;
            self.params = params;
        }
        // at most one less than the most processes, by the check when they came
        let calibrations = NEXT_CALIBRATIONS
            .range(storage, None, None, Order::Ascending)
            .collect::<StdResult<Vec<(String, Calibration)>>>()?;
        for (model, calibration) in calibrations {
            NEXT_CALIBRATIONS.remove(storage, &model);
            CALIBRATIONS.save(storage, &model, &calibration)?;
        }
        let number = self.round.number.checked_add(1).ok_or(ContractError::Overflow)?;
        self.round = Round::begin(number, self.round.end, self.params.round_blocks);
        self.enter(Phase::Collect);
        Ok(())
    }
}

impl Round {
    /// A round over the blocks from `start` on.
    pub const fn begin(number: u64, start: u64, blocks: u64) -> Self {
        Self {
            number,
            start,
            end: start.saturating_add(blocks),
            phase: Phase::Collect,
            since: start,
            beacon: None,
            panel_beacon: None,
            opening_beacon: None,
            checked: false,
            name: None,
            below: None,
            leaf: 0,
            rest: None,
            leaves: 0,
            positions: 0,
            budget: Amount::ZERO,
        }
    }
}
