//! Continuous batching: one thread owns the engine, takes requests from a bounded queue into free slots, and
//! advances all of them together, one token a step.
//!
//! Long prompts go in pieces between steps, so that nobody's stream stalls behind them. A request whose receiver
//! is gone loses its slot before the next step.

use crate::generate::{Job, Sequence};
use crate::metrics::Metrics;
use quern_engine::tokenizer::Tokenizer;
use quern_engine::{Engine, EngineError, Logits, Slot};
use quern_inference_api::response::{FinishReason, Usage};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Instant;
use tokio::sync::mpsc;

/// Prompt tokens that are prefilled between two decoding steps.
const PREFILL_PIECE: usize = 256;

/// What happens to a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Text(String),
    Done { finish: FinishReason, usage: Usage },
    Failed(String),
}

/// A request on its way to the engine.
struct Ticket {
    job: Job,
    events: mpsc::Sender<Event>,
    admitted: Instant,
}

/// Why a request was not admitted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The queue is full.
    Busy,
    /// The engine thread has ended.
    Stopped,
}

/// The way to the engine thread.
#[derive(Clone, Debug)]
pub(crate) struct Scheduler {
    queue: SyncSender<Ticket>,
    abort: Arc<AtomicBool>,
    serving: Weak<()>,
    metrics: Metrics,
}

/// The engine thread's side.
pub(crate) struct Loop {
    queue: Receiver<Ticket>,
    abort: Arc<AtomicBool>,
    /// Gone when the loop is, for whatever reason.
    _serving: Arc<()>,
    metrics: Metrics,
    tokenizer: Arc<Tokenizer>,
    model: String,
}

impl Scheduler {
    /// A queue that holds `depth` waiting requests, and the loop that serves it.
    pub(crate) fn new(
        depth: usize,
        metrics: Metrics,
        tokenizer: Arc<Tokenizer>,
        model: String,
    ) -> (Self, Loop) {
        let (sender, receiver) = sync_channel(depth.max(1));
        let abort = Arc::new(AtomicBool::new(false));
        let serving = Arc::new(());
        let scheduler = Self {
            queue: sender,
            abort: abort.clone(),
            serving: Arc::downgrade(&serving),
            metrics: metrics.clone(),
        };
        (
            scheduler,
            Loop {
                queue: receiver,
                abort,
                _serving: serving,
                metrics,
                tokenizer,
                model,
            },
        )
    }

    /// Whether the engine thread still serves.
    pub(crate) fn is_serving(&self) -> bool {
        self.serving.strong_count() > 0
    }

    /// Admits a request or refuses it at once. Dropping the receiver cancels it.
    pub(crate) fn submit(&self, job: Job) -> Result<mpsc::Receiver<Event>, Refused> {
        // One text event a token at most, and the end: a slow reader never holds up the engine.
        let (events, receiver) = mpsc::channel(job.max_tokens as usize + 2);
        let ticket = Ticket {
            job,
            events,
            admitted: Instant::now(),
        };
        self.metrics.queued.inc();
        self.queue.try_send(ticket).map_err(|error| {
            self.metrics.queued.dec();
            match error {
                TrySendError::Full(_) => Refused::Busy,
                TrySendError::Disconnected(_) => Refused::Stopped,
            }
        })?;
        Ok(receiver)
    }

    /// Ends every request at the next step.
    pub(crate) fn abort(&self) {
        self.abort.store(true, Ordering::Relaxed);
    }
}

/// A request that holds a slot.
struct Active {
    slot: Slot,
    sequence: Sequence,
    events: mpsc::Sender<Event>,
    admitted: Instant,
    prefilled: usize,
    /// The token to append next, once the prompt is in.
    next: Option<u32>,
}

impl Loop {
    /// Serves until every [`Scheduler`] is dropped.
    pub(crate) fn run(self, engine: &mut impl Engine) {
        let mut active: Vec<Active> = Vec::new();
        loop {
            if !self.admit(engine, &mut active) {
                return;
            }
            self.drop_cancelled(engine, &mut active);
            self.prefill_piece(engine, &mut active);
            self.decode_step(engine, &mut active);
            self.metrics.active.set(active.len() as i64);
        }
    }

