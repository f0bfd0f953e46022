//! The answer of a worker on its way to the client, byte for byte.

use crate::metrics::Metrics;
use crate::pool::InFlight;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use quern_inference_api::ApiError;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Most bytes of an event that is looked at for how a stream ends: errors and the last event are shorter.
const LOOKED_AT: usize = 1 << 14;

/// First frame, then the rest. Dropping it ends the worker's work, because its connection closes.
pub(crate) struct Relay {
    pub(crate) first: Option<Frame<Bytes>>,
    pub(crate) rest: Option<Incoming>,
    /// Of a stream of events, how it ends; a break in one is told as an event.
    pub(crate) events: Option<Ending>,
    pub(crate) metrics: Metrics,
    pub(crate) _in_flight: InFlight,
}

impl Relay {
    /// Counts an answer that broke off, and tells the client of a stream.
    fn broke(&mut self, error: &dyn std::fmt::Display) -> Option<Frame<Bytes>> {
        self.rest = None;
        let ending = self.events.take();
        // An error that was told is counted, and no client reads on behind it.
        if ending.as_ref().is_some_and(|ending| ending.is_over) {
            return None;
        }
        self.metrics.broken.inc();
        tracing::warn!(%error, "a worker's answer broke off");
        // The break may lie inside an event; the empty line ends what was begun.
        ending.map(|_| {
            let error = ApiError::unavailable("The worker broke off; the answer is incomplete.");
            Frame::data(Bytes::from(format!("\n\ndata: {}\n\n", error.to_json())))
        })
    }

    fn look(&mut self, frame: &Frame<Bytes>) {
        if let (Some(ending), Some(data)) = (&mut self.events, frame.data_ref())
            && ending.look(data)
        {
            self.metrics.broken.inc();
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(first) = self.first.take() {
            self.look(&first);
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let frame = match std::task::ready!(Pin::new(rest).poll_frame(context)) {
            Some(Ok(frame)) => {
                self.look(&frame);
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                let events = self.events.is_some();
                let told = self.broke(&error);
                if events { told.map(Ok) } else { Some(Err(error)) }
            }
            // An end that the worker does not name may be anywhere in the answer.
            None if self.events.is_some() => self.broke(&"it ended in the middle").map(Ok),
            None => None,
        };
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        // A stream's end is looked at, too.
        let over = |rest: &Incoming| self.events.is_none() && rest.is_end_stream();
        self.first.is_none() && self.rest.as_ref().is_none_or(over)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.first, &self.rest) {
            (None, Some(rest)) if self.events.is_none() => rest.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

/// Finds the event that ends a stream of OpenAI's chunks, an error or `[DONE]`, in whatever pieces it comes.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// The line that has begun, as far as it is looked at.
    line: Vec<u8>,
    is_over: bool,
}

impl Ending {
    /// Looks at bytes on their way. True if the worker ends the answer by an error that is not the request's own.
    fn look(&mut self, bytes: &[u8]) -> bool {
        let mut failed = false;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LOOKED_AT.saturating_sub(self.line.len());
            self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            if piece.ends_with(b"\n") {
                failed |= self.read();
                self.line.clear();
            }
        }
        failed
    }

    /// Whether the line that ended tells of a failure.
    fn read(&mut self) -> bool {
        let data = self
            .line
            .trim_ascii()
            .strip_prefix(b"data:")
            .map(<[u8]>::trim_ascii);
        let error = match data {
            Some(b"[DONE]") => None,
            Some(data) if data.starts_with(b"{\"error\"") => Some(data),
            _ => return false,
        };
        let first = !std::mem::replace(&mut self.is_over, true);
        let own = |data: &[u8]| {
            serde_json::from_slice::<serde_json::Value>(data)
                .is_ok_and(|value| value["error"]["type"] == "invalid_request_error")
        };
        first && error.is_some_and(|data| !own(data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(stream: &str, cut: usize) -> (bool, bool) {
        let mut ending = Ending::default();
        let mut failed = false;
        for piece in stream.as_bytes().chunks(cut) {
            failed |= ending.look(piece);
        }
        (ending.is_over, failed)
    }

    #[test]
    fn an_end_is_found_in_whatever_pieces_it_comes() {
        let text = r#"data: {"choices":[{"delta":{"content":"data: [DONE]\n\ndata: {\"error\":1}"}}]}"#;
        let failure = r#"data: {"error":{"message":"x","type":"server_error"}}"#;
        let fault = r#"data: {"error":{"message":"x","type":"invalid_request_error"}}"#;
        for cut in [1, 2, 7, 4_096] {
            assert_eq!(end(&format!("{text}\n\n"), cut), (false, false));
            assert_eq!(end(&format!("{text}\n\ndata: [DONE]\n\n"), cut), (true, false));
            assert_eq!(
                end(&format!("{text}\r\n\r\ndata:[DONE]\r\n\r\n"), cut),
                (true, false)
            );
            assert_eq!(
                end(&format!("{text}\n\n{failure}\n\ndata: [DONE]\n\n"), cut),
                (true, true)
            );
            assert_eq!(end(&format!("{text}\n\n{fault}\n\n"), cut), (true, false));
        }
    }

    #[test]
    fn a_line_without_an_end_takes_bounded_memory() {
        let mut ending = Ending::default();
        for _ in 0..100 {
            assert!(!ending.look(&[b'x'; 4_096]));
        }
        assert!(ending.line.len() <= LOOKED_AT);
    }
}
