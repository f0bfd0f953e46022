//! One request: choose a worker, send, and try the next one until the first bytes of an answer are there.

use crate::affinity::Key;
use crate::body::{Ending, Relay};
use crate::metrics::Metrics;
use crate::pool::{Pool, Worker};
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use quern_inference_api::dialect::PROMPT_TOKENS_HEADER;
use quern_inference_api::error::SHOULD_RETRY;
use quern_inference_api::listing::TIER_HEADER;
use quern_inference_api::{ApiError, pace};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Most workers that one request is offered to.
const ATTEMPTS: usize = 3;

/// Headers of a worker's answer that are the client's too.
const KEPT: [&str; 5] = [
    "x-request-id",
    SHOULD_RETRY,
    "x-accel-buffering",
    TIER_HEADER,
    PROMPT_TOKENS_HEADER,
];

/// How one worker answered.
enum Attempt {
    Answered(Response),
    /// Full: others may have room, and the worker is well.
    Busy(u32),
    Failed(String),
}

/// A checked request for the workers of a model.
#[derive(Clone, Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) path: &'a str,
    pub(crate) model: &'a str,
    /// The word that parts cached prompts.
    pub(crate) part: &'a str,
    /// Whose next turn it is, if it is one.
    pub(crate) conversation: Option<Key>,
    /// When its time is over.
    pub(crate) deadline: Option<Instant>,
    pub(crate) body: Bytes,
}

/// Sends a request to the workers of its model in turn.
pub(crate) async fn forward(pool: &Pool, metrics: &Metrics, sent: Sent<'_>) -> Result<Response, ApiError> {
    let (model, conversation) = (sent.model, sent.conversation);
    let candidates = pool.candidates(model, conversation.as_ref());
    if candidates.is_empty() {
        let (alive, all) = pool.alive();
        return Err(if alive == all {
            ApiError::no_model(model)
        } else {
            let message =
                format!("No worker that serves `{model}` is answering ({alive} of {all} workers are up).");
            ApiError::unavailable(message)
        });
    }
    let mut busy = None;
    for (index, worker) in candidates.into_iter().take(ATTEMPTS).enumerate() {
        if index > 0 {
            metrics.retries.inc();
        }
        let left = sent
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(ApiError::late());
        }
        match attempt(pool, metrics, &worker, &sent, left).await {
            Attempt::Answered(response) => {
                if let Some(conversation) = conversation.filter(|_| response.status().is_success()) {
                    pool.serves(conversation, &worker);
                }
                return Ok(response);
            }
            // The least that any of them says.
            Attempt::Busy(after) => busy = Some(busy.map_or(after, |least: u32| least.min(after))),
            Attempt::Failed(reason) => {
                tracing::warn!(worker = worker.url(), reason, "attempt failed");
            }
        }
    }
    match busy {
        Some(after) => Err(ApiError::busy(after)),
        None => Err(ApiError::unavailable(
            "No worker could answer; retry in a moment.",
        )),
    }
}

async fn attempt(
    pool: &Pool,
    metrics: &Metrics,
    worker: &Arc<Worker>,
    sent: &Sent<'_>,
    left: Option<Duration>,
) -> Attempt {
    let in_flight = worker.begin();
    let answer = match pool
        .post(worker, (sent.path, sent.part), left, sent.body.clone())
        .await
    {
        Ok(answer) => answer,
        Err(error) => {
            worker.mark_down();
            return Attempt::Failed(format!("{error:#}"));
        }
    };
    let status = answer.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Attempt::Busy(pace::told(answer.headers()).unwrap_or(1));
    }
    if status.is_server_error() {
        return Attempt::Failed(format!("status {status}"));
    }
    let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
    let events = kind
        .as_ref()
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let length = answer.headers().get(header::CONTENT_LENGTH).cloned();
    let kept = KEPT.map(|name| (name, answer.headers().get(name).cloned()));
    // Headers promise nothing: only bytes of the answer do.
    let mut rest = answer.into_body();
    let first = match rest.frame().await {
        Some(Ok(frame)) => frame,
        Some(Err(error)) => return Attempt::Failed(error.to_string()),
        None => return Attempt::Failed("an empty answer".into()),
    };
    let relay = Relay {
        first: Some(first),
        rest: Some(rest),
        events: events.then(Ending::default),
        metrics: metrics.clone(),
        _in_flight: in_flight,
    };
    let mut response = Response::new(Body::new(relay));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(kind) = kind {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    for (name, value) in kept {
        headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
    }
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    if events {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    Attempt::Answered(response)
}
