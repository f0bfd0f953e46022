//! What nobody revealed.

use cosmwasm_std::{Addr, Order, StdResult};
use cw_storage_plus::Bound;
use quern_audit::leaf_seed;
use quern_interface::audits::Phase;

use super::{change_record, Worker};
use crate::error::{ContractError, Result};
use crate::funds;
use crate::say;
use crate::state::{CASES, PROOF_CASES};

impl Worker<'_> {
    /// Ends the draws of the next host: every offset that is left counts as withheld.
    pub(super) fn withhold(&mut self) -> Result<()> {
        let last = self.last_host();
        let after = last.as_ref().map(Bound::exclusive);
        let next = CASES
            .range(self.deps.storage, after, None, Order::Ascending)
            .next();
        let (Some((host, mut case)), Some(beacon)) = (next.transpose()?, self.round.beacon) else {
            self.enter(Phase::Commit);
            return Ok(());
        };
        self.round.name = Some(host.to_string());
        let seed = leaf_seed(
            &self.env.block.chain_id,
            host.as_str(),
            self.round.number,
            &beacon,
        );
        let (withheld, cost) = case.withhold(&seed, &self.params)?;
        let walked = case.walked;
        self.withhold_proofs(&host)?;
        funds::add(&mut case.forfeit, cost)?;
        CASES.save(self.deps.storage, &host, &case)?;
        change_record(self.deps.storage, &host, &|record| {
            let sum = |number: u64, more: u64| number.checked_add(more).ok_or(ContractError::Overflow);
            record.withheld = sum(record.withheld, withheld)?;
            record.walked = sum(record.walked, walked)?;
            Ok(())
        })?;
        if withheld > 0 {
            let event = say::event(
                "audit_withheld",
                &[
                    ("host", host.to_string()),
                    ("offsets", withheld.to_string()),
                    ("cost", cost.to_string()),
                ],
            );
            self.events.push(event);
        }
        Ok(())
    }

    fn withhold_proofs(&mut self, host: &Addr) -> Result<()> {
        let cases = PROOF_CASES
            .sub_prefix(host)
            .range(self.deps.storage, None, None, Order::Ascending)
            .collect::<StdResult<Vec<_>>>()?;
        for ((sprint, model), mut case) in cases {
            if case.withhold()? > 0 {
                PROOF_CASES.save(self.deps.storage, (host, sprint, &model), &case)?;
            }
        }
        Ok(())
    }
}
