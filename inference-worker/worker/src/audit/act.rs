//! An auditor's tasks: one looks, block by block; one acts on what was seen.

use crate::audit::exam::Exams;
use crate::audit::kept::Office;
use crate::audit::view::View;
use crate::http::Services;
use crate::paid::Paid;
use quern_chain_client::{Call, ChainError, Outcome};
use quern_interface::audits::{ExecuteMsg, Phase, QueryMsg};
use quern_journal::JournalError;
use quern_transport::Client;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why an auditor could not go on; it tries again at the next block.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuditError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{0}")]
    State(&'static str),
}

/// The worker as an auditor and as a host that is audited.
#[derive(Clone, Debug)]
pub(crate) struct Auditor {
    pub(super) services: Services,
    pub(super) paid: Arc<Paid>,
    pub(super) contract: String,
    pub(super) client: Client,
    pub(super) exams: Exams,
    /// Height of this auditor's last transaction: what was seen before it is out of date.
    acted: Arc<AtomicU64>,
}

/// Audits until the task is dropped; at once over if the chain has no audits.
pub(crate) async fn run(services: Services) {
    let Some(paid) = services.paid.clone() else { return };
    let Some(contract) = paid.config.contracts.audits.clone() else {
        return;
    };
    let auditor = Auditor {
        client: Client::new(paid.transport_key.clone()),
        exams: Exams::default(),
        acted: Arc::default(),
        services,
        paid,
        contract,
    };
    tokio::join!(auditor.clone().look_on(), auditor.act_on());
}

impl Auditor {
    /// Acts on every view.
    async fn act_on(self) {
        let mut views = self.paid.audits.views();
        while views.changed().await.is_ok() {
            let view = views.borrow_and_update().clone();
            let acted = self.acted.load(Ordering::Relaxed);
            let Some(view) = view.filter(|view| view.height >= acted) else {
                continue;
            };
            match self.act(&view).await {
                Ok(()) => self.paid.audits.settle(view.height),
                Err(error) => {
                    self.problem(error.to_string());
                    self.paid.metrics.audits.errors.inc();
                }
            }
        }
    }

    async fn act(&self, view: &View) -> Result<(), AuditError> {
        match view.round.phase {
            Phase::Reveal => self.reveal(view).await,
            Phase::Commit => self.report(view).await,
            Phase::Vote => self.votes(view).await,
            Phase::Panel | Phase::Review => {
                self.ballots(view).await?;
                self.open(view).await
            }
            _ => Ok(()),
        }
    }

    /// This host.
    pub(super) fn host(&self) -> &str {
        &self.paid.config.host
    }

    pub(super) fn problem(&self, problem: String) {
        self.paid.audits.note(problem);
    }

    pub(super) fn office(&self) -> Office<'_> {
        Office {
            chain_id: &self.paid.config.chain_id,
            auditor: self.host(),
        }
    }

    /// Asks the audits contract.
    pub(super) async fn ask<T: DeserializeOwned>(&self, question: &QueryMsg) -> Result<T, ChainError> {
        let answer = self.paid.follow.chain.smart(&self.contract, question).await?;
        Ok(answer.value)
    }

    pub(super) fn call(&self, message: &ExecuteMsg) -> Result<Call, AuditError> {
        Ok(Call::new(&self.contract, message)?)
    }

    /// Sends calls as one transaction.
    pub(super) async fn send(&self, calls: &[Call], last_height: u64) -> Result<Outcome, AuditError> {
        let outcome = self.paid.execute(calls, last_height).await?;
        if let Some(Outcome::Included { height, .. }) = &outcome {
            self.acted.store(*height, Ordering::Relaxed);
        }
        outcome.ok_or(AuditError::State("the registry's warm key is not here"))
    }

    /// Sends one call; whether it went through. If not, the next view shows what is still to be done.
    pub(super) async fn send_one(&self, message: &ExecuteMsg, last_height: u64) -> Result<bool, AuditError> {
        let outcome = self.send(&[self.call(message)?], last_height).await?;
        if matches!(outcome, Outcome::Included { .. }) {
            return Ok(true);
        }
        self.problem(format!("a message to the audits did not go through: {outcome:?}"));
        Ok(false)
    }
}
