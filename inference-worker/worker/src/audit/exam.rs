//! Examining leaves: fetch, check, re-execute. Each leaf is a task of its own that goes on until it knows.

use crate::audit::act::Auditor;
use crate::audit::check::{self, Known, Replay};
use crate::audit::engine::Scorer;
use crate::audit::fetch::FetchError;
use crate::audit::kept::Examined;
use crate::audit::reach::{Reach, Time, Window};
use crate::audit::view::View;
use crate::http::Service;
use crate::proof;
use quern_audit::Calibration;
use quern_inference_api::audit::{ProofPayload, ReceiptPayload, proof_payload_path, receipt_payload_path};
use quern_interface::audits::{LeafInfo, LeafSource};
use quern_interface::settlement::{QueryMsg as Settlement, SessionInfo};
use quern_protocol::Hash;
use quern_verifier::{Leaf, gap_rule, measure_with};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

/// Payloads that are fetched at once, from all hosts.
const FETCHING: usize = 32;
/// Leaves that are re-executed at once: one at the engine, one whose rows are looked through.
const SCORING: usize = 2;

/// How far an examination is.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// Height at which it began.
    began: u64,
    /// Heights at which the host failed this leaf.
    failed: BTreeSet<u64>,
    /// Height at which the leaf's payload came.
    fetched: Option<u64>,
    done: Option<Arc<Examined>>,
}

#[derive(Debug)]
struct Exam {
    task: AbortHandle,
    host: Arc<Reach>,
    progress: Arc<Mutex<Progress>>,
}

impl Exam {
    /// Whether its host did not give the payload in a window, or only when it was too late to re-execute it.
    fn is_missing(&self, window: Window) -> bool {
        let progress = lock(&self.progress);
        let failures = self.host.failures(progress.began, &progress.failed);
        window.is_failed(&failures) && progress.fetched.is_none_or(|height| window.is_late(height))
    }
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
    hosts: Arc<Mutex<BTreeMap<String, Arc<Reach>>>>,
    fetching: Arc<Semaphore>,
    scoring: Arc<Semaphore>,
}

impl Default for Exams {
    fn default() -> Self {
        Self {
            exams: Arc::default(),
            hosts: Arc::default(),
            fetching: Arc::new(Semaphore::new(FETCHING)),
            scoring: Arc::new(Semaphore::new(SCORING)),
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
        let host = lock(&self.hosts).entry(leaf.host.clone()).or_default().clone();
        let progress = Arc::new(Mutex::new(Progress {
            began: auditor.paid.follow.height(),
            ..Progress::default()
        }));
        let watch = Watch {
            host: host.clone(),
            progress: progress.clone(),
            share: Window::share(view.params.commit_blocks.min(view.params.panel_blocks)),
        };
        let terms = view.models.get(&leaf.model);
        let calibration = terms.and_then(|terms| terms.calibration.clone());
        let work = examine(auditor.clone(), leaf.clone(), calibration, watch);
        let task = tokio::spawn(work).abort_handle();
        exams.insert(leaf.id, Exam { task, host, progress });
    }

    /// What an examination came to; none while it goes on and may still bring something. What this worker did not get
    /// round to is never its host's failure.
    pub(super) fn by(&self, time: Time, leaf: &Hash, window: Window) -> Option<Arc<Examined>> {
        let exams = lock(&self.exams);
        let Some(exam) = exams.get(leaf) else {
            let never = || Arc::new(Examined::Unable("it was never begun".into()));
            return (time == Time::Last).then(never);
        };
        let (done, fetched) = {
            let progress = lock(&exam.progress);
            (progress.done.clone(), progress.fetched.is_some())
        };
        let examined = match time {
            _ if done.is_some() => return done,
            Time::Enough => return None,
            // What is here already may be known in a moment.
            Time::Late if fetched || !exam.is_missing(window) => return None,
            _ if exam.is_missing(window) => Examined::Missing,
            _ if fetched => Examined::Unable("there was no time to re-execute it".into()),
            _ => Examined::Unable("its host was not asked often enough for its payload".into()),
        };
        Some(Arc::new(examined))
    }

    /// Drops everything.
    pub(super) fn clear(&self) {
        lock(&self.exams).clear();
        lock(&self.hosts).clear();
    }
}

/// Writes down how a host answers for one leaf.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    host: Arc<Reach>,
    progress: Arc<Mutex<Progress>>,
    /// Blocks of silence that count as one failure.
    pub(super) share: u64,
}

