//! The audited host's side: shows the leaves that its draws ask for, one after the other.

use crate::audit::act::{AuditError, Auditor};
use crate::audit::span::{self, Place, Terms};
use crate::audit::view::View;
use crate::paid::batch;
use crate::proof;
use quern_audit::leaf_seed;
use quern_chain_client::{Call, Outcome};
use quern_evidence::{HostEvidence, rate};
use quern_interface::audits::{ExecuteMsg, HostRecord, PendingReveal, PendingSource, QueryMsg};
use quern_interface::settlement::{BatchPlace, QueryMsg as Settlement};
use quern_protocol::Amount;

/// Leaves that go into one transaction.
const TOGETHER: usize = 24;

impl Auditor {
    /// Reveals until nothing is asked for, or a transaction did not go through.
    pub(super) async fn reveal(&self, view: &View) -> Result<(), AuditError> {
        loop {
            let host = self.host().to_owned();
            let pending: Vec<PendingReveal> = self.ask(&QueryMsg::Pending { host }).await?;
            let Some(until) = pending.iter().map(|pending| pending.until).min() else {
                return Ok(());
            };
            let last_height = until.saturating_sub(1);
            if self.paid.follow.height() >= last_height {
                return Ok(());
            }
            // The draws do not depend on each other, so a leaf of each goes together.
            let (mut firsts, mut more) = (Vec::new(), Vec::new());
            for pending in &pending {
                let mut calls = self.answers(view, pending).await?.into_iter();
                if let Some(first) = calls.next() {
                    firsts.push(first);
                    more.extend(calls);
                } else {
                    let (round, source) = (pending.round, &pending.source);
                    self.problem(format!(
                        "round {round} asks for a leaf that is not here: {source:?}"
                    ));
                    self.paid.metrics.audits.unrevealed.inc();
                    firsts.extend(self.give_up(view, pending).await?);
                }
            }
            if self.show(firsts, more, last_height).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Sends what is sure to be asked for, and what should be asked for next. Answers how many went through.
    async fn show(&self, firsts: Vec<Call>, more: Vec<Call>, last_height: u64) -> Result<usize, AuditError> {
        let mut shown = 0;
        let mut chunks: Vec<Vec<Call>> = firsts.chunks(TOGETHER).map(<[Call]>::to_vec).collect();
        if let Some(last) = chunks.last_mut() {
            let room = TOGETHER.saturating_sub(last.len());
            last.extend(more.into_iter().take(room));
        }
        for calls in chunks {
            let outcome = self.send(&calls, last_height).await?;
            if let Outcome::Included { .. } = outcome {
                shown += calls.len();
            } else if calls.len() > 1 {
                // One that fails takes the others with it.
                for call in calls.into_iter().filter(|call| firsts.contains(call)) {
                    if self.paid.follow.height() >= last_height {
                        break;
                    }
                    let outcome = self.send(&[call], last_height).await?;
                    match outcome {
                        Outcome::Included { .. } => shown += 1,
                        outcome => self.problem(format!("a drawn leaf was not revealed: {outcome:?}")),
                    }
                }
            } else {
                self.problem(format!("a drawn leaf was not revealed: {outcome:?}"));
            }
        }
        self.paid.metrics.audits.revealed.inc_by(shown as u64);
        Ok(shown)
    }

    /// What answers a draw: the leaf that it asks for, and those that it should ask for next.
    async fn answers(&self, view: &View, pending: &PendingReveal) -> Result<Vec<Call>, AuditError> {
        let round = pending.round;
        match &pending.source {
            PendingSource::Receipts { offset } => self.receipts(view, round, *offset).await,
            PendingSource::Proofs {
                sprint,
                model,
                offset,
            } => {
                let message = proof::reveal(&self.paid, round, (*sprint, model), *offset).await?;
                message.iter().map(|message| self.call(message)).collect()
            }
        }
    }

    /// The leaf at an offset, and those that are asked for after it.
    async fn receipts(&self, view: &View, round: u64, offset: Amount) -> Result<Vec<Call>, AuditError> {
        let Some(last) = self.batch_at(view.round.end).await? else {
            return Ok(Vec::new());
        };
        let terms = self.terms(view).await?;
        let book = self.paid.store.book();
        let course = terms.and_then(|terms| span::course(&book, &last, &terms));
        let course = course.unwrap_or_default();
        let at = course.iter().position(|place| place.range.contains(offset));
        let places = match at {
            Some(at) => course.into_iter().skip(at).collect(),
            // The contract's draw is another than was computed here: it gets what it asks for, leaf by leaf.
            None => Vec::from_iter(span::covering(&book, &last, offset)),
        };
        let mut calls = Vec::new();
        for Place { session, nonce, .. } in places.into_iter().take(TOGETHER) {
            let Some(leaf) = batch::prove_receipt(&book, self.paid.committer(), session, nonce) else {
                break;
            };
            let (host, leaf) = (self.host().to_owned(), Box::new(leaf));
            calls.push(self.call(&ExecuteMsg::Reveal { round, host, leaf })?);
        }
        Ok(calls)
    }

    /// Gives up a receipt that cannot be shown any more, so that not all after it counts as withheld. Only once half of the
    /// time is over, and never an answer of a sprint: of a sprint with a hidden one nothing counts anyway.
    async fn give_up(&self, view: &View, pending: &PendingReveal) -> Result<Option<Call>, AuditError> {
        let PendingSource::Receipts { offset } = &pending.source else {
            return Ok(None);
        };
        let left = pending.until.saturating_sub(self.paid.follow.height());
        if left > view.params.reveal_blocks / 2 {
            return Ok(None);
        }
        let Some(last) = self.batch_at(view.round.end).await? else {
            return Ok(None);
        };
        let end = span::end_of_loss(&self.paid.store.book(), &last, *offset);
        let Some(end) = end else { return Ok(None) };
        let round = pending.round;
        tracing::warn!(round, %offset, "a receipt that audits ask for is lost; giving it up, which costs its part of the pay");
        self.paid.metrics.audits.given_up.inc();
        let message = ExecuteMsg::GiveUp {
            round,
            host: self.host().to_owned(),
            source: pending.source.clone(),
            end,
        };
        self.call(&message).map(Some)
    }

    /// What fixes this host's draw; none before its beacon.
    async fn terms(&self, view: &View) -> Result<Option<Terms>, AuditError> {
        let Some(beacon) = &view.round.beacon else {
            return Ok(None);
        };
        let base = self.batch_at(view.round.start).await?;
        let host = self.host().to_owned();
        let record: HostRecord = self.ask(&QueryMsg::Host { host: host.clone() }).await?;
        let evidence: HostEvidence = self.ask(&QueryMsg::Evidence { host }).await?;
        let params = &view.params;
        let rate = rate(record.walked, evidence.highest(), &params.evidence, &params.rates);
        Ok(Some(Terms {
            seed: leaf_seed(&self.paid.config.chain_id, self.host(), view.round.number, beacon),
            base: base.map_or(Amount::ZERO, |place| place.committed),
            walk: rate.all_of_next,
            bps: rate.bps,
            mean: params.mean_capture,
            most: params.max_draws,
        }))
    }

    /// The last batch before a height.
    async fn batch_at(&self, height: u64) -> Result<Option<BatchPlace>, AuditError> {
        let question = Settlement::BatchAt {
            host: self.host().to_owned(),
            height: height.saturating_sub(1),
        };
        let settlement = &self.paid.config.contracts.settlement;
        Ok(self.paid.follow.chain.smart(settlement, &question).await?.value)
    }
}
