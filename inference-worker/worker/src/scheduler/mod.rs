//! Continuous batching: one thread owns the engine, takes requests from a bounded queue as slots and room in the cache
//! become free, and advances all of them together, step by step: each by a token, or by several where drafts were right.
//!
//! A request is admitted when the cache has room for its prompt and all of its output, so that none is ever driven out;
//! whoever has least under way comes first: see [`mod@admit`] and [`mod@queue`]. Prompts go in pieces, in the steps in which others decode:
//! see [`mod@plan`]. What of a prompt is cached already is not computed again: see [`share`]. A request whose receiver
//! is gone, whose time is over or whose meter ended it loses its slot before the next step. One whose meter says wait keeps its slot and
//! costs nothing but that. Slots that no request needs go to a [`Filler`], which gives them back when one comes.
//!
//! Where few rows run in a step, it also tries tokens that may come next: see [`mod@drafts`].
//!
//! Beside requests it scores sequences for the auditor, piece by piece, when there is nothing else to do or little of
//! it was done lately: see [`score`].

mod active;
mod admit;
mod drafts;
#[cfg(test)]
mod drafts_tests;
#[cfg(test)]
pub(crate) mod fake;
mod filler;
mod plan;
mod prompt;
mod queue;
mod score;
mod share;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod traced;
#[cfg(test)]
mod turns_tests;

pub(crate) use filler::{Fill, FillId, Filler};
pub(crate) use score::ScoreTicket;

use crate::generate::Job;
use crate::metrics::Metrics;
use active::Active;
use filler::Fills;
use plan::{Rest, SCORED, plan};
use quern_engine::sampler::Likelihood;
use quern_engine::tokenizer::Tokenizer;
use quern_engine::{Engine, EngineError, Logits, Part, Slot};
use quern_inference_api::ApiError;
use quern_inference_api::pace::Pace;
use quern_protocol::FinishReason;
use queue::Queue;
use score::Background;
use share::Tenant;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long the loop rests when every request waits for its meter.
const REST: Duration = Duration::from_millis(2);

/// What happens to a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// One more token, and the text that it released, which may be none.
    Token {
        text: String,
        /// Text of the thoughts before the answer, which may be none; `None` if the token is of the answer.
        thought: Option<String>,
        completion: u32,
        likelihood: Option<Box<Likelihood>>,
    },
    /// Comes before any token where the prompt's likelihoods are wanted: its first token, and those of the others.
    Prompt { first: u32, rest: Vec<Likelihood> },
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
    /// Why it ended before it was through, if it did for one of these reasons. None of them ends a paid request.
    pub(crate) early: Option<Early>,
    /// The request's parameter that made it fail, if one did.
    pub(crate) fault: Option<String>,
    /// Prompt tokens that were computed: all, or none if a token was wanted and none was drawn.
    pub(crate) prompt: u32,
    /// Of these, tokens that were cached already.
    pub(crate) cached: u32,
    /// The output.
    pub(crate) tokens: Vec<u32>,
    /// How many of them come before the answer: thoughts and their marks.
    pub(crate) reasoning: u32,
}

/// What may end an unpaid request at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Early {
    /// Its place in the queue went to somebody who had fewer; seconds after which another try makes sense.
    Crowded { wait: u32 },
    /// Its time is over.
    Late,
}

impl End {
    /// What a client is told of a request that failed.
    pub(crate) fn error(&self) -> ApiError {
        let reason = self.reason.as_deref().unwrap_or("the request was cancelled");
        match &self.fault {
            Some(param) => ApiError::invalid(param, format!("'{param}' cannot be used: {reason}.")),
            None => ApiError::unavailable(reason),
        }
    }

    /// The end of a request that never had a slot.
    fn early(early: Early) -> Self {
        Self {
            finish: FinishReason::Length,
            early: Some(early),
            ..Self::failed(None::<String>)
        }
    }

    /// The end of a request that failed before anything of it was computed.
    pub(crate) fn failed(reason: impl Into<Option<String>>) -> Self {
        Self {
            finish: FinishReason::Error,
            reason: reason.into(),
            early: None,
            fault: None,
            prompt: 0,
            cached: 0,
            tokens: Vec::new(),
            reasoning: 0,
        }
    }
}

/// A request on its way to the engine.
struct Ticket {
    job: Job,
    events: mpsc::Sender<Event>,
    admitted: Instant,
    /// Requests that were begun since there was no room for this one; none if that has not happened.
    passed: Option<usize>,
}

impl Ticket {
    fn tenant(&self) -> Tenant {
        Tenant::of(&self.job)
    }
}

