//! The engine's thread as something that scores.

use crate::scheduler::{Scheduler, ScoreTicket};
use quern_engine::{EngineError, Logits};
use tokio::sync::oneshot;

/// Scores by handing sequences to the scheduler. To be used on a thread that may wait.
#[derive(Clone, Debug)]
pub(crate) struct Scorer {
    pub(crate) scheduler: Scheduler,
    pub(crate) context: usize,
}

const ENDED: EngineError = EngineError::Request("the engine has ended");

impl Scorer {
    /// Rows of logits after token `from` and those that follow it. Rows of the prompt before are never kept.
    pub(crate) fn rows(&self, tokens: Vec<u32>, from: usize) -> Result<Logits, EngineError> {
        let (reply, answer) = oneshot::channel();
        let ticket = ScoreTicket { tokens, from, reply };
        self.scheduler.score(ticket).map_err(|_| ENDED)?;
        answer.blocking_recv().map_err(|_| ENDED)?
    }
}
