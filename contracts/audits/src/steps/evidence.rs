//! Scores enter the evidence.

use cosmwasm_std::{Addr, Order, StdResult};
use quern_evidence::{Convictions, HostEvidence, Leaf as Scored, Score};
use quern_interface::audits::{LeafSource, Phase, Verdict};
use quern_interface::poc_weights;
use quern_protocol::Amount;

use super::{change_record, count, Worker};
use crate::assign;
use crate::chain::Chain;
use crate::error::Result;
use crate::funds;
use crate::say;
use crate::state::{Case, Judged, BACKLOG, CALIBRATIONS, CASES, EVIDENCE, HOST_LEAVES, LEAVES, PROOF_CASES};
use crate::table::Table;

/// Verdicts on proofs that one step tells.
const PROOFS_PER_STEP: usize = 4;
/// Convictions that one step carries out.
const CONVICTIONS_PER_STEP: usize = 4;
/// What a conviction takes, in leaves: settlement tells the registry and bonding in turn, which cuts the operator's
/// and the others' coins in each of up to 32 buckets.
const CONVICTION: usize = 56;

/// What a round found about a host.
#[derive(Default)]
struct Findings {
    scored: Vec<(String, Scored)>,
    /// Models among them whose groups are too small to be believed beyond them.
    apart: Vec<String>,
    condemned: u64,
    missing: u64,
    stakes: Amount,
    proofs: Proofs,
    generations: Generations,
}

/// The host's generations now, by model, as far as they were asked for.
#[derive(Default)]
struct Generations(Vec<(String, Option<u32>)>);

impl Generations {
    fn of(&mut self, chain: &Chain, model: &str, host: &Addr) -> Option<u32> {
        let known = self.0.iter().find(|(name, _)| name == model);
        if let Some((_, generation)) = known {
            return *generation;
        }
        let now = chain.generation(model, host).ok();
        self.0.push((model.to_owned(), now));
        now
    }
}

/// What came of a host's answers, by sprint and model.
type Proofs = Vec<((u64, String), Judged)>;

