//! Examining leaves: fetch, check, re-execute. Each leaf is a task of its own that goes on until it knows.

use crate::audit::act::Auditor;
use crate::audit::check::{self, Known, Replay};
use crate::audit::engine::Scorer;
use crate::audit::fetch::FetchError;
use crate::audit::kept::Examined;
use crate::audit::view::View;
use crate::proof;
use quern_audit::Calibration;
use quern_inference_api::audit::{ProofPayload, ReceiptPayload, proof_payload_path, receipt_payload_path};
use quern_interface::audits::{LeafInfo, LeafSource};
use quern_interface::settlement::{QueryMsg as Settlement, SessionInfo};
use quern_protocol::Hash;
use quern_verifier::{Leaf, gap_rule, measure};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

/// Leaves whose payloads are fetched at once.
const FETCHING: usize = 4;

/// How far an examination is.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// Whether the leaf's payload is here.
    fetched: bool,
    done: Option<Arc<Examined>>,
}

#[derive(Debug)]
struct Exam {
    task: AbortHandle,
    progress: Arc<Mutex<Progress>>,
}

impl Drop for Exam {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The examinations of a round.
#[derive(Clone, Debug)]
pub(crate) struct Exams {
    exams: Arc<Mutex<BTreeMap<Hash, Exam>>>,
    fetching: Arc<Semaphore>,
}

impl Default for Exams {
    fn default() -> Self {
        Self {
            exams: Arc::default(),
            fetching: Arc::new(Semaphore::new(FETCHING)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Exams {
    /// Begins to examine a leaf, once.
    pub(super) fn begin(&self, auditor: &Auditor, view: &View, leaf: &LeafInfo) {
        let mut exams = lock(&self.exams);
        if exams.contains_key(&leaf.id) {
            return;
        }
        let progress = Arc::<Mutex<Progress>>::default();
        let work = examine(
            auditor.clone(),
            leaf.clone(),
            view.calibration.clone(),
            progress.clone(),
        );
        let task = tokio::spawn(work).abort_handle();
        exams.insert(leaf.id, Exam { task, progress });
    }

    /// What an examination came to; none while it goes on.
    pub(super) fn done(&self, leaf: &Hash) -> Option<Arc<Examined>> {
        let exams = lock(&self.exams);
        let progress = lock(&exams.get(leaf)?.progress);
        progress.done.clone()
    }

    /// The same when there is no more time.
    pub(super) fn at_last(&self, leaf: &Hash) -> Arc<Examined> {
        if let Some(done) = self.done(leaf) {
            return done;
        }
        let exams = lock(&self.exams);
        let fetched = exams.get(leaf).map(|exam| lock(&exam.progress).fetched);
        Arc::new(match fetched {
            Some(false) => Examined::Missing,
            Some(true) => Examined::Unable("there was no time to re-execute it".into()),
            None => Examined::Unable("it was never begun".into()),
        })
    }

    /// Drops everything.
    pub(super) fn clear(&self) {
        lock(&self.exams).clear();
    }
}

/// Goes on until it knows, or is dropped. A payload that cannot be had is asked for again at every block.
async fn examine(
    auditor: Auditor,
    leaf: LeafInfo,
    calibration: Option<Calibration>,
    progress: Arc<Mutex<Progress>>,
) {
    let mut heights = auditor.paid.follow.heights();
    let examined = loop {
        let replay = {
            // Closed never.
            let _permit = auditor.exams.fetching.acquire().await;
            auditor.replay(&leaf, &progress).await
        };
        match replay {
            Ok(replay) => {
                break match (replay, &calibration) {
                    (Err(examined), _) => examined,
                    (Ok(_), None) => Examined::Unable("the model was never calibrated".into()),
                    (Ok(replay), Some(calibration)) => measured(&auditor, replay, calibration).await,
                };
            }
            Err(error) => {
                tracing::debug!(leaf = leaf.number, host = leaf.host, %error, "a leaf cannot be examined yet");
                auditor.paid.metrics.audits.fetch_failures.inc();
            }
        }
        if heights.changed().await.is_err() {
            return;
        }
    };
    match &examined {
        Examined::Measured(measured) => tracing::debug!(
            leaf = leaf.number,
            host = leaf.host,
            positions = measured.positions,
            clipped = measured.clipped,
            sum = measured.sum_of_clipped_gaps,
            "re-executed a leaf"
        ),
        Examined::Contradiction(why) => {
            tracing::warn!(
                leaf = leaf.number,
                host = leaf.host,
                why,
                "a payload contradicts what its host signed"
            );
        }
        Examined::Unable(why) => {
            tracing::warn!(
                leaf = leaf.number,
                host = leaf.host,
                why,
                "this worker cannot judge a leaf"
            );
        }
        Examined::Missing => {}
    }
    lock(&progress).done = Some(Arc::new(examined));
}

async fn measured(auditor: &Auditor, replay: Replay, calibration: &Calibration) -> Examined {
    let service = &auditor.service;
    let mut scorer = Scorer {
        scheduler: service.scheduler.clone(),
        context: service.context,
    };
    let (text, rule) = (service.text.clone(), gap_rule(calibration));
    let work = tokio::task::spawn_blocking(move || {
        let leaf = Leaf {
            prompt: &replay.job.prompt,
            output: &replay.output,
            seed: &replay.job.seed,
            params: &replay.job.params,
            tokens: text.tokenizer.tokens(),
        };
        measure(&mut scorer, &leaf, &rule)
    });
    match work.await {
        Ok(Ok(measured)) => Examined::Measured(measured),
        Ok(Err(error)) => Examined::Unable(error.to_string()),
        Err(error) => Examined::Unable(error.to_string()),
    }
}

impl Auditor {
    /// What of a leaf is to be re-executed, or what its payload shows at once.
    async fn replay(
        &self,
        leaf: &LeafInfo,
        progress: &Mutex<Progress>,
    ) -> Result<Result<Replay, Examined>, FetchError> {
        match &leaf.source {
            LeafSource::Receipt { session, nonce, .. } => {
                let path = receipt_payload_path(*session, *nonce);
                let payload: ReceiptPayload = self.fetch(&leaf.host, &path).await?;
                if !check::is_of_leaf(&self.paid.config.chain_id, &leaf.id, &payload) {
                    return Err(FetchError::OtherLeaf);
                }
                // Whatever is in the way from here on is not the host's doing.
                lock(progress).fetched = true;
                self.receipt(*session, &payload).await
            }
            LeafSource::Proof { sprint, index } => self.proof(leaf, (*sprint, *index), progress).await,
        }
    }

    async fn receipt(
        &self,
        session: u64,
        payload: &ReceiptPayload,
    ) -> Result<Result<Replay, Examined>, FetchError> {
        let chain_id = &self.paid.config.chain_id;
        let chain = &self.paid.follow.chain;
        let settlement = &self.paid.config.contracts.settlement;
        let question = Settlement::Session { session };
        let session: SessionInfo = chain.smart(settlement, &question).await?.value;
        let beacon = Hash::new(chain.beacon(payload.receipt.voucher.height).await?);
        let known = Known {
            chain_id,
            session: &session,
            beacon: &beacon,
            model: &self.paid.model,
            model_hash: &self.paid.model_hash,
        };
        // A long prompt takes the tokenizer a while.
        Ok(tokio::task::block_in_place(|| {
            check::check(&self.service, known, payload)
        }))
    }

    async fn proof(
        &self,
        leaf: &LeafInfo,
        (sprint, index): (u64, u32),
        progress: &Mutex<Progress>,
    ) -> Result<Result<Replay, Examined>, FetchError> {
        if leaf.model != self.paid.model {
            return Ok(Err(Examined::Unable(format!(
                "this worker does not serve {:?}",
                leaf.model
            ))));
        }
        let path = proof_payload_path(sprint, &leaf.model, index);
        let payload: ProofPayload = self.fetch(&leaf.host, &path).await?;
        let terms = proof::terms(&self.paid, &leaf.host, (sprint, &leaf.model)).await?;
        let Some(terms) = terms else {
            return Ok(Err(Examined::Unable("the chain has dropped the sprint".into())));
        };
        if !proof::is_of_leaf(&terms, &leaf.id, &payload) {
            return Err(FetchError::OtherLeaf);
        }
        lock(progress).fetched = true;
        Ok(proof::check(&terms, &payload))
    }
}
