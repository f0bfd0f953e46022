//! From what happens to a request to a response.

use crate::paid::Part;
use crate::scheduler::Event;
use axum::Json;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use quern_inference_api::ApiError;
use quern_inference_api::paid::{PROGRESS_EVENT, RECEIPT_EVENT, RECEIPT_HEADER, SignedReceipt, to_header};
use quern_inference_api::response::{FinishReason, Frame, Usage};
use quern_protocol as protocol;
use serde::Serialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// How long a stream waits for its first event before it commits to status 200, and the pause between comments
/// that keep an idle connection open.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where an answer comes from. Dropping it ends the work.
#[derive(Debug)]
pub(super) enum Source {
    /// The engine itself.
    Free(Receiver<Event>),
    /// A paid request's conduct.
    Paid(Receiver<Part>),
}

impl Source {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Part> {
        let dropped = || Part::Failed {
            error: ApiError::internal("The engine dropped the request."),
            receipt: None,
        };
        match self {
            Self::Paid(parts) => parts.poll_recv(context).map(|part| part.unwrap_or_else(dropped)),
            Self::Free(events) => loop {
                let Poll::Ready(event) = events.poll_recv(context) else {
                    return Poll::Pending;
                };
                match event.map(free_part) {
                    Some(Some(part)) => return Poll::Ready(part),
                    Some(None) => {}
                    None => return Poll::Ready(dropped()),
                }
            },
        }
    }

    async fn next(&mut self) -> Part {
        std::future::poll_fn(|context| self.poll(context)).await
    }
}

/// What an engine's event means for an unpaid answer.
fn free_part(event: Event) -> Option<Part> {
    match event {
        Event::Token { text, .. } => (!text.is_empty()).then_some(Part::Text(text)),
        Event::Paused => None,
        Event::End(end) => {
            let usage = Usage::new(end.prompt, end.tokens.len() as u32);
            let finish = match end.finish {
                protocol::FinishReason::Stop => FinishReason::Stop,
                protocol::FinishReason::Length => FinishReason::Length,
                _ => {
                    let reason = end.reason.unwrap_or_else(|| "the request was cancelled".into());
                    let (error, receipt) = (ApiError::unavailable(reason), None);
                    return Some(Part::Failed { error, receipt });
                }
            };
            let receipt = None;
            Some(Part::End {
                finish,
                usage,
                receipt,
            })
        }
    }
}

fn with_receipt(mut response: Response, receipt: Option<Box<SignedReceipt>>) -> Response {
    if let Some(header) = receipt.and_then(|receipt| to_header(&*receipt)) {
        response.headers_mut().insert(RECEIPT_HEADER, header);
    }
    response
}

/// Collects a whole answer.
pub(super) async fn whole(frame: &Frame, mut source: Source) -> Result<Response, ApiError> {
    let mut text = String::new();
    loop {
        match source.next().await {
            Part::Text(piece) => text.push_str(&piece),
            Part::Progress(_) => {}
            Part::End {
                finish,
                usage,
                receipt,
            } => {
                let response = Json(frame.whole(&text, finish, usage)).into_response();
                return Ok(with_receipt(response, receipt));
            }
            Part::Failed { error, receipt } => return Ok(with_receipt(error.into_response(), receipt)),
        }
    }
}

/// Streams an answer. A failure before the first token is still an ordinary error response, so that a router may
/// try elsewhere.
pub(super) async fn stream(
    frame: Frame,
    mut source: Source,
    include_usage: bool,
) -> Result<Response, ApiError> {
    let first = match tokio::time::timeout(PATIENCE, source.next()).await {
        Ok(Part::Failed { error, receipt }) => return Ok(with_receipt(error.into_response(), receipt)),
        first => first.ok(),
    };
    let mut chunks = Chunks {
        frame,
        source,
        include_usage,
        ready: VecDeque::new(),
        over: false,
    };
    if let Some(opening) = chunks.frame.opening() {
        chunks.push(&opening);
    }
    if let Some(part) = first {
        chunks.take(part);
    }
    Ok(Sse::new(chunks)
        .keep_alive(KeepAlive::new().interval(PATIENCE))
        .into_response())
}

/// Server-sent events of one answer. Dropping it cancels the request.
struct Chunks {
    frame: Frame,
    source: Source,
    include_usage: bool,
    ready: VecDeque<sse::Event>,
    over: bool,
}

impl Chunks {
    fn push(&mut self, chunk: &serde_json::Value) {
        self.ready
            .push_back(sse::Event::default().data(chunk.to_string()));
    }

    /// An event with a name of its own, beside OpenAI's.
    fn push_named(&mut self, name: &str, value: &impl Serialize) {
        let json = serde_json::to_string(value).unwrap_or_default();
        self.ready.push_back(sse::Event::default().event(name).data(json));
    }

    fn push_receipt(&mut self, receipt: Option<Box<SignedReceipt>>) {
        if let Some(receipt) = receipt {
            self.push_named(RECEIPT_EVENT, &receipt);
        }
    }

    /// With usage asked for, every chunk says so and the last one brings it.
    fn push_chunk(&mut self, mut chunk: serde_json::Value) {
        if self.include_usage && chunk.get("usage").is_none() {
            chunk["usage"] = serde_json::Value::Null;
        }
        self.push(&chunk);
    }

    fn take(&mut self, part: Part) {
        match part {
            Part::Text(text) => self.push_chunk(self.frame.text(&text)),
            Part::Progress(progress) => self.push_named(PROGRESS_EVENT, &progress),
            Part::End {
                finish,
                usage,
                receipt,
            } => {
                self.push_chunk(self.frame.closing(finish));
                if self.include_usage {
                    self.push_chunk(self.frame.usage(usage));
                }
                self.push_receipt(receipt);
                self.ready.push_back(sse::Event::default().data("[DONE]"));
                self.over = true;
            }
            Part::Failed { error, receipt } => {
                self.push_receipt(receipt);
                self.push(&error.to_json());
                self.over = true;
            }
        }
    }
}

impl Stream for Chunks {
    type Item = Result<sse::Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if self.over {
                return Poll::Ready(None);
            }
            match self.source.poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(part) => self.take(part),
            }
        }
    }
}
