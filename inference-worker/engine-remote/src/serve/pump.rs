//! Reads a stream of the engine on a task of its own, so that a client that leaves, or reads too slowly, ends it.

use super::Remote;
use super::answer::{Order, over};
use crate::client::Events;
use crate::config::Timeouts;
use crate::error::UpstreamError;
use crate::wire::{Assembly, Delta, RawAnswer, Rules};
use quern_inference_api::response::Usage;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

/// Chunks that wait for a reader; the engine's connection is left unread beyond them.
const AHEAD: usize = 4;
/// How long the connection gets to end in order after the last chunk, so that it can be used again.
const TAIL: Duration = Duration::from_millis(100);

/// What comes of a stream.
#[derive(Debug)]
pub(super) enum Part {
    Deltas(Vec<Delta>),
    /// Nothing follows; what the engine counted.
    End(Option<Usage>),
    /// Nothing follows: the time of the request is over.
    Late,
    /// Nothing follows.
    Failed(UpstreamError),
}

/// A stream's question.
struct Question {
    path: &'static str,
    body: Value,
    choices: u32,
    number: u64,
    logprobs: bool,
    rules: Arc<Rules>,
}

/// Begins a stream. Dropping the receiver closes the engine's connection at once.
pub(super) fn begin(remote: &Arc<Remote>, order: Order) -> Receiver<Part> {
    let (sender, receiver) = channel(AHEAD);
    let remote = remote.clone();
    let question = Question {
        path: order.frame.endpoint.path(),
        body: order.body,
        choices: order.request.n,
        number: order.number,
        logprobs: order.request.logprobs.is_some(),
        rules: order.rules,
    };
    let (permit, deadline) = (order.permit, order.deadline);
    tokio::spawn(async move {
        let active = remote.metrics.begin();
        let Timeouts { whole, idle, .. } = remote.upstream.config().timeouts;
        let pumped = tokio::select! {
            () = sender.closed() => None,
            () = over(deadline) => Some(Ok(Err(None))),
            pumped = timeout(whole, pump(&remote, &question, &sender)) => {
                Some(pumped.map(|pumped| pumped.map_err(Some)))
            }
        };
        // Before the reader hears of the end, so that its next request finds the slot free.
        match pumped {
            Some(Ok(Ok(_) | Err(None | Some(UpstreamError::Timeout(_)))) | Err(_)) => permit.through(),
            None | Some(Ok(Err(Some(_)))) => drop(permit),
        }
        drop(active);
        let (last, rest) = match pumped {
            None => return remote.metrics.count("cancelled"),
            Some(Ok(Ok((usage, events)))) => (Part::End(usage), Some(events)),
            Some(Ok(Err(Some(error)))) => (Part::Failed(error), None),
            Some(Ok(Err(None))) => (Part::Late, None),
            Some(Err(_)) => (Part::Failed(UpstreamError::Timeout("for a whole answer")), None),
        };
        let _ = timeout(idle, sender.send(last)).await;
        if let Some(mut events) = rest {
            let _ = events.next(TAIL).await;
        }
    });
    receiver
}

/// Sends on what comes, and gives the engine's counts and the connection after the last of it.
async fn pump(
    remote: &Remote,
    question: &Question,
    sender: &Sender<Part>,
) -> Result<(Option<Usage>, Events), UpstreamError> {
    let timeouts = remote.upstream.config().timeouts;
    let response = remote.upstream.post(question.path, &question.body).await?;
    let mut events = Events::new(response.into_body());
    let assembly = Assembly::new(question.choices, question.number).telling(question.logprobs);
    let mut assembly = assembly.holding(&question.rules);
    let mut patience = timeouts.first;
    loop {
        let data = events.next(patience).await?.filter(|data| data != b"[DONE]");
        let Some(data) = data else { break };
        let mut deltas = assembly.push(RawAnswer::parse(&data)?)?;
        deltas.retain(Delta::says);
        if deltas.is_empty() {
            continue;
        }
        patience = timeouts.idle;
        send(sender, Part::Deltas(deltas), timeouts.idle).await?;
    }
    match assembly.is_over() {
        true => Ok((assembly.usage(), events)),
        false => Err(UpstreamError::Broken("it ended without a reason".into())),
    }
}

async fn send(sender: &Sender<Part>, part: Part, idle: Duration) -> Result<(), UpstreamError> {
    match timeout(idle, sender.send(part)).await {
        Ok(Ok(())) => Ok(()),
        // The reader is gone, which the task notices by itself, or too slow.
        _ => Err(UpstreamError::Timeout("to be read by the client")),
    }
}
