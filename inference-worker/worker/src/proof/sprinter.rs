//! From sprint to sprint.

use crate::http::Services;
use crate::metrics::ProofMetrics;
use crate::paid::Paid;
use crate::proof::chain::{OnChain, SprintChain};
use crate::proof::clock::{Delays, Due, due};
use crate::proof::store::{Given, Proofs};
use crate::proof::together::Together;
use crate::scheduler::Scheduler;
use quern_chain_client::{ChainError, Outcome};
use quern_interface::poc_weights::SprintInfo;
use quern_journal::JournalError;
use quern_protocol::Node;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Answers that go to the disk together.
const TOGETHER: usize = 256;
/// Blocks between two looks at what can be forgotten.
const RARELY: u64 = 50;

#[derive(Debug, thiserror::Error)]
enum SprintError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Proves every model until the task is dropped; on a chain without proof of compute there is nothing to do.
pub(crate) async fn run(paid: Arc<Paid>, services: Services) {
    let Some(contract) = &paid.config.contracts.poc_weights else {
        return;
    };
    let together = Arc::new(Together::of(services.all().len()));
    let mut sprinters = JoinSet::new();
    for service in services.all() {
        let Some(proofs) = paid.proofs(&service.model_id) else {
            continue;
        };
        let chain = OnChain {
            paid: paid.clone(),
            contract: contract.as_str().into(),
            model: proofs.model.clone(),
            together: together.clone(),
        };
        let heights = paid.follow.heights();
        sprinters.spawn(follow(chain, heights, proofs, service.scheduler.clone()));
    }
    sprinters.join_all().await;
}

/// Proves a model on a chain whose heights come by.
pub(super) async fn follow(
    chain: impl SprintChain,
    heights: watch::Receiver<u64>,
    proofs: Arc<Proofs>,
    scheduler: Scheduler,
) {
    let inbox = proofs.inbox.lock().ok().and_then(|mut inbox| inbox.take());
    let Some(inbox) = inbox else { return };
    let sprinter = Sprinter {
        chain,
        proofs: proofs.clone(),
        scheduler,
        seen: 0,
        forgotten: 0,
        courses: Vec::new(),
        delays: Delays::default(),
    };
    tokio::join!(keep(&proofs, inbox), sprinter.run(heights));
}

/// Brings answers to the disk as they come.
async fn keep(proofs: &Proofs, mut inbox: UnboundedReceiver<Given>) {
    let mut given = Vec::new();
    while inbox.recv_many(&mut given, TOGETHER).await > 0 {
        if let Err(error) = proofs.keep(std::mem::take(&mut given)).await {
            tracing::error!(%error, "answers of the proof of compute cannot be kept, so none counts from here on");
            proofs.metrics.proofs.failures.inc();
            proofs.stop();
        }
    }
}

/// A sprint that is not over, or of which a commit is on its way.
struct Course {
    sprint: SprintInfo,
    /// Answers and root that the chain holds.
    committed: Option<(u32, Node)>,
    /// Whether nothing more is to be committed.
    done: bool,
    sending: Option<JoinHandle<Sent>>,
}

/// What became of a commit.
struct Sent {
    count: u32,
    root: Node,
    last: bool,
    decided: u64,
    outcome: Result<Option<Outcome>, ChainError>,
}

struct Sprinter<C> {
    chain: C,
    proofs: Arc<Proofs>,
    scheduler: Scheduler,
    /// The last sprint that was looked at.
    seen: u64,
    /// When it was last looked what can be forgotten.
    forgotten: u64,
    /// The last one may be running.
    courses: Vec<Course>,
    delays: Delays,
}

impl<C: SprintChain> Sprinter<C> {
    async fn run(mut self, mut heights: watch::Receiver<u64>) {
        while heights.changed().await.is_ok() {
            let height = *heights.borrow_and_update();
            if let Err(error) = self.work(height).await {
                tracing::warn!(%error, "the proof of compute could not go on; it tries again at the next block");
            }
        }
    }

    async fn work(&mut self, height: u64) -> Result<(), SprintError> {
        if !self.chain.may_act() {
            return Ok(());
        }
        self.settle(height).await;
        if !self.chain.counts() {
            self.give_up();
        } else {
            // What is due first, as the question below may fail.
            self.commit(height);
            let last = self.chain.last_sprint().await?;
            if let Some(sprint) = last.filter(|sprint| sprint.sprint > self.seen) {
                self.begin(sprint, height).await?;
            }
        }
        if height >= self.forgotten + RARELY {
            let needed = self.chain.needed(height).await?;
            self.proofs.discard_before(needed).await?;
            self.forgotten = height;
        }
        Ok(())
    }