/// What comes to the engine thread.
enum Work {
    Request(Box<Ticket>),
    Score(ScoreTicket),
    /// The filler may have something to do.
    Wake,
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
    work: Sender<Work>,
    queue: Arc<Queue>,
    slots: usize,
    /// The most time that an unpaid request may take.
    longest: Option<Duration>,
    abort: Arc<AtomicBool>,
    serving: Weak<()>,
    metrics: Metrics,
    pace: Pace,
}

/// The engine thread's side.
pub(crate) struct Loop {
    work: Receiver<Work>,
    queue: Arc<Queue>,
    /// Requests computed together.
    slots: usize,
    abort: Arc<AtomicBool>,
    /// Gone when the loop is, for whatever reason.
    _serving: Arc<()>,
    metrics: Metrics,
    /// For how long requests hold their slots.
    pace: Pace,
    tokenizer: Arc<Tokenizer>,
    filler: Option<Arc<dyn Filler>>,
    drafts: bool,
}

impl Scheduler {
    /// A queue that holds `depth` waiting requests, and the loop that serves it, `slots` at a time. The engine needs a
    /// slot more for scoring to go on while all of them are taken.
    pub(crate) fn new(
        depth: usize,
        slots: usize,
        metrics: Metrics,
        tokenizer: Arc<Tokenizer>,
    ) -> (Self, Loop) {
        let (sender, receiver) = channel();
        let queue = Arc::new(Queue::new(depth));
        let abort = Arc::new(AtomicBool::new(false));
        let serving = Arc::new(());
        let scheduler = Self {
            work: sender,
            queue: queue.clone(),
            slots: slots.max(1),
            longest: None,
            abort: abort.clone(),
            serving: Arc::downgrade(&serving),
            metrics: metrics.clone(),
            pace: Pace::default(),
        };
        let pace = scheduler.pace.clone();
        (
            scheduler,
            Loop {
                work: receiver,
                queue,
                slots: slots.max(1),
                abort,
                _serving: serving,
                metrics,
                pace,
                tokenizer,
                filler: None,
                drafts: true,
            },
        )
    }

    /// The same with a bound on the time of unpaid requests.
    pub(crate) fn with_longest(mut self, longest: Option<Duration>) -> Self {
        self.longest = longest;
        self
    }

    /// Requests that are computed together.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Seconds until those that wait now are through, by what requests took.
    pub(crate) fn wait(&self) -> u32 {
        wait(&self.pace, &self.metrics)
    }

    /// Whether the engine thread still serves.
    pub(crate) fn is_serving(&self) -> bool {
        self.serving.strong_count() > 0
    }

    /// Admits a request or refuses it at once. Dropping the receiver cancels it.
    pub(crate) fn submit(&self, job: Job) -> Result<mpsc::Receiver<Event>, Refused> {
        if !self.queue.enter(Tenant::of(&job), 1) {
            return Err(Refused::Busy);
        }
        self.send(job)
    }

    /// Admits all of so many choices of a request, or refuses them at once.
    pub(crate) fn submit_choices(
        &self,
        job: &Job,
        count: u32,
    ) -> Result<Vec<mpsc::Receiver<Event>>, Refused> {
        if !self.queue.enter(Tenant::of(job), count as usize) {
            return Err(Refused::Busy);
        }
        let choice = |choice: u32| {
            let mut job = job.clone();
            job.shape.choice = choice;
            self.send(job)
        };
        (0..count).map(choice).collect()
    }

    /// Hands in a request that has its place.
    fn send(&self, mut job: Job) -> Result<mpsc::Receiver<Event>, Refused> {
        // A token and a pause each at most, the prompt and the end: a slow reader never holds up the engine.
        let (events, receiver) = mpsc::channel(2 * job.max_tokens as usize + 5);
        let admitted = Instant::now();
        if job.meter.is_none() {
            let most = self.longest.and_then(|time| admitted.checked_add(time));
            job.shape.deadline = job.shape.deadline.into_iter().chain(most).min();
        }
        let ticket = Ticket {
            job,
            events,
            admitted,
            passed: None,
        };
        let tenant = ticket.tenant();
        self.metrics.queued.inc();
        self.work.send(Work::Request(Box::new(ticket))).map_err(|_| {
            self.queue.leave(tenant);
            self.metrics.queued.dec();
            Refused::Stopped
        })?;
        Ok(receiver)
    }

