//! The answer of a worker on its way to the client, byte for byte.

use crate::metrics::Metrics;
use crate::pool::InFlight;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use quern_inference_api::ApiError;
use std::pin::Pin;
use std::task::{Context, Poll};

/// First frame, then the rest. Dropping it ends the worker's work, because its connection closes.
pub(crate) struct Relay {
    pub(crate) first: Option<Frame<Bytes>>,
    pub(crate) rest: Option<Incoming>,
    /// Whether the answer is a stream of events; a break in one is told as an event.
    pub(crate) events: bool,
    pub(crate) metrics: Metrics,
    pub(crate) _in_flight: InFlight,
}

impl Body for Relay {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        match Pin::new(rest).poll_frame(context) {
            Poll::Ready(Some(Err(error))) => {
                self.metrics.broken.inc();
                self.rest = None;
                tracing::warn!(%error, "a worker's answer broke off");
                if !self.events {
                    return Poll::Ready(Some(Err(error)));
                }
                // The break may lie inside an event; the empty line ends what was begun.
                let error = ApiError::unavailable("The worker broke off; the answer is incomplete.");
                let event = format!("\n\ndata: {}\n\n", error.to_json());
                Poll::Ready(Some(Ok(Frame::data(Bytes::from(event)))))
            }
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.first, &self.rest) {
            (None, Some(rest)) => rest.size_hint(),
            _ => SizeHint::default(),
        }
    }
}
