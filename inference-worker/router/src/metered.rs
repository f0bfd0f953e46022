//! What an answer used of its holder's rate of tokens, read off while it passes byte for byte.

use crate::paid::sse::chunk;
use crate::rates::Reserved;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header;
use http_body::{Frame, SizeHint};
use quern_inference_api::sse::Splitter;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Longest answer in one piece that is read.
const MAX_WHOLE: usize = 16 << 20;

/// An answer whose tokens are counted, until it is dropped.
struct Metered {
    inner: Body,
    reserved: Option<Reserved>,
    reading: Reading,
}

enum Reading {
    /// Events, the chunks of output so far, and the usage that one told.
    Events(Splitter, u32, Option<u32>),
    /// An answer in one piece.
    Whole(Vec<u8>),
    /// What cannot be counted.
    Lost,
}

/// Counts what an answer uses; one that is no success uses nothing.
pub(crate) fn metered(reserved: Option<Reserved>, response: Response) -> Response {
    let Some(reserved) = reserved.filter(|_| response.status().is_success()) else {
        return response;
    };
    let kind = response.headers().get(header::CONTENT_TYPE);
    let events = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    let reading = match events {
        true => Reading::Events(Splitter::default(), 0, None),
        false => Reading::Whole(Vec::new()),
    };
    response.map(|inner| {
        let reserved = Some(reserved);
        Body::new(Metered {
            inner,
            reserved,
            reading,
        })
    })
}

impl Reading {
    fn take(&mut self, data: &[u8]) {
        match self {
            Self::Events(splitter, chunks, usage) => {
                let fits = splitter.push(data);
                while let Some(event) = splitter.next() {
                    // The name tells that it is none of OpenAI's chunks.
                    if event.name.is_empty() && !event.data.is_empty() {
                        *chunks = chunks.saturating_add(u32::from(chunk(&event).token));
                        *usage = total(event.data.as_bytes()).or(*usage);
                    }
                }
                if !fits {
                    *self = Self::Lost;
                }
            }
            Self::Whole(body) if body.len().saturating_add(data.len()) <= MAX_WHOLE => {
                body.extend_from_slice(data)
            }
            Self::Whole(_) => *self = Self::Lost,
            Self::Lost => {}
        }
    }
}

/// Tokens that an answer or a chunk reports.
fn total(body: &[u8]) -> Option<u32> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    u32::try_from(answer["usage"]["total_tokens"].as_u64()?).ok()
}

impl Drop for Metered {
    fn drop(&mut self) {
        let Some(reserved) = self.reserved.take() else {
            return;
        };
        let used = match &self.reading {
            // A chunk has one token, or few.
            Reading::Events(_, chunks, usage) => {
                Some(usage.unwrap_or(reserved.prompt.saturating_add(*chunks)))
            }
            Reading::Whole(body) => total(body),
            Reading::Lost => None,
        };
        match used {
            Some(used) => reserved.settle(used),
            None => reserved.settle_unknown(),
        }
    }
}

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.reading.take(data);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
