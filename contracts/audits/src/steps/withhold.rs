//! What nobody revealed.

use cosmwasm_std::{Addr, Order, StdResult};
use cw_storage_plus::Bound;
use quern_interface::audits::Phase;

use super::{change_record, Worker};
use crate::case::Drawn;
use crate::error::{ContractError, Result};
use crate::funds;
use crate::say;
use crate::state::{Case, BACKLOG, CASES, PROOF_CASES};
use crate::table::Table;

impl Worker<'_> {
    /// Ends the draws of the next host: every offset that is left counts as withheld.
    pub(super) fn withhold(&mut self) -> Result<()> {
        let last = self.last_host();
        let after = last.as_ref().map(Bound::exclusive);
        let next = CASES
            .keys(self.deps.storage, after, None, Order::Ascending)
            .next();
        let (Some(host), Some(beacon)) = (next.transpose()?, self.round.beacon) else {
            self.enter(Phase::Commit);
            return Ok(());
        };
        let mut case = CASES.read(self.deps.storage, &host)?;
        self.round.name = Some(host.to_string());
        let withhold = |case: &mut Case, back| {
            let seed = Drawn::seed(back, &self.env, &self.round, &host, &beacon);
            case.withhold(&seed, &self.params)
        };
        withhold(&mut case, false)?;
        if let Some(mut back) = BACKLOG.find(self.deps.storage, &host)? {
            withhold(&mut back, true)?;
            BACKLOG.remove(self.deps.storage, &host);
            case.withheld = case.withheld.saturating_add(back.withheld);
            funds::add(&mut case.forfeit, back.forfeit)?;
        }
        let proofs = self.withhold_proofs(&host)?;
        CASES.write(self.deps.storage, &host, &case)?;
        change_record(self.deps.storage, &host, &|record| {
            let sum = |number: u64, more: u64| number.checked_add(more).ok_or(ContractError::Overflow);
            record.withheld = sum(sum(record.withheld, case.withheld)?, proofs)?;
            record.walked = sum(record.walked, case.walked)?;
            Ok(())
        })?;
        if case.withheld > 0 || proofs > 0 {
            let event = say::event(
                "audit_withheld",
                &[
                    ("host", host.to_string()),
                    ("offsets", case.withheld.to_string()),
                    ("cost", case.forfeit.to_string()),
                    ("proofs", proofs.to_string()),
                ],
            );
            self.events.push(event);
        }
        Ok(())
    }

    /// The same for its answers: how many are withheld.
    fn withhold_proofs(&mut self, host: &Addr) -> Result<u64> {
        let keys = PROOF_CASES
            .sub_prefix(host)
            .keys(self.deps.storage, None, None, Order::Ascending)
            .collect::<StdResult<Vec<_>>>()?;
        let (mut withheld, mut written) = (0_u64, 0_usize);
        for (sprint, model) in keys {
            let mut case = PROOF_CASES.read(self.deps.storage, (host, sprint, &model))?;
            if case.withhold()? {
                PROOF_CASES.write(self.deps.storage, (host, sprint, &model), &case)?;
                written = written.saturating_add(1);
            }
            withheld = withheld.saturating_add(case.withheld.into());
        }
        self.spend(written);
        Ok(withheld)
    }
}