impl Worker<'_> {
    /// Takes the findings about the next host into its evidence, and what follows from it; then carries its
    /// convictions out and tells what came of its proofs, a few in each step. Whether it did: what is too much for the
    /// rest of this block waits.
    pub(super) fn enter_evidence(&mut self) -> Result<bool> {
        // a case that was heard is removed, so the first is the next
        let next = CASES.keys(self.deps.storage, None, None, Order::Ascending).next();
        let Some(host) = next.transpose()? else {
            self.enter(Phase::Tally);
            return Ok(true);
        };
        let mut case = CASES.read(self.deps.storage, &host)?;
        if !case.convictions.is_empty() {
            return self.carry_out(&host, case);
        }
        if case.heard {
            self.judge_proofs(&host)?;
            return Ok(true);
        }
        let numbers = HOST_LEAVES
            .prefix(&host)
            .keys(self.deps.storage, None, None, Order::Ascending)
            .collect::<StdResult<Vec<u64>>>()?;
        // leaves are read, which costs a fourth of writing them; evidence and several messages are written
        let work = (numbers.len() / 4).saturating_add(32);
        if !self.fits(work) {
            return Ok(false);
        }
        let mut found = self.findings(&host, numbers)?;
        let mut evidence = EVIDENCE.find(self.deps.storage, &host)?.unwrap_or_default();
        let entered = evidence.enter_round(&found.scored, &found.apart, &self.params.evidence);
        let convicted = match &entered {
            Ok(convictions) => self.convicted(&evidence, convictions)?,
            Err(_) => Vec::new(),
        };
        self.spend(work);
        if let Err(error) = entered {
            let event = say::event(
                "audit_skipped",
                &[("host", host.as_str().to_string()), ("error", error.to_string())],
            );
            self.events.push(event);
        }
        // under the generation that the leaves were judged for: if it is another when its turn comes, it was convicted
        // meanwhile, and settlement refuses
        let chain = Chain::load(self.deps.as_ref())?;
        for model in convicted {
            evidence.requalify(&model);
            let generation = found.generations.of(&chain, &model, &host);
            case.convictions
                .extend(generation.map(|generation| (model, generation)));
        }
        let proofs = self.keep_proofs(&host, std::mem::take(&mut found.proofs))?;
        case.heard = proofs || !case.convictions.is_empty();
        if case.heard {
            CASES.write(self.deps.storage, &host, &case)?;
        } else {
            CASES.remove(self.deps.storage, &host);
        }
        let mut forfeit = case.forfeit;
        funds::add(&mut forfeit, found.stakes)?;
        let audited = u64::try_from(found.scored.len()).unwrap_or(u64::MAX);
        change_record(self.deps.storage, &host, &|record| {
            record.audited = record.audited.saturating_add(audited);
            record.condemned = record.condemned.saturating_add(found.condemned);
            record.missing = record.missing.saturating_add(found.missing);
            funds::add(&mut record.forfeited, forfeit)
        })?;
        self.forfeit(&host, forfeit)?;
        if case.convictions.is_empty() {
            self.freeze(&host, &evidence, audited > 0)?;
        }
        EVIDENCE.write(self.deps.storage, &host, &evidence)?;
        // what was audited at a lower rate, and cannot be settled yet, is drawn from again in the next round
        let high = evidence.highest().reaches(self.params.evidence.freeze_at);
        if high && case.bps < self.params.rates.raised_bps {
            case.convictions.clear();
            BACKLOG.write(self.deps.storage, &host, &case)?;
        }
        Ok(true)
    }

    /// Convicts for some of the models that are left. A thaw waits for the last, so that nothing which they cut gets
    /// away between them.
    fn carry_out(&mut self, host: &Addr, mut case: Case) -> Result<bool> {
        let some = case.convictions.len().min(CONVICTIONS_PER_STEP);
        let work = some.saturating_mul(CONVICTION);
        if !self.fits(work) {
            return Ok(false);
        }
        self.spend(work);
        for (model, generation) in case.convictions.drain(..some) {
            self.convict(host, &model, generation)?;
        }
        CASES.write(self.deps.storage, host, &case)?;
        let done = u64::try_from(some).unwrap_or(u64::MAX);
        change_record(self.deps.storage, host, &|record| {
            record.convictions = record.convictions.saturating_add(done);
            Ok(())
        })?;
        if case.convictions.is_empty() {
            let evidence = EVIDENCE.find(self.deps.storage, host)?.unwrap_or_default();
            self.freeze(host, &evidence, true)?;
        }
        Ok(true)
    }

    /// Leaves with a verdict, of generations that were not convicted meanwhile: what a standing did that has
    /// been paid for must not count against the next one.
    fn findings(&self, host: &Addr, numbers: Vec<u64>) -> Result<Findings> {
        let chain = Chain::load(self.deps.as_ref())?;
        let mut found = Findings::default();
        for number in numbers {
            let leaf = LEAVES.read(self.deps.storage, number)?;
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
                    count(&mut found.missing)?;
                    funds::add(&mut found.stakes, leaf.stake)?;
                    continue;
                }
                None => continue,
            };
            let now = found.generations.of(&chain, &leaf.model, host);
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
            if !found.scored.iter().any(|(model, _)| *model == leaf.model)
                && !assign::may_cut(self.deps.storage, &leaf.model)?
            {
                found.apart.push(leaf.model.clone());
            }
            found.scored.push((leaf.model, scored));
        }
        Ok(found)
    }

    /// Keeps what came of each sprint's leaves until it is told; whether there is anything.
    fn keep_proofs(&mut self, host: &Addr, proofs: Proofs) -> Result<bool> {
        for ((sprint, model), judged) in proofs {
            let key = (host, sprint, model.as_str());
            if let Some(mut case) = PROOF_CASES.find(self.deps.storage, key)? {
                case.judged = judged;
                PROOF_CASES.write(self.deps.storage, key, &case)?;
                self.spend(1);
            }
        }
        let mut keys = PROOF_CASES
            .sub_prefix(host)
            .keys(self.deps.storage, None, None, Order::Ascending);
        Ok(keys.next().is_some())
    }

    /// Tells the contract of proof of compute what came of the next sprints' leaves. Of a sprint of which a drawn
    /// answer is withheld or missing nothing is believed: whoever hides what it did not compute loses more than by
    /// showing it.
    fn judge_proofs(&mut self, host: &Addr) -> Result<()> {
        let keys = PROOF_CASES
            .sub_prefix(host)
            .keys(self.deps.storage, None, None, Order::Ascending)
            .take(PROOFS_PER_STEP)
            .collect::<StdResult<Vec<_>>>()?;
        if keys.is_empty() {
            CASES.remove(self.deps.storage, host);
        }
        for (sprint, model) in keys {
            let case = PROOF_CASES.read(self.deps.storage, (host, sprint, &model))?;
            PROOF_CASES.remove(self.deps.storage, (host, sprint, &model));
            let (clean, failed) = case.verdict();
            let all = clean.saturating_add(failed);
            if all == 0 {
                continue;
            }
            change_record(self.deps.storage, host, &|record| {
                record.proofs = record.proofs.saturating_add(all.into());
                record.proofs_failed = record.proofs_failed.saturating_add(failed.into());
                Ok(())
            })?;
            let order = poc_weights::ExecuteMsg::Judge {
                host: host.to_string(),
                model,
                sprint,
                clean,
                failed,
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
    /// One that nobody may audit says nothing.
    fn count(&mut self, verdict: Option<Verdict>) {
        let number = match verdict {
            Some(Verdict::Score(score)) if score == Score::CLEAN => &mut self.clean,
            Some(Verdict::Score(_)) => &mut self.failed,
            Some(Verdict::Missing) => &mut self.missing,
            None => return,
        };
        *number = number.saturating_add(1);
    }
}