impl Watch {
    /// The host did not answer.
    pub(super) fn silent(&self, height: u64) {
        self.host.was_silent(height);
        self.failed(height);
    }

    /// The host answered, but not with the leaf's payload.
    pub(super) fn failed(&self, height: u64) {
        lock(&self.progress).failed.insert(height);
    }

    /// The payload is here: whatever is in the way from here on is not the host's doing.
    fn fetched(&self, height: u64) {
        self.host.answered();
        lock(&self.progress).fetched.get_or_insert(height);
    }
}

/// Goes on until it knows, or is dropped. A payload that cannot be had is asked for again at every block.
async fn examine(auditor: Auditor, leaf: LeafInfo, calibration: Option<Calibration>, watch: Watch) {
    let mut heights = auditor.paid.follow.heights();
    let examined = loop {
        let replay = {
            // The host's own first, so that who waits for a slow one keeps nobody else from fetching. Closed never.
            let _host = watch.host.permits.clone().acquire_owned().await;
            let _permit = auditor.exams.fetching.acquire().await;
            auditor.replay(&leaf, &watch).await
        };
        match replay {
            Ok(replay) => {
                break match (replay, &calibration) {
                    (Err(examined), _) => examined,
                    (Ok(_), None) => Examined::Unable("the model was never calibrated".into()),
                    (Ok(replay), Some(calibration)) => measured(&auditor, &leaf, replay, calibration).await,
                };
            }
            Err(error) => {
                tracing::debug!(leaf = leaf.number, host = leaf.host, %error, "a leaf cannot be examined yet");
                auditor.paid.metrics.audits.fetch_failures.inc();
                let height = auditor.paid.follow.height();
                match error {
                    FetchError::Chain(_) => {}
                    FetchError::Client(_) | FetchError::Late => watch.silent(height),
                    FetchError::Status(_) | FetchError::Answer(_) | FetchError::OtherLeaf => {
                        watch.failed(height);
                    }
                }
            }
        }
        if heights.changed().await.is_err() {
            return;
        }
    };
    tell(&leaf, &examined);
    lock(&watch.progress).done = Some(Arc::new(examined));
}

fn tell(leaf: &LeafInfo, examined: &Examined) {
    let (leaf, host) = (leaf.number, &leaf.host);
    match examined {
        Examined::Measured(measured) => tracing::debug!(
            leaf,
            host,
            positions = measured.positions,
            clipped = measured.clipped,
            sum = measured.sum_of_clipped_gaps,
            "re-executed a leaf"
        ),
        Examined::Contradiction(why) => {
            tracing::warn!(leaf, host, why, "a payload contradicts what its host signed");
        }
        Examined::Unable(why) => tracing::warn!(leaf, host, why, "this worker cannot judge a leaf"),
        Examined::Missing => {}
    }
}

async fn measured(auditor: &Auditor, leaf: &LeafInfo, replay: Replay, calibration: &Calibration) -> Examined {
    let (service, _) = match auditor.own(&leaf.model) {
        Ok(own) => own,
        Err(why) => return Examined::Unable(why),
    };
    let scorer = Scorer {
        scheduler: service.scheduler.clone(),
        context: service.context,
    };
    let (text, rule) = (service.text.clone(), gap_rule(calibration));
    // Held by the thread itself, which nobody can stop. Closed never.
    let permit = auditor.exams.scoring.clone().acquire_owned().await;
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let leaf = Leaf {
            prompt: &replay.job.prompt,
            output: &replay.output,
            seed: &replay.job.seed,
            params: &replay.job.params,
            tokens: text.tokenizer.tokens(),
            grammar: replay.job.shape.grammar.as_deref(),
            thinking: replay.job.shape.thinking.as_ref(),
        };
        measure_with(scorer.context, &leaf, &rule, |tokens, from| {
            scorer.rows(tokens, from)
        })
    });
    match work.await {
        Ok(Ok(measured)) => Examined::Measured(measured),
        Ok(Err(error)) => Examined::Unable(error.to_string()),
        Err(error) => Examined::Unable(error.to_string()),
    }
}

