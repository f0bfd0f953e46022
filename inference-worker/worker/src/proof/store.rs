//! Answers on disk. A sprint's answers are of no use to anybody once no audit can draw them any more; until then their
//! loss would count as withholding.

use crate::metrics::Metrics;
use crate::paid::Own;
use crate::proof::answers::{Answers, Kept};
use crate::proof::record::{Answer, Record, Terms};
use anyhow::Context;
use quern_inference_api::audit::ProofPayload;
use quern_interface::poc_weights::{CommittedProof, ProofInfo};
use quern_journal::{Journal, JournalError, Options, set_aside};
use quern_protocol::{Amount, Node, ProofLeaf, proof_output_hash};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// An answer that the engine has given, on its way to the disk.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) sprint: u64,
    pub(crate) answer: Answer,
}

/// Names the answers to one sprint for one model.
pub(crate) type Key = (u64, Arc<str>);

fn key(sprint: u64, model: &str) -> Key {
    (sprint, model.into())
}

/// What the engines' threads, the chain's follower and auditors share.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Sprints whose answers are kept, by number and model.
    pub(crate) sprints: BTreeMap<Key, Answers>,
    /// The sprint that is answered now, by model.
    pub(crate) running: BTreeMap<Arc<str>, u64>,
    /// Number of the next record.
    next: u64,
}

/// All proofs of this host, whatever their model.
#[derive(Debug)]
struct Shared {
    journal: Journal,
    state: Mutex<State>,
}

/// Proofs of this host for one of its models; drawn ones are found whatever model they are of.
#[derive(Debug)]
pub(crate) struct Proofs {
    shared: Arc<Shared>,
    pub(crate) model: Arc<str>,
    pub(crate) given: UnboundedSender<Given>,
    /// For the one task that keeps answers.
    pub(crate) inbox: Mutex<Option<UnboundedReceiver<Given>>>,
    pub(crate) metrics: Metrics,
}

impl Proofs {
    /// Opens the journal of proofs for some models. One that cannot be read is set aside: what it held counts as withheld if
    /// it is drawn.
    pub(crate) fn open(folder: &Path, models: &[Own]) -> anyhow::Result<BTreeMap<String, Arc<Self>>> {
        let mut state = State::default();
        let mut take = |number, payload: &[u8]| match serde_json::from_slice(payload) {
            Ok(record) => state.apply(number, record),
            Err(error) => tracing::error!(number, %error, "a record of the proofs is of another version"),
        };
        let journal = match Journal::open(folder, Options::default(), |r| take(r.number, &r.payload)) {
            Ok(opened) => opened.journal,
            Err(error @ JournalError::Damaged { .. }) => {
                let aside = set_aside(folder)?;
                tracing::error!(%error, folder = %aside.display(), "set damaged proofs aside; those drawn from them are lost");
                state = State::default();
                Journal::open(folder, Options::default(), |_| {})?.journal
            }
            Err(error) => return Err(error).context("cannot open the journal of proofs"),
        };
        let shared = Arc::new(Shared {
            journal,
            state: Mutex::new(state),
        });
        let one = |own: &Own| {
            let (given, inbox) = unbounded_channel();
            let proofs = Self {
                shared: shared.clone(),
                model: own.id.as_str().into(),
                given,
                inbox: Mutex::new(Some(inbox)),
                metrics: own.metrics.clone(),
            };
            (own.id.clone(), Arc::new(proofs))
        };
        Ok(models.iter().map(one).collect())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, sprint: u64) -> Key {
        (sprint, self.model.clone())
    }

    async fn append(&self, record: Record) -> Result<(), JournalError> {
        let bytes = serde_json::to_vec(&record).map_err(|_| JournalError::TooLarge(0))?;
        let number = self.shared.journal.append(bytes).await?;
        self.state().apply(number, record);
        Ok(())
    }

    /// Begins a sprint of this model, or goes on with one that a restart interrupted.
    pub(crate) async fn begin(&self, terms: Terms) -> Result<(), JournalError> {
        let key = self.key(terms.sprint.sprint);
        let known = self
            .state()
            .sprints
            .get(&key)
            .map(|answers| answers.terms == terms);
        match known {
            Some(true) => {}
            // Another chain under the same number: its answers are of no use.
            Some(false) | None => self.append(Record::Sprint(Box::new(terms))).await?,
        }
        let mut state = self.state();
        if let Some(answers) = state.sprints.get_mut(&key) {
            answers.restart();
        }
        let (sprint, model) = key;
        state.running.insert(model, sprint);
        Ok(())
    }

    /// The sprint that is answered now.
    pub(crate) fn running(&self) -> Option<u64> {
        self.state().running.get(&self.model).copied()
    }