    /// Fills free slots; waits for work if there is none. False when no work can come any more.
    fn admit(&self, engine: &mut impl Engine, active: &mut Vec<Active>) -> bool {
        while active.len() < engine.slots() {
            let ticket = if active.is_empty() {
                match self.queue.recv() {
                    Ok(ticket) => ticket,
                    Err(_) => return false,
                }
            } else {
                match self.queue.try_recv() {
                    Ok(ticket) => ticket,
                    Err(_) => break,
                }
            };
            self.metrics.queued.dec();
            let Ticket {
                job,
                events,
                admitted,
            } = ticket;
            if events.is_closed() {
                self.metrics.count("cancelled");
                continue;
            }
            match engine.open() {
                Ok(slot) => {
                    let sequence = Sequence::new(job, &self.model);
                    active.push(Active {
                        slot,
                        sequence,
                        events,
                        admitted,
                        prefilled: 0,
                        next: None,
                    });
                }
                Err(error) => self.fail(&events, &error.to_string()),
            }
        }
        true
    }

    fn drop_cancelled(&self, engine: &mut impl Engine, active: &mut Vec<Active>) {
        let abort = self.abort.load(Ordering::Relaxed);
        active.retain(|request| {
            if !abort && !request.events.is_closed() {
                return true;
            }
            engine.close(request.slot);
            self.metrics.count("cancelled");
            let _ = request
                .events
                .try_send(Event::Failed("the worker is shutting down".into()));
            false
        });
    }

    /// Prefills one piece of the oldest unfinished prompt, and draws its first token after the last piece.
    fn prefill_piece(&self, engine: &mut impl Engine, active: &mut Vec<Active>) {
        let Some(index) = active.iter().position(|request| request.next.is_none()) else {
            return;
        };
        let request = &mut active[index];
        let prompt = &request.sequence.job.prompt;
        let end = prompt.len().min(request.prefilled + PREFILL_PIECE);
        let result = engine.prefill(request.slot, &prompt[request.prefilled..end]);
        request.prefilled = end;
        let complete = end == prompt.len();
        let keep = match result {
            Ok(_) if !complete => true,
            Ok(logits) => {
                self.metrics
                    .first_token
                    .observe(request.admitted.elapsed().as_secs_f64());
                self.metrics.prompt_tokens.inc_by(end as u64);
                self.advance(request, &logits.values)
            }
            Err(error) => {
                self.fail(&request.events, &error.to_string());
                false
            }
        };
        if !keep {
            engine.close(request.slot);
            active.remove(index);
        }
    }

    fn decode_step(&self, engine: &mut impl Engine, active: &mut Vec<Active>) {
        let batch: Vec<(Slot, u32)> = active.iter().filter_map(|r| Some((r.slot, r.next?))).collect();
        if batch.is_empty() {
            return;
        }
        let started = Instant::now();
        let result: Result<Logits, EngineError> = engine.decode(&batch);
        self.metrics.step.observe(started.elapsed().as_secs_f64());
        let mut row = 0;
        active.retain_mut(|request| {
            if request.next.is_none() {
                return true;
            }
            let keep = match &result {
                Ok(logits) => self.advance(request, logits.row(row).unwrap_or_default()),
                Err(error) => {
                    self.fail(&request.events, &error.to_string());
                    false
                }
            };
            row += 1;
            if !keep {
                engine.close(request.slot);
            }
            keep
        });
    }

    /// Draws the next token and tells the receiver. False when the request is over.
    fn advance(&self, request: &mut Active, logits: &[f32]) -> bool {
        let step = match request.sequence.advance(logits, &self.tokenizer) {
            Ok(step) => step,
            Err(error) => {
                self.fail(&request.events, &error.to_string());
                return false;
            }
        };
        self.metrics.completion_tokens.inc();
        if !step.text.is_empty() {
            let _ = request.events.try_send(Event::Text(step.text));
        }
        request.next = Some(step.token);
        let Some(finish) = step.finish else { return true };
        self.metrics.count(finish.as_str());
        let _ = request.events.try_send(Event::Done {
            finish,
            usage: request.sequence.usage(),
        });
        false
    }

    fn fail(&self, events: &mpsc::Sender<Event>, reason: &str) {
        tracing::error!(reason, "request failed");
        self.metrics.count("failed");
        let _ = events.try_send(Event::Failed(reason.to_owned()));
    }
}