impl Auditor {
    /// What of a leaf is to be re-executed, or what its payload shows at once.
    async fn replay(&self, leaf: &LeafInfo, watch: &Watch) -> Result<Result<Replay, Examined>, FetchError> {
        match &leaf.source {
            LeafSource::Receipt { session, nonce, .. } => {
                let path = receipt_payload_path(*session, *nonce);
                let payload: ReceiptPayload = self.fetch(&leaf.host, &path, watch).await?;
                if !check::is_of_leaf(&self.paid.config.chain_id, &leaf.id, &payload) {
                    return Err(FetchError::OtherLeaf);
                }
                watch.fetched(self.paid.follow.height());
                self.receipt(leaf, *session, &payload).await
            }
            LeafSource::Proof { sprint, index } => self.proof(leaf, (*sprint, *index), watch).await,
        }
    }

    /// A model of this worker and its hash, or why leaves of it cannot be judged.
    fn own(&self, model: &str) -> Result<(&Service, &Hash), String> {
        let found = self.services.get(model).zip(self.paid.own(model));
        let (service, own) = found.ok_or_else(|| format!("this worker does not serve {model:?}"))?;
        match self.paid.follow.standing(model).unfit {
            Some(why) => Err(why),
            None => Ok((service, &own.hash)),
        }
    }

    async fn receipt(
        &self,
        leaf: &LeafInfo,
        session: u64,
        payload: &ReceiptPayload,
    ) -> Result<Result<Replay, Examined>, FetchError> {
        let chain_id = &self.paid.config.chain_id;
        let chain = &self.paid.follow.chain;
        let settlement = &self.paid.config.contracts.settlement;
        let question = Settlement::Session { session };
        let session: SessionInfo = chain.smart(settlement, &question).await?.value;
        let beacon = Hash::new(chain.beacon(payload.receipt.voucher.height).await?);
        let own = match session.model == leaf.model {
            true => self.own(&leaf.model),
            false => Err(format!(
                "the leaf is said to be of {:?}, its session is of {:?}",
                leaf.model, session.model
            )),
        };
        let known = Known {
            chain_id,
            session: &session,
            beacon: &beacon,
            own: match &own {
                Ok(own) => Ok(*own),
                Err(why) => Err(why),
            },
        };
        // A long prompt takes the tokenizer a while.
        Ok(tokio::task::block_in_place(|| check::check(known, payload)))
    }

    async fn proof(
        &self,
        leaf: &LeafInfo,
        (sprint, index): (u64, u32),
        watch: &Watch,
    ) -> Result<Result<Replay, Examined>, FetchError> {
        if let Err(why) = self.own(&leaf.model) {
            return Ok(Err(Examined::Unable(why)));
        }
        let path = proof_payload_path(sprint, &leaf.model, index);
        let payload: ProofPayload = self.fetch(&leaf.host, &path, watch).await?;
        let terms = proof::terms(&self.paid, &leaf.host, (sprint, &leaf.model)).await?;
        let Some(terms) = terms else {
            return Ok(Err(Examined::Unable("the chain has dropped the sprint".into())));
        };
        if !proof::is_of_leaf(&terms, &leaf.id, &payload) {
            return Err(FetchError::OtherLeaf);
        }
        watch.fetched(self.paid.follow.height());
        Ok(proof::check(&terms, &payload))
    }
}
