//! Sentence encoders behind a queue of their own: one thread owns the encoder and serves requests in turn, a piece of
//! each, so that a short one waits for a piece of a long one at most. A request whose receiver is gone is dropped
//! before its next piece.

mod serve;
#[cfg(test)]
mod tests;

use quern_engine::EngineError;
use quern_inference_api::pace::Pace;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Tokens of one piece, padding aside.
const PIECE: usize = 2048;
/// Tokens that may wait, all requests together: four of the longest.
const MAX_WAITING: usize = 4 * quern_inference_api::embeddings::MAX_INPUT_TOKENS;
/// How often an idle thread looks whether it should end.
const LOOK: Duration = Duration::from_millis(500);

/// Something that makes vectors of token ids.
pub(crate) trait Embed {
    /// One vector for each sequence.
    fn embed(&mut self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EngineError>;
}

impl Embed for quern_engine_torch::Encoder {
    fn embed(&mut self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EngineError> {
        Self::embed(self, batch)
    }
}

type Answer = Result<Vec<Vec<f32>>, EngineError>;

struct Ticket {
    rest: VecDeque<Vec<u32>>,
    done: Vec<Vec<f32>>,
    answer: oneshot::Sender<Answer>,
    /// Given back when the ticket is gone.
    _load: Load,
}

/// Requests and tokens that wait.
#[derive(Debug, Default)]
struct Waiting {
    requests: AtomicUsize,
    tokens: AtomicUsize,
}

struct Load {
    waiting: Arc<Waiting>,
    tokens: usize,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.waiting.requests.fetch_sub(1, Ordering::Relaxed);
        self.waiting.tokens.fetch_sub(self.tokens, Ordering::Relaxed);
    }
}

/// Why a request was not admitted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too much waits already.
    Busy,
    /// The thread has ended.
    Stopped,
}

/// The way to the encoder's thread.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    sender: Sender<Ticket>,
    waiting: Arc<Waiting>,
    /// Most requests at once.
    depth: usize,
    serving: std::sync::Weak<()>,
    pace: Pace,
}

/// The thread's side.
pub(crate) struct Serving {
    receiver: Receiver<Ticket>,
    serving: Arc<()>,
    /// Time of a piece.
    pace: Pace,
}

impl Queue {
    /// A queue of at most `depth` requests.
    pub(crate) fn new(depth: usize) -> (Self, Serving) {
        let (sender, receiver) = channel();
        let serving = Arc::new(());
        let queue = Self {
            sender,
            waiting: Arc::default(),
            depth: depth.max(1),
            serving: Arc::downgrade(&serving),
            pace: Pace::default(),
        };
        let pace = queue.pace.clone();
        let thread = Serving {
            receiver,
            serving,
            pace,
        };
        (queue, thread)
    }

    pub(crate) fn is_serving(&self) -> bool {
        self.serving.strong_count() > 0
    }

    /// Requests that wait or are under way.
    pub(crate) fn requests(&self) -> usize {
        self.waiting.requests.load(Ordering::Relaxed)
    }

    /// Seconds until what waits now is through, by what pieces took.
    pub(crate) fn wait(&self) -> u32 {
        let tokens = self.waiting.tokens.load(Ordering::Relaxed);
        // Each has a piece of its own at least.
        self.pace.wait(tokens.div_ceil(PIECE).max(self.requests()), 1)
    }

    /// Admits a request or refuses it at once. Dropping the receiver cancels it.
    pub(crate) fn submit(&self, batch: Vec<Vec<u32>>) -> Result<oneshot::Receiver<Answer>, Refused> {
        let tokens = batch.iter().map(Vec::len).sum::<usize>();
        let load = Load {
            waiting: self.waiting.clone(),
            tokens,
        };
        let requests = self.waiting.requests.fetch_add(1, Ordering::Relaxed);
        let before = self.waiting.tokens.fetch_add(tokens, Ordering::Relaxed);
        if requests >= self.depth || before.saturating_add(tokens) > MAX_WAITING {
            return Err(Refused::Busy);
        }
        let (answer, receiver) = oneshot::channel();
        let ticket = Ticket {
            rest: batch.into(),
            done: Vec::new(),
            answer,
            _load: load,
        };
        self.sender.send(ticket).map_err(|_| Refused::Stopped)?;
        Ok(receiver)
    }
}

impl Serving {
    /// Serves until every [`Queue`] is dropped and nothing waits.
    pub(crate) fn run(self, encoder: &mut impl Embed) {
        let mut turn: VecDeque<Ticket> = VecDeque::new();
        loop {
            if turn.is_empty() {
                match self.receiver.recv_timeout(LOOK) {
                    Ok(ticket) => turn.push_back(ticket),
                    Err(RecvTimeoutError::Timeout) => continue,
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            while let Ok(ticket) = self.receiver.try_recv() {
                turn.push_back(ticket);
            }
            let Some(ticket) = turn.pop_front() else { continue };
            let began = Instant::now();
            turn.extend(ticket.advance(encoder));
            self.pace.note(began.elapsed());
        }
        drop(self.serving);
    }
}

impl Ticket {
    /// One piece further; the ticket if more is to do.
    fn advance(mut self, encoder: &mut impl Embed) -> Option<Self> {
        if self.answer.is_closed() {
            return None;
        }
        let (mut piece, mut tokens) = (Vec::new(), 0);
        while let Some(next) = self.rest.front() {
            tokens += next.len();
            if !piece.is_empty() && tokens > PIECE {
                break;
            }
            piece.extend(self.rest.pop_front());
        }
        match encoder.embed(&piece) {
            Ok(vectors) => self.done.extend(vectors),
            Err(error) => {
                let _ = self.answer.send(Err(error));
                return None;
            }
        }
        if !self.rest.is_empty() {
            return Some(self);
        }
        let _ = self.answer.send(Ok(self.done));
        None
    }
}
