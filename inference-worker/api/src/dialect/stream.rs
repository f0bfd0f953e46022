//! A chat's stream of events becomes another dialect's, event by event. Comments keep their bytes.

use super::MAX_ANSWER;
use super::answer::{End, end_of, logprobs_of, own_id, thought_of, usage_of};
use crate::error::ApiError;
use crate::response::Usage;
use crate::sse::{Event, Splitter};
use axum::body::{Body, BodyDataStream, HttpBody};
use bytes::Bytes;
use http_body::Frame;
use serde_json::Value;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What an item of an answer weighs beside its text, in bytes.
const ITEM: usize = 1024;

/// A piece of a call: which, id and name with the first piece, and arguments.
type CallPiece = (u64, Option<(String, String)>, String);

/// What one chunk of a chat says.
#[derive(Debug, Default)]
pub(super) struct Delta {
    pub(super) thought: String,
    pub(super) text: String,
    pub(super) logprobs: Vec<Value>,
    pub(super) calls: Vec<CallPiece>,
    pub(super) end: Option<End>,
    pub(super) usage: Option<Usage>,
}

impl Delta {
    /// What keeping it takes, in bytes; `raw` is the length of its chunk.
    fn weight(&self, raw: usize) -> usize {
        match (self.calls.len(), self.logprobs.len()) {
            (0, 0) => self.text.len().saturating_add(self.thought.len()),
            (calls, _) => raw.saturating_add(calls.saturating_mul(ITEM)),
        }
    }
}

/// What all chunks of a stream share.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
}

/// Writes the events of a dialect.
pub(super) trait Translate: Send + Unpin + 'static {
    /// Whether it keeps the answer for its last event. A host may go on for ever.
    const KEEPS: bool;
    /// Before anything else.
    fn begin(&mut self, head: Head, out: &mut String);
    /// More of the answer.
    fn delta(&mut self, delta: Delta, out: &mut String);
    /// The answer is whole.
    fn finish(&mut self, out: &mut String);
    /// The answer broke off, maybe before it began.
    fn fail(&mut self, error: &Value, out: &mut String);
    /// What keeps the connection open while nothing happens.
    fn alive(&self, raw: &str, out: &mut String) {
        out.push_str(raw);
    }
}

/// An event with a name.
pub(super) fn event(out: &mut String, name: &str, data: &Value) {
    out.push_str(&format!("event: {name}\ndata: {data}\n\n"));
}

struct Translated<T> {
    chat: BodyDataStream,
    splitter: Splitter,
    to: T,
    begun: bool,
    over: bool,
    /// Bytes of what is kept.
    kept: usize,
}

/// The body of a dialect's stream, from that of a chat. Dropping it ends the chat.
pub(super) fn translated(chat: Body, to: impl Translate) -> Body {
    Body::new(Translated {
        chat: chat.into_data_stream(),
        splitter: Splitter::default(),
        to,
        begun: false,
        over: false,
        kept: 0,
    })
}

impl<T: Translate> Translated<T> {
    fn take(&mut self, event: &Event, out: &mut String) {
        if self.over {
            // A receipt's id may come after the last chunk.
            return self.comment(event, out);
        }
        if event.data.is_empty() {
            return self.comment(event, out);
        }
        if event.data == "[DONE]" {
            self.over = true;
            return self.to.finish(out);
        }
        let Ok(value) = serde_json::from_str::<Value>(&event.data) else {
            return;
        };
        if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
            self.over = true;
            return self.to.fail(error, out);
        }
        if !self.begun {
            self.begun = true;
            let head = Head {
                id: own_id(&value),
                created: value["created"].as_u64().unwrap_or(0),
                model: value["model"].as_str().unwrap_or_default().to_owned(),
            };
            self.to.begin(head, out);
        }
        let delta = delta(&value);
        self.kept = self.kept.saturating_add(delta.weight(event.data.len()));
        if T::KEEPS && self.kept > MAX_ANSWER {
            self.over = true;
            self.stop();
            let message = "The answer is longer than a response may be; ask for a chat instead.";
            return self
                .to
                .fail(&ApiError::unavailable(message).to_json()["error"], out);
        }
        self.to.delta(delta, out);
    }

    /// Reads no more of the chat, which ends it.
    fn stop(&mut self) {
        self.chat = Body::empty().into_data_stream();
        self.splitter = Splitter::default();
    }

    fn comment(&self, event: &Event, out: &mut String) {
        let raw = String::from_utf8_lossy(&event.raw);
        match raw.trim() {
            ":" if self.begun && !self.over => self.to.alive(&raw, out),
            text if text.starts_with(':') => out.push_str(&raw),
            _ => {}
        }
    }

    /// The chat ended; it should have said so.
    fn close(&mut self, out: &mut String) {
        if !self.over {
            self.over = true;
            let error = ApiError::unavailable("The answer broke off; it is incomplete.").to_json();
            self.to.fail(&error["error"], out);
        }
    }
}

fn delta(value: &Value) -> Delta {
    let choice = &value["choices"][0];
    let words = |value: &Value| value.as_str().map(str::to_owned);
    let call = |call: &Value| {
        let head = words(&call["id"]).zip(words(&call["function"]["name"]));
        let arguments = words(&call["function"]["arguments"]).unwrap_or_default();
        (call["index"].as_u64().unwrap_or(0), head, arguments)
    };
    let calls = choice["delta"]["tool_calls"].as_array();
    Delta {
        thought: thought_of(&choice["delta"]),
        text: words(&choice["delta"]["content"]).unwrap_or_default(),
        logprobs: logprobs_of(choice),
        calls: calls.map_or_else(Vec::new, |calls| calls.iter().map(call).collect()),
        end: end_of(choice),
        usage: usage_of(value),
    }
}

impl<T: Translate> HttpBody for Translated<T> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        use futures_core::Stream;
        loop {
            let mut out = String::new();
            while let Some(event) = self.splitter.next() {
                self.take(&event, &mut out);
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.into()))));
            }
            match Pin::new(&mut self.chat).poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(bytes))) if self.splitter.push(&bytes) => {}
                Poll::Ready(Some(Ok(_)) | Some(Err(_)) | None) => {
                    let ended = self.over;
                    self.close(&mut out);
                    // Nothing more is read of a chat that broke.
                    self.stop();
                    if ended || out.is_empty() {
                        return Poll::Ready(None);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(out.into()))));
                }
            }
        }
    }
}