    /// Ends the sprint that is answered now: what is under way is dropped.
    pub(crate) fn stop(&self) {
        self.state().running.remove(&self.model);
    }

    /// The same, if it is this sprint.
    pub(crate) fn stop_if(&self, sprint: u64) {
        let mut state = self.state();
        if state.running.get(&self.model) == Some(&sprint) {
            state.running.remove(&self.model);
        }
    }

    /// Makes answers durable, then counts them.
    pub(crate) async fn keep(&self, given: Vec<Given>) -> Result<(), JournalError> {
        let mut sprints: BTreeMap<u64, Vec<Answer>> = BTreeMap::new();
        for Given { sprint, answer } in given {
            sprints.entry(sprint).or_default().push(answer);
        }
        for (sprint, answers) in sprints {
            let (count, tokens) = (
                answers.len(),
                answers.iter().map(|a| a.output.len()).sum::<usize>(),
            );
            let model = Some(self.model.to_string());
            let record = Record::Answers {
                sprint,
                model,
                answers,
            };
            self.append(record).await?;
            self.metrics.proofs.answers.inc_by(count as u64);
            self.metrics.proofs.tokens.inc_by(tokens as u64);
        }
        Ok(())
    }

    /// What can be committed of a sprint now: answers and the root over them.
    pub(crate) fn commitment(&self, sprint: u64) -> Option<(u32, Node)> {
        let (count, answers) = {
            let state = self.state();
            let answers = state.sprints.get(&self.key(sprint))?;
            (answers.count(), answers.first(answers.count())?)
        };
        Some((count, answers.root()?))
    }

    /// The answer at an offset of what the chain holds of a sprint and any model, proven.
    pub(crate) fn prove(&self, on_chain: &ProofInfo, offset: Amount) -> Option<CommittedProof> {
        let key = key(on_chain.sprint.sprint, &on_chain.model);
        let answers = {
            let state = self.state();
            state.sprints.get(&key)?.first(on_chain.count)?
        };
        answers.prove(&on_chain.root, offset)
    }

    /// An answer of any model with its output.
    ///
    /// # Errors
    /// When it can no longer be read.
    pub(crate) fn payload(
        &self,
        sprint: u64,
        model: &str,
        index: u32,
    ) -> Result<Option<ProofPayload>, JournalError> {
        let kept = {
            let state = self.state();
            let answers = state.sprints.get(&key(sprint, model));
            answers.and_then(|answers| answers.get(index)).cloned()
        };
        let Some(Kept { leaf, record }) = kept else {
            return Ok(None);
        };
        let record = serde_json::from_slice(&self.shared.journal.read(record)?);
        let Ok(Record::Answers { answers, .. }) = record else {
            return Ok(None);
        };
        let found = answers.into_iter().find(|answer| answer.index == index);
        Ok(found.map(|answer| ProofPayload {
            leaf,
            output: answer.output,
        }))
    }

    /// Forgets sprints of all models whose deadline is below `height`.
    pub(crate) async fn discard_before(&self, height: u64) -> Result<(), JournalError> {
        let needed = {
            let mut state = self.state();
            let running = state.running.clone();
            let before = state.sprints.len();
            state.sprints.retain(|(number, model), answers| {
                answers.terms.sprint.deadline >= height || running.get(model) == Some(number)
            });
            if state.sprints.len() == before {
                return Ok(());
            }
            let first = state.sprints.values().map(|answers| answers.record).min();
            first.unwrap_or(state.next)
        };
        self.shared.journal.discard_before(needed).await.map(drop)
    }
}

impl State {
    pub(super) fn apply(&mut self, number: u64, record: Record) {
        self.next = self.next.max(number.saturating_add(1));
        match record {
            Record::Sprint(terms) => {
                let answers = Answers::new(*terms, number);
                let key = key(answers.terms.sprint.sprint, &answers.terms.model.model);
                self.sprints.insert(key, answers);
            }
            Record::Answers {
                sprint,
                model,
                answers,
            } => {
                let known = match model {
                    Some(model) => self.sprints.get_mut(&key(sprint, &model)),
                    None => {
                        let of_sprint = self
                            .sprints
                            .iter_mut()
                            .filter(|((number, _), _)| *number == sprint);
                        let last = of_sprint.max_by_key(|(_, answers)| answers.record);
                        last.map(|(_, answers)| answers)
                    }
                };
                let Some(known) = known else { return };
                for answer in answers {
                    let leaf = ProofLeaf {
                        index: answer.index,
                        prompt: answer.prompt,
                        output: answer.output.len() as u32,
                        output_hash: proof_output_hash(&known.terms.chain_id, &answer.output),
                    };
                    known.keep(Kept { leaf, record: number });
                }
            }
        }
    }
}