    /// Hands in a sequence to score when there is time.
    pub(crate) fn score(&self, ticket: ScoreTicket) -> Result<(), Refused> {
        self.work.send(Work::Score(ticket)).map_err(|_| Refused::Stopped)
    }

    /// Asks the filler again.
    pub(crate) fn wake(&self) {
        let _ = self.work.send(Work::Wake);
    }

    /// Ends every request at the next step.
    pub(crate) fn abort(&self) {
        self.abort.store(true, Ordering::Relaxed);
    }
}

impl Loop {
    /// The loop with something to fill free slots with.
    pub(crate) fn with_filler(mut self, filler: Option<Arc<dyn Filler>>) -> Self {
        self.filler = filler;
        self
    }

    /// The loop with or without drafts, which it has if the engine can try them.
    pub(crate) fn with_drafts(mut self, drafts: bool) -> Self {
        self.drafts = drafts;
        self
    }

    /// Serves until every [`Scheduler`] is dropped.
    pub(crate) fn run(self, engine: &mut impl Engine) {
        let mut active: Vec<Active> = Vec::new();
        let (mut waiting, mut background) = (VecDeque::new(), Background::default());
        let mut turn = 0;
        let mut fills = Fills::new(self.filler.clone(), self.tokenizer.clone());
        loop {
            let requests = !(active.is_empty() && waiting.is_empty());
            let idle = !requests && background.is_empty();
            if !self.receive(idle, fills.len() > 0, &mut waiting, &mut background) {
                return fills.clear(engine);
            }
            self.admit(engine, &mut waiting, &mut active, &mut fills, background.holds());
            self.drop_ended(engine, &mut active);
            if self.abort.load(Ordering::Relaxed) {
                background.clear(engine);
            }
            let beside = !active.is_empty();
            let prompts = active.iter().any(|request| request.next.is_none());
            // Prompts first while nobody waits: a step costs little more for many than for few.
            let filled = !prompts && fills.prefill_piece(engine, beside);
            let stepped = (beside || !filled) && self.step(engine, &mut active, &mut fills, &mut turn);
            let served = filled | stepped;
            let scored = background.turn(engine, served);
            self.metrics.scored_tokens.inc_by(scored as u64);
            if !served && scored == 0 && !(active.is_empty() && background.is_empty()) {
                std::thread::sleep(REST);
            }
            self.metrics.active.set(active.len() as i64);
            // Before it is asked whether there is anything to do.
            if self.abort.load(Ordering::Relaxed) {
                fills.clear(engine);
            } else if background.starved() {
                fills.refill(engine, 0);
            } else {
                fills.refill(engine, self.slots.saturating_sub(active.len()));
            }
        }
    }

    /// Takes in what came; waits for it if there is nothing else to do. False when nothing is to do for anybody any more.
    fn receive(
        &self,
        idle: bool,
        filling: bool,
        waiting: &mut VecDeque<Ticket>,
        background: &mut Background,
    ) -> bool {
        let first = if idle && !filling {
            match self.work.recv() {
                Ok(work) => Some(work),
                Err(_) => return false,
            }
        } else {
            None
        };
        let mut next = first;
        loop {
            match next.take() {
                Some(Work::Request(ticket)) => waiting.push_back(*ticket),
                Some(Work::Score(ticket)) => background.push(ticket),
                Some(Work::Wake) | None => {}
            }
            match self.work.try_recv() {
                Ok(work) => next = Some(work),
                Err(TryRecvError::Empty) => return true,
                // What came with the last of them is done all the same.
                Err(TryRecvError::Disconnected) => {
                    return !(idle && waiting.is_empty() && background.is_empty());
                }
            }
        }
    }

    fn drop_ended(&self, engine: &mut impl Engine, active: &mut Vec<Active>) {
        let abort = self.abort.load(Ordering::Relaxed);
        active.retain(|request| {
            let ended = request.ended();
            let late = request.is_late();
            if !abort && ended.is_none() && !late && !request.events.is_closed() {
                return true;
            }
            engine.close(request.slot);
            self.pace.note(request.begun.elapsed());
            match ended {
                Some(finish) => {
                    self.metrics.count(outcome(finish));
                    request.end(finish, None);
                }
                None if late => {
                    self.metrics.count("timeout");
                    request.end_late();
                }
                None => {
                    self.metrics.count("cancelled");
                    request.end(FinishReason::Error, Some("the worker is shutting down".into()));
                }
            }
            false
        });
    }

