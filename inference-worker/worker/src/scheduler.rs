//! Continuous batching: one thread owns the engine, takes requests from a bounded queue into free slots, and
//! advances all of them together, one token a step.
//!
//! Long prompts go in pieces between steps, so that nobody's stream stalls behind them. A request whose receiver
//! is gone, or whose meter ended it, loses its slot before the next step. One whose meter says wait keeps its slot and
//! costs nothing but that.

use crate::generate::{Allowance, Job, Sequence};
use crate::metrics::Metrics;
use quern_engine::tokenizer::Tokenizer;
use quern_engine::{Engine, EngineError, Logits, Slot};
use quern_inference_api::paid::TOP_UP_PATIENCE;
use quern_protocol::FinishReason;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Prompt tokens that are prefilled between two decoding steps.
const PREFILL_PIECE: usize = 256;
/// How long the loop rests when every request waits for its meter.
const REST: Duration = Duration::from_millis(2);

/// What happens to a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// One more token, and the text that it released, which may be none.
    Token { text: String, completion: u32 },
    /// The meter says wait.
    Paused,
    /// Nothing follows.
    End(End),
}

/// How a request ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) finish: FinishReason,
    /// What went wrong, with [`FinishReason::Error`].
    pub(crate) reason: Option<String>,
    /// Prompt tokens that were computed: all, or none if no token was drawn.
    pub(crate) prompt: u32,
    /// The output.
    pub(crate) tokens: Vec<u32>,
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
}

impl Scheduler {
    /// A queue that holds `depth` waiting requests, and the loop that serves it.
    pub(crate) fn new(depth: usize, metrics: Metrics, tokenizer: Arc<Tokenizer>) -> (Self, Loop) {
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
            },
        )
    }

    /// Whether the engine thread still serves.
    pub(crate) fn is_serving(&self) -> bool {
        self.serving.strong_count() > 0
    }

    /// Admits a request or refuses it at once. Dropping the receiver cancels it.
    pub(crate) fn submit(&self, job: Job) -> Result<mpsc::Receiver<Event>, Refused> {
        // A token and a pause each at most, and the end: a slow reader never holds up the engine.
        let (events, receiver) = mpsc::channel(2 * job.max_tokens as usize + 4);
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
    /// Since when the meter says wait.
    waiting: Option<Instant>,
}

impl Active {
    fn end(&self, finish: FinishReason, reason: Option<String>) {
        let tokens = self.sequence.output().to_vec();
        let prompt = self.sequence.job.prompt.len() as u32;
        let prompt = if tokens.is_empty() { 0 } else { prompt };
        let end = End {
            finish,
            reason,
            prompt,
            tokens,
        };
        let _ = self.events.try_send(Event::End(end));
    }

    /// Whether the next token may be drawn; notes since when it may not.
    fn may_draw(&mut self) -> bool {
        let allowance = self.sequence.may_draw();
        if allowance == Allowance::Go {
            self.waiting = None;
            return true;
        }
        if self.waiting.is_none() {
            self.waiting = Some(Instant::now());
            if allowance == Allowance::Wait {
                let _ = self.events.try_send(Event::Paused);
            }
        }
        false
    }

    /// Why the request should end now, if it should.
    fn ended(&self) -> Option<FinishReason> {
        let meter = self.sequence.job.meter.as_ref()?;
        let unfunded = self
            .waiting
            .is_some_and(|since| since.elapsed() > TOP_UP_PATIENCE);
        match self.waiting.map(|_| self.sequence.may_draw()) {
            Some(Allowance::End(finish)) => Some(finish),
            Some(Allowance::Wait) if unfunded => Some(FinishReason::Unfunded),
            _ => meter.ended(),
        }
    }
}

