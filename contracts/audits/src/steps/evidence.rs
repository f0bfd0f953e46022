//! Scores enter the evidence.

use cosmwasm_std::{Addr, Order, StdResult};
use quern_evidence::{Convictions, HostEvidence, Leaf as Scored, Score};
use quern_interface::audits::{LeafSource, Phase, Verdict};
use quern_interface::poc_weights;
use quern_protocol::Amount;

use super::{change_record, count, Worker};
use crate::chain::Chain;
use crate::error::Result;
use crate::funds;
use crate::say;
use crate::state::{CALIBRATIONS, CASES, EVIDENCE, HOST_LEAVES, LEAVES, PROOF_CASES};

/// What a round found about a host.
#[derive(Default)]
struct Findings {
    scored: Vec<(String, Scored)>,
    condemned: u64,
    missing: u64,
    stakes: Amount,
    proofs: Proofs,
}

/// What came of a host's answers, by sprint and model.
type Proofs = Vec<((u64, String), Judged)>;

/// Answers of a host, of one model in one sprint.
#[derive(Default)]
struct Judged {
    clean: u32,
    failed: u32,
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
        let mut found = self.findings(&host)?;
        // each leaf is read, and evidence and several messages are written
        self.spend(16_usize.saturating_add(found.scored.len()));
        self.judge_proofs(&host, std::mem::take(&mut found.proofs))?;
        let mut forfeit = case.forfeit;
        funds::add(&mut forfeit, found.stakes)?;
        let audited = u64::try_from(found.scored.len()).unwrap_or(u64::MAX);
        change_record(self.deps.storage, &host, &|record| {
            record.audited = record.audited.saturating_add(audited);
            record.condemned = record.condemned.saturating_add(found.condemned);
            record.missing = record.missing.saturating_add(found.missing);
            funds::add(&mut record.forfeited, forfeit)
        })?;
        let mut evidence = EVIDENCE.may_load(self.deps.storage, &host)?.unwrap_or_default();
        let convictions = match evidence.enter_round(&found.scored, &self.params.evidence) {
            Ok(convictions) => convictions,
            Err(error) => {
                let event = say::event(
                    "audit_skipped",
                    &[("host", host.as_str().to_string()), ("error", error.to_string())],
                );
                self.events.push(event);
                Convictions::default()
            }
        };
        self.forfeit(&host, forfeit)?;
        for model in self.convicted(&evidence, &convictions)? {
            self.convict(&host, &model)?;
            evidence.requalify(&model);
            change_record(self.deps.storage, &host, &|record| count(&mut record.convictions))?;
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
        let mut generations: Vec<(String, Option<u32>)> = Vec::new();
        let mut found = Findings::default();
        for number in numbers {
            let leaf = LEAVES.load(self.deps.storage, number)?;
            let payer = match &leaf.source {
                LeafSource::Receipt { payer, .. } => Some(payer.clone()),
                LeafSource::Proof { sprint, .. } => {
                    let mut judged = take(&mut found.proofs, (*sprint, &leaf.model));
                    judged.count(leaf.verdict);
                    found.proofs.push(((*sprint, leaf.model.clone()), judged));
                    None
                }
            };
            let score = match leaf.verdict {
                Some(Verdict::Score(score)) => score,
                Some(Verdict::Missing) => {
                    if payer.is_some() {
                        count(&mut found.missing)?;
                    }
                    funds::add(&mut found.stakes, leaf.stake)?;
                    continue;
                }
                None => continue,
            };
            let known = generations.iter().find(|(model, _)| *model == leaf.model);
            let now = match known {
                Some((_, generation)) => *generation,
                None => {
                    let now = chain.generation(&leaf.model, host).ok();
                    generations.push((leaf.model.clone(), now));
                    now
                }
            };
            let calibration = CALIBRATIONS.may_load(self.deps.storage, &leaf.model)?;
            let (Some(calibration), true) = (calibration, now == Some(leaf.generation)) else {
                continue;
            };
            if score > Score::CLEAN {
                count(&mut found.condemned)?;
            }
            let scored = Scored {
                id: leaf.id,
                payer,
                score,
                null: calibration.null,
            };
            found.scored.push((leaf.model, scored));
        }
        Ok(found)
    }

    /// Tells the contract of proof of compute what came of each sprint's leaves.
    fn judge_proofs(&mut self, host: &Addr, mut proofs: Proofs) -> Result<()> {
        let cases = PROOF_CASES
            .sub_prefix(host)
            .range(self.deps.storage, None, None, Order::Ascending)
            .collect::<StdResult<Vec<_>>>()?;
        for ((sprint, model), case) in cases {
            PROOF_CASES.remove(self.deps.storage, (host, sprint, &model));
            let mut judged = take(&mut proofs, (sprint, &model));
            judged.failed = judged.failed.saturating_add(case.withheld);
            change_record(self.deps.storage, host, &|record| {
                let all = judged.clean.saturating_add(judged.failed);
                record.proofs = record.proofs.saturating_add(all.into());
                record.proofs_failed = record.proofs_failed.saturating_add(judged.failed.into());
                Ok(())
            })?;
            if judged.clean == 0 && judged.failed == 0 {
                continue;
            }
            let order = poc_weights::ExecuteMsg::Judge {
                host: host.to_string(),
                model,
                sprint,
                clean: judged.clean,
                failed: judged.failed,
            };
            self.judge_proof(&order)?;
        }
        Ok(())
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

/// Takes what is known of a sprint and model out of the list.
fn take(proofs: &mut Proofs, (sprint, model): (u64, &str)) -> Judged {
    let alike = |(key, _): &((u64, String), Judged)| key.0 == sprint && key.1 == model;
    let at = proofs.iter().position(alike);
    at.map(|at| proofs.swap_remove(at).1).unwrap_or_default()
}

impl Judged {
    /// A missing answer is as good as none; one that nobody may audit says nothing.
    fn count(&mut self, verdict: Option<Verdict>) {
        let number = match verdict {
            Some(Verdict::Score(score)) if score == Score::CLEAN => &mut self.clean,
            Some(_) => &mut self.failed,
            None => return,
        };
        *number = number.saturating_add(1);
    }
}
