//! The audited host's side: shows the leaves that its draws ask for, one after the other.

use crate::audit::act::{AuditError, Auditor};
use crate::audit::span::covering;
use crate::audit::view::View;
use crate::proof;
use quern_chain_client::{Call, Outcome};
use quern_interface::audits::{ExecuteMsg, HostRecord, PendingReveal, PendingSource, QueryMsg};
use quern_interface::settlement::{BatchPlace, QueryMsg as Settlement};
use quern_protocol::Amount;

/// Leaves that go into one transaction while all of a host's first leaves are asked for in turn.
const TOGETHER: u64 = 8;

impl Auditor {
    /// Reveals until nothing is asked for, or a transaction did not go through.
    pub(super) async fn reveal(&self, view: &View) -> Result<(), AuditError> {
        loop {
            let host = self.host().to_owned();
            let pending: Vec<PendingReveal> = self.ask(&QueryMsg::Pending { host }).await?;
            if pending.is_empty() {
                return Ok(());
            }
            let mut went_on = false;
            for pending in pending {
                went_on |= self.reveal_one(view, &pending).await?;
            }
            if !went_on {
                return Ok(());
            }
        }
    }

    /// Whether something was revealed.
    async fn reveal_one(&self, view: &View, pending: &PendingReveal) -> Result<bool, AuditError> {
        let last_height = pending.until.saturating_sub(1);
        if self.paid.follow.height() >= last_height {
            return Ok(false);
        }
        let round = pending.round;
        let calls = match &pending.source {
            PendingSource::Receipts { offset } => self.receipts(view, round, *offset).await?,
            PendingSource::Proofs {
                sprint,
                model,
                offset,
            } => {
                let source = (*sprint, model.as_str());
                let message = proof::reveal(&self.paid, round, source, *offset).await?;
                message
                    .map(|message| self.call(&message))
                    .transpose()?
                    .into_iter()
                    .collect()
            }
        };
        let Some(first) = calls.first().cloned() else {
            self.problem(format!(
                "round {round} asks for a leaf that is not here any more: {:?}",
                pending.source
            ));
            self.paid.metrics.audits.unrevealed.inc();
            return Ok(false);
        };
        let mut sent = calls.len();
        let mut outcome = self.send(&calls, last_height).await?;
        if sent > 1 && !matches!(outcome, Outcome::Included { .. } | Outcome::Unknown { .. }) {
            // The first leaves end somewhere in between.
            sent = 1;
            outcome = self.send(&[first], last_height).await?;
        }
        if let Outcome::Included { .. } = outcome {
            self.paid.metrics.audits.revealed.inc_by(sent as u64);
            return Ok(true);
        }
        self.problem(format!("a drawn leaf was not revealed: {outcome:?}"));
        Ok(false)
    }

    /// The leaf at an offset, and those that are asked for next if the host's first leaves are walked.
    async fn receipts(&self, view: &View, round: u64, offset: Amount) -> Result<Vec<Call>, AuditError> {
        let host = self.host().to_owned();
        let question = Settlement::BatchAt {
            host: host.clone(),
            height: view.round.end.saturating_sub(1),
        };
        let settlement = &self.paid.config.contracts.settlement;
        let chain = &self.paid.follow.chain;
        let last: Option<BatchPlace> = chain.smart(settlement, &question).await?.value;
        let Some(last) = last else { return Ok(Vec::new()) };
        let record: HostRecord = self.ask(&QueryMsg::Host { host: host.clone() }).await?;
        let shown = view.leaves.values().filter(|leaf| leaf.host == host).count() as u64;
        let first_leaves = view.params.rates.first_leaves;
        let walked = first_leaves.saturating_sub(record.walked).saturating_sub(shown);
        let mut leaves = Vec::new();
        {
            let book = self.paid.store.book();
            let mut at = offset;
            while (leaves.len() as u64) < walked.clamp(1, TOGETHER) {
                let Some(found) = covering(&book, self.paid.committer(), &last, at) else {
                    break;
                };
                at = found.end;
                leaves.push(found.receipt);
            }
        }
        let message = |leaf| ExecuteMsg::Reveal {
            round,
            host: host.clone(),
            leaf: Box::new(leaf),
        };
        leaves.into_iter().map(|leaf| self.call(&message(leaf))).collect()
    }
}
