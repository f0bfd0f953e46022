//! Reads a stream of the engine on a task of its own, so that a client that leaves, or reads too slowly, ends it.

use super::Remote;
use super::answer::Order;
use crate::client::Events;
use crate::config::Timeouts;
use crate::error::UpstreamError;
use crate::wire::{Assembly, Delta, RawAnswer};
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
    /// Nothing follows.
    Failed(UpstreamError),
}

/// A stream's question.
struct Question {
    path: &'static str,
    body: Value,
    choices: u32,
    number: u64,
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
    };
    let permit = order.permit;
    tokio::spawn(async move {
        let active = remote.metrics.begin();
        let Timeouts { whole, idle, .. } = remote.upstream.config().timeouts;
        let pumped = tokio::select! {
            () = sender.closed() => None,
            pumped = timeout(whole, pump(&remote, &question, &sender)) => Some(pumped),
        };
        let failed = match pumped {
            None => return remote.metrics.count("cancelled"),
            Some(Ok(Ok(()))) => None,
            Some(Ok(Err(error))) => Some(error),
            Some(Err(_)) => Some(UpstreamError::Timeout("for a whole answer")),
        };
        // Before the reader hears of the end, so that its next request finds the slot free.
        drop((permit, active));
        if let Some(error) = failed {
            let _ = timeout(idle, sender.send(Part::Failed(error))).await;
        }
    });
    receiver
}

async fn pump(remote: &Remote, question: &Question, sender: &Sender<Part>) -> Result<(), UpstreamError> {
    let timeouts = remote.upstream.config().timeouts;
    let response = remote.upstream.post(question.path, &question.body).await?;
    let mut events = Events::new(response.into_body());
    let mut assembly = Assembly::new(question.choices, question.number);
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
    if !assembly.is_over() {
        return Err(UpstreamError::Broken("it ended without a reason".into()));
    }
    send(sender, Part::End(assembly.usage()), timeouts.idle).await?;
    let _ = events.next(TAIL).await;
    Ok(())
}

async fn send(sender: &Sender<Part>, part: Part, idle: Duration) -> Result<(), UpstreamError> {
    match timeout(idle, sender.send(part)).await {
        Ok(Ok(())) => Ok(()),
        // The reader is gone, which the task notices by itself, or too slow.
        _ => Err(UpstreamError::Timeout("to be read by the client")),
    }
}
