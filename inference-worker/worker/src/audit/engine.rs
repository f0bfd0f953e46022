//! The engine's thread as an engine that scores.

use crate::scheduler::{Scheduler, ScoreTicket};
use quern_engine::{Engine, EngineError, Logits, Slot};
use tokio::sync::oneshot;

/// Scores by handing sequences to the scheduler; it does nothing else. To be used on a thread that may wait.
#[derive(Clone, Debug)]
pub(crate) struct Scorer {
    pub(crate) scheduler: Scheduler,
    pub(crate) context: usize,
}

const ONLY_SCORES: EngineError = EngineError::Request("this engine only scores");
const ENDED: EngineError = EngineError::Request("the engine has ended");

impl Engine for Scorer {
    fn context(&self) -> usize {
        self.context
    }

    fn slots(&self) -> usize {
        0
    }

    fn open(&mut self) -> Result<Slot, EngineError> {
        Err(ONLY_SCORES)
    }

    fn close(&mut self, _: Slot) {}

    fn prefill(&mut self, _: Slot, _: &[u32]) -> Result<Logits, EngineError> {
        Err(ONLY_SCORES)
    }

    fn decode(&mut self, _: &[(Slot, u32)]) -> Result<Logits, EngineError> {
        Err(ONLY_SCORES)
    }

    fn score(&mut self, tokens: &[u32]) -> Result<Logits, EngineError> {
        let (reply, answer) = oneshot::channel();
        let tokens = tokens.to_vec();
        let ticket = ScoreTicket { tokens, reply };
        self.scheduler.score(ticket).map_err(|_| ENDED)?;
        answer.blocking_recv().map_err(|_| ENDED)?
    }
}