impl Loop {
    /// Serves until every [`Scheduler`] is dropped.
    pub(crate) fn run(self, engine: &mut impl Engine) {
        let mut active: Vec<Active> = Vec::new();
        loop {
            if !self.admit(engine, &mut active) {
                return;
            }
            self.drop_ended(engine, &mut active);
            let worked = self.prefill_piece(engine, &mut active) | self.decode_step(engine, &mut active);
            if !worked && !active.is_empty() {
                std::thread::sleep(REST);
            }
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
                    let sequence = Sequence::new(job);
                    active.push(Active {
                        slot,
                        sequence,
                        events,
                        admitted,
                        prefilled: 0,
                        next: None,
                        waiting: None,
                    });
                }
                Err(error) => {
                    self.failed(&error.to_string());
                    let end = End {
                        finish: FinishReason::Error,
                        reason: Some(error.to_string()),
                        prompt: 0,
                        tokens: Vec::new(),
                    };
                    let _ = events.try_send(Event::End(end));
                }
            }
        }
        true
    }

    fn drop_ended(&self, engine: &mut impl Engine, active: &mut Vec<Active>) {
        let abort = self.abort.load(Ordering::Relaxed);
        active.retain(|request| {
            let ended = request.ended();
            if !abort && ended.is_none() && !request.events.is_closed() {
                return true;
            }
            engine.close(request.slot);
            match ended {
                Some(finish) => {
                    self.metrics.count(outcome(finish));
                    request.end(finish, None);
                }
                None => {
                    self.metrics.count("cancelled");
                    request.end(FinishReason::Error, Some("the worker is shutting down".into()));
                }
            }
            false
        });
    }

    /// Prefills one piece of the oldest unfinished prompt that may go on, and draws its first token after the last
    /// piece. False if there is none.
    fn prefill_piece(&self, engine: &mut impl Engine, active: &mut Vec<Active>) -> bool {
        let ready = |request: &mut Active| request.next.is_none() && request.may_draw();
        let Some(index) = active.iter_mut().position(ready) else {
            return false;
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
            Err(error) => self.fail(request, &error.to_string()),
        };
        if !keep {
            engine.close(request.slot);
            active.remove(index);
        }
        true
    }

    /// Advances every request that has its prompt and may go on. False if there is none.
    fn decode_step(&self, engine: &mut impl Engine, active: &mut Vec<Active>) -> bool {
        let chosen: Vec<bool> = active
            .iter_mut()
            .map(|request| request.next.is_some() && request.may_draw())
            .collect();
        let pairs = active.iter().zip(&chosen);
        let batch: Vec<(Slot, u32)> = pairs
            .filter(|(_, chosen)| **chosen)
            .filter_map(|(request, _)| Some((request.slot, request.next?)))
            .collect();
        if batch.is_empty() {
            return false;
        }
        let started = Instant::now();
        let result: Result<Logits, EngineError> = engine.decode(&batch);
        self.metrics.step.observe(started.elapsed().as_secs_f64());
        let (mut row, mut chosen) = (0, chosen.into_iter());
        active.retain_mut(|request| {
            if !chosen.next().unwrap_or(false) {
                return true;
            }
            let keep = match &result {
                Ok(logits) => self.advance(request, logits.row(row).unwrap_or_default()),
                Err(error) => self.fail(request, &error.to_string()),
            };
            row += 1;
            if !keep {
                engine.close(request.slot);
            }
            keep
        });
        true
    }

    /// Draws the next token and tells the receiver. False when the request is over.
    fn advance(&self, request: &mut Active, logits: &[f32]) -> bool {
        let step = match request.sequence.advance(logits, &self.tokenizer) {
            Ok(step) => step,
            Err(error) => return self.fail(request, &error.to_string()),
        };
        self.metrics.completion_tokens.inc();
        let _ = request.events.try_send(Event::Token {
            text: step.text,
            completion: request.sequence.output().len() as u32,
        });
        request.next = Some(step.token);
        let Some(finish) = step.finish else { return true };
        self.metrics.count(outcome(finish));
        request.end(finish, None);
        false
    }

    /// Ends a request that failed. Always false: it is over.
    fn fail(&self, request: &Active, reason: &str) -> bool {
        self.failed(reason);
        request.end(FinishReason::Error, Some(reason.to_owned()));
        false
    }

    fn failed(&self, reason: &str) {
        tracing::error!(reason, "request failed");
        self.metrics.count("failed");
    }
}

/// Label of an end in the metrics.
fn outcome(finish: FinishReason) -> &'static str {
    match finish {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::Cancelled => "cancelled",
        FinishReason::Unfunded => "unfunded",
        FinishReason::Error => "failed",
    }
}
