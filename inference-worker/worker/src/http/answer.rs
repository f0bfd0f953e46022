//! From events of the scheduler to a response.

use crate::scheduler::Event;
use axum::Json;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use quern_inference_api::ApiError;
use quern_inference_api::response::Frame;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

/// How long a stream waits for its first event before it commits to status 200, and the pause between comments
/// that keep an idle connection open.
const PATIENCE: Duration = Duration::from_secs(5);

/// Collects a whole answer.
pub(super) async fn whole(frame: &Frame, mut events: Receiver<Event>) -> Result<Response, ApiError> {
    let mut text = String::new();
    while let Some(event) = events.recv().await {
        match event {
            Event::Text(piece) => text.push_str(&piece),
            Event::Done { finish, usage } => {
                return Ok(Json(frame.whole(&text, finish, usage)).into_response());
            }
            Event::Failed(reason) => return Err(ApiError::unavailable(reason)),
        }
    }
    Err(ApiError::internal("The engine dropped the request."))
}

/// Streams an answer. A failure before the first token is still an ordinary error response, so that a router may
/// try elsewhere.
pub(super) async fn stream(
    frame: Frame,
    mut events: Receiver<Event>,
    include_usage: bool,
) -> Result<Response, ApiError> {
    let first = match tokio::time::timeout(PATIENCE, events.recv()).await {
        Ok(Some(Event::Failed(reason))) => return Err(ApiError::unavailable(reason)),
        Ok(None) => return Err(ApiError::internal("The engine dropped the request.")),
        Ok(event) => event,
        Err(_) => None,
    };
    let mut chunks = Chunks {
        frame,
        events,
        include_usage,
        ready: VecDeque::new(),
        over: false,
    };
    if let Some(opening) = chunks.frame.opening() {
        chunks.push(&opening);
    }
    if let Some(event) = first {
        chunks.take(event);
    }
    Ok(Sse::new(chunks)
        .keep_alive(KeepAlive::new().interval(PATIENCE))
        .into_response())
}

/// Server-sent events of one answer. Dropping it cancels the request.
struct Chunks {
    frame: Frame,
    events: Receiver<Event>,
    include_usage: bool,
    ready: VecDeque<sse::Event>,
    over: bool,
}

impl Chunks {
    fn push(&mut self, chunk: &serde_json::Value) {
        self.ready
            .push_back(sse::Event::default().data(chunk.to_string()));
    }

    /// With usage asked for, every chunk says so and the last one brings it.
    fn push_chunk(&mut self, mut chunk: serde_json::Value) {
        if self.include_usage && chunk.get("usage").is_none() {
            chunk["usage"] = serde_json::Value::Null;
        }
        self.push(&chunk);
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Text(text) => self.push_chunk(self.frame.text(&text)),
            Event::Done { finish, usage } => {
                self.push_chunk(self.frame.closing(finish));
                if self.include_usage {
                    self.push_chunk(self.frame.usage(usage));
                }
                self.ready.push_back(sse::Event::default().data("[DONE]"));
                self.over = true;
            }
            Event::Failed(reason) => {
                self.push(&ApiError::unavailable(reason).to_json());
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
            match self.events.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(event)) => self.take(event),
                Poll::Ready(None) => self.take(Event::Failed("the engine dropped the request".into())),
            }
        }
    }
}
