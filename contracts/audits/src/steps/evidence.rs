//! Scores enter the evidence.

use std::collections::BTreeMap;

use cosmwasm_std::{Addr, Event, Order, StdResult};
use quern_evidence::{Convictions, HostEvidence, Leaf as Scored, Score};
use quern_interface::audits::{Phase, Verdict};
use quern_protocol::Amount;

use super::{change_record, count, Worker};
use crate::chain::Chain;
use crate::error::Result;
use crate::funds;
use crate::state::{CALIBRATIONS, CASES, EVIDENCE, HOST_LEAVES, LEAVES};

/// What a round found about a host.
#[derive(Default)]
struct Findings {
    scored: Vec<(String, Scored)>,
    condemned: u64,
    missing: u64,
    stakes: Amount,
}

impl Worker<'_> {
    /// Takes the findings about the next host into its evidence, and what follows from it.
    pub(super) fn enter_evidence(&mut self) -> Result<()> {
        // a case that was heard is removed, so the first is the next
        let next = CASES
            .range(self.deps.storage, None, None, Order::Ascending)
            .next();
        let Some((host, case)) = next.transpose()? else {
            self.enter(Phase::Tally);
            return Ok(());
        };
        CASES.remove(self.deps.storage, &host);
        let found = self.findings(&host)?;
        let mut forfeit = case.forfeit;
        funds::add(&mut forfeit, found.stakes)?;
        let audited = u64::try_from(found.scored.len()).unwrap_or(u64::MAX);
        change_record(self.deps.storage, &host, |record| {
            record.audited = record.audited.saturating_add(audited);
            record.condemned = record.condemned.saturating_add(found.condemned);
            record.missing = record.missing.saturating_add(found.missing);
            funds::add(&mut record.forfeited, forfeit)
        })?;
        let mut evidence = EVIDENCE.may_load(self.deps.storage, &host)?.unwrap_or_default();
        let convictions = match evidence.enter_round(&found.scored, &self.params.evidence) {
            Ok(convictions) => convictions,
            Err(error) => {
                let event = Event::new("audit_skipped")
                    .add_attribute("host", host.as_str())
                    .add_attribute("error", error.to_string());
                self.events.push(event);
                Convictions::default()
            }
        };
        self.forfeit(&host, forfeit)?;
        for model in self.convicted(&evidence, &convictions)? {
            self.convict(&host, &model)?;
            evidence.requalify(&model);
            change_record(self.deps.storage, &host, |record| count(&mut record.convictions))?;
        }
        self.freeze(&host, &evidence)?;
        EVIDENCE.save(self.deps.storage, &host, &evidence)?;
        Ok(())
    }

    /// Leaves with a verdict, of generations that were not convicted meanwhile: what a standing did that has
    /// been paid for must not count against the next one.
    fn findings(&self, host: &Addr) -> Result<Findings> {
        let chain = Chain::load(self.deps.as_ref())?;
        let numbers = HOST_LEAVES
            .prefix(host)
            .keys(self.deps.storage, None, None, Order::Ascending)
            .collect::<StdResult<Vec<u64>>>()?;
        let mut generations: BTreeMap<String, Option<u32>> = BTreeMap::new();
        let mut found = Findings::default();
        for number in numbers {
            let leaf = LEAVES.load(self.deps.storage, number)?;
            let score = match leaf.verdict {
                Some(Verdict::Score(score)) => score,
                Some(Verdict::Missing) => {
                    count(&mut found.missing)?;
                    funds::add(&mut found.stakes, leaf.stake)?;
                    continue;
                }
                None => continue,
            };
            let now = generations
                .entry(leaf.model.clone())
                .or_insert_with(|| chain.generation(&leaf.model, host).ok());
            let calibration = CALIBRATIONS.may_load(self.deps.storage, &leaf.model)?;
            let (Some(calibration), true) = (calibration, *now == Some(leaf.generation)) else {
                continue;
            };
            if score > Score::CLEAN {
                count(&mut found.condemned)?;
            }
            let scored = Scored {
                id: leaf.id,
                payer: Some(leaf.payer),
                score,
                null: calibration.null,
            };
            found.scored.push((leaf.model, scored));
        }
        Ok(found)
    }

    /// Models that the host is convicted for: the process over all speaks against every one it served.
    fn convicted(&self, evidence: &HostEvidence, convictions: &Convictions) -> Result<Vec<String>> {
        if !convictions.all {
            return Ok(convictions.models.clone());
        }
        let mut models = CALIBRATIONS
            .keys(self.deps.storage, None, None, Order::Ascending)
            .collect::<StdResult<Vec<String>>>()?;
        models.retain(|model| evidence.model(model).is_some());
        Ok(models)
    }
}