    /// One step: the next token of every request that has its prompt and may go on, and those after it for which its drafts
    /// were right; a token of every job beside them; pieces of prompts. False if there is nothing to do.
    fn step(
        &self,
        engine: &mut impl Engine,
        active: &mut Vec<Active>,
        fills: &mut Fills,
        turn: &mut u64,
    ) -> bool {
        let ready: Vec<bool> = active.iter_mut().map(Active::may_draw).collect();
        let beside = active.len() > 1;
        let rest = |(index, request): (usize, &Active)| {
            let tokens = request.sequence.job.prompt.len() - request.prefilled;
            let waits = request.next.is_none() && ready.get(index) == Some(&true);
            let at = request.prefilled;
            let scored = beside && request.sequence.job.shape.scores_prompt;
            let cost = if scored { SCORED } else { 1 };
            waits.then_some(Rest {
                index,
                tokens,
                at,
                cost,
            })
        };
        let rests: Vec<Rest> = active.iter().enumerate().filter_map(rest).collect();
        *turn += u64::from(!rests.is_empty());
        // Tokens that each request appends in this step.
        let mut pieces: Vec<Vec<u32>> = vec![Vec::new(); active.len()];
        for Rest { index, tokens, .. } in plan(&rests, *turn) {
            let request = &mut active[index];
            let end = request.prefilled + tokens;
            pieces[index] = request.sequence.job.prompt[request.prefilled..end].to_vec();
            request.prefilled = end;
        }
        for ((piece, request), ready) in pieces.iter_mut().zip(active.iter()).zip(&ready) {
            if *ready && let Some(token) = request.next {
                *piece = vec![token];
            }
        }
        let scored = self.score_prompts(engine, active, &mut pieces);
        let jobs: Vec<(Slot, u32)> = fills.rows().collect();
        let rows = jobs.len() + pieces.iter().map(Vec::len).sum::<usize>();
        let spare = if self.drafts { engine.draft_rows() } else { 0 };
        let drafts = drafts::propose(active, &pieces, spare.saturating_sub(rows));
        let own = active.iter().zip(&pieces).zip(&drafts);
        let own = own.filter(|((_, piece), _)| !piece.is_empty());
        let mut batch: Vec<Part<'_>> = own
            .map(|((request, tokens), drafts)| Part {
                slot: request.slot,
                tokens,
                drafts,
            })
            .collect();
        batch.extend(jobs.iter().map(|(slot, token)| Part {
            slot: *slot,
            tokens: std::slice::from_ref(token),
            drafts: &[],
        }));
        if batch.is_empty() {
            return scored;
        }
        let started = Instant::now();
        let result: Result<Logits, EngineError> = engine.try_drafts(&batch);
        self.metrics.step.observe(started.elapsed().as_secs_f64());
        let (mut row, mut parts) = (0, pieces.into_iter().zip(drafts));
        active.retain_mut(|request| {
            let Some((_, drafts)) = parts.next().filter(|(piece, _)| !piece.is_empty()) else {
                return true;
            };
            let prompt = request.sequence.job.prompt.len();
            let keep = match &result {
                Ok(_) if request.prefilled < prompt => true,
                Ok(logits) => self.go_on(engine, request, logits, (row, &drafts)),
                Err(error) => self.fail(request, &error.to_string()),
            };
            row += 1 + drafts.len();
            if !keep {
                engine.close(request.slot);
                self.pace.note(request.begun.elapsed());
            }
            keep
        });
        let result = match &result {
            Ok(logits) => Ok((row..).map_while(|row| logits.row(row))),
            Err(error) => Err(error.to_string()),
        };
        fills.take(engine, result);
        true
    }

    /// Draws the next token and tells the receiver. False when the request is over.
    fn advance(&self, request: &mut Active, logits: &[f32]) -> bool {
        let step = match request.sequence.advance(logits, &self.tokenizer) {
            Ok(step) => step,
            Err(error) if error.is_the_requests() => {
                tracing::info!(%error, "a request's grammar grew too complex");
                self.metrics.count("grammar");
                request.end_at_fault(error.to_string());
                return false;
            }
            Err(error) => return self.fail(request, &error.to_string()),
        };
        self.metrics.completion_tokens.inc();
        let _ = request.events.try_send(Event::Token {
            text: step.text,
            thought: step.thought,
            completion: request.sequence.output().len() as u32,
            likelihood: step.likelihood,
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

/// Seconds until those that wait are through. At work together are as many as the cache has room for.
fn wait(pace: &Pace, metrics: &Metrics) -> u32 {
    let count = |gauge: &prometheus::IntGauge| usize::try_from(gauge.get()).unwrap_or(0);
    pace.wait(count(&metrics.queued), count(&metrics.active))
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