    /// Computes nothing further for what would not count.
    fn give_up(&mut self) {
        self.proofs.stop();
        for course in &mut self.courses {
            course.done = true;
        }
    }

    /// Begins to answer, if there is time left and the chain proves this model.
    async fn begin(&mut self, sprint: SprintInfo, height: u64) -> Result<(), SprintError> {
        let number = sprint.sprint;
        if due(&sprint, height, &self.delays, true) == Due::Nothing
            && let Some(terms) = self.chain.terms(sprint.clone()).await?
        {
            self.proofs.begin(terms).await?;
            self.scheduler.wake();
            let SprintInfo {
                start,
                deadline,
                kind,
                ..
            } = sprint;
            let model = &*self.proofs.model;
            tracing::info!(
                sprint = number,
                model,
                start,
                deadline,
                height,
                ?kind,
                "proving compute"
            );
            self.courses.push(Course {
                sprint,
                committed: None,
                done: false,
                sending: None,
            });
        }
        self.seen = number;
        Ok(())
    }

    /// Sends what is due. The sprint's answers end with its last commit, so that the engine is free again.
    fn commit(&mut self, height: u64) {
        let Some(course) = self.courses.last_mut() else {
            return;
        };
        let due = due(&course.sprint, height, &self.delays, course.committed.is_some());
        if course.done || course.sending.is_some() || !matches!(due, Due::Insurance | Due::Last) {
            return;
        }
        let last = due == Due::Last;
        if last {
            self.proofs.stop();
        }
        let commitment = self.proofs.commitment(course.sprint.sprint);
        let known = course.committed.map_or(0, |(count, _)| count);
        let Some((count, root)) = commitment.filter(|(count, _)| *count > known) else {
            course.done |= last;
            return;
        };
        let (chain, sprint) = (self.chain.clone(), course.sprint.clone());
        course.sending = Some(tokio::spawn(async move {
            let outcome = chain.commit(sprint, (count, root)).await;
            Sent {
                count,
                root,
                last,
                decided: height,
                outcome,
            }
        }));
    }

    /// Takes in what became of commits, and counts what came of sprints that are over.
    async fn settle(&mut self, height: u64) {
        let metrics = &self.proofs.metrics.proofs;
        for course in &mut self.courses {
            let finished = course.sending.take_if(|handle| handle.is_finished());
            if let Some(handle) = finished
                && let Ok(sent) = handle.await
            {
                course.take(sent, &mut self.delays, metrics);
            }
        }
        let over = |course: &mut Course| course.sprint.deadline < height && course.sending.is_none();
        for course in self.courses.extract_if(.., over) {
            self.proofs.stop_if(course.sprint.sprint);
            let answered = self.proofs.commitment(course.sprint.sprint).is_some();
            course.count(answered, metrics);
        }
    }
}

impl Course {
    fn take(&mut self, sent: Sent, delays: &mut Delays, metrics: &ProofMetrics) {
        let sprint = self.sprint.sprint;
        match sent.outcome {
            Ok(Some(Outcome::Included { height, .. })) => {
                tracing::info!(sprint, height, answers = sent.count, work = %sent.root.sum, "committed proofs");
                delays.note(height.saturating_sub(sent.decided));
                metrics.commits.inc();
                self.committed = Some((sent.count, sent.root));
                self.done |= sent.last;
            }
            outcome => {
                tracing::warn!(sprint, ?outcome, "a commit of proofs did not count");
                if matches!(
                    outcome,
                    Ok(Some(Outcome::Expired { .. } | Outcome::Unknown { .. }))
                ) {
                    delays.note(self.sprint.deadline.saturating_sub(sent.decided));
                }
                metrics.missed_commits.inc();
            }
        }
    }

    fn count(&self, answered: bool, metrics: &ProofMetrics) {
        let outcome = match self.committed {
            Some((_, root)) => {
                let work = u64::try_from(root.sum.0).unwrap_or(u64::MAX);
                metrics.work.set(i64::try_from(work).unwrap_or(i64::MAX));
                metrics.total_work.inc_by(work);
                "committed"
            }
            None if answered => "missed",
            None => "empty",
        };
        metrics.sprints.with_label_values(&[outcome]).inc();
    }
}
