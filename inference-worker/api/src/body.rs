//! Reading a request's body.

use crate::MAX_BODY;
use crate::error::ApiError;
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use std::time::Duration;

/// Bytes of an oversized body that are read and thrown away, so that its sender lives to see the refusal instead
/// of a broken connection.
const DRAIN: usize = 16 * MAX_BODY;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a whole body of at most [`MAX_BODY`] bytes.
///
/// # Errors
/// When the body is larger, breaks off, or takes more than 30 seconds to arrive.
pub async fn read_body(body: Body) -> Result<Bytes, ApiError> {
    read_within(body, PATIENCE).await
}

async fn read_within(body: Body, patience: Duration) -> Result<Bytes, ApiError> {
    let read = tokio::time::timeout(patience, collect(body)).await;
    read.unwrap_or_else(|_| Err(ApiError::slow(patience.as_secs())))
}

async fn collect(mut body: Body) -> Result<Bytes, ApiError> {
    let (mut data, mut total) = (Vec::new(), 0usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::body("The request body broke off."))?;
        let Some(piece) = frame.data_ref() else { continue };
        total = total.saturating_add(piece.len());
        if total <= MAX_BODY {
            data.extend_from_slice(piece);
        } else if total > DRAIN {
            break;
        }
    }
    if total > MAX_BODY {
        Err(ApiError::too_large(MAX_BODY))
    } else {
        Ok(data.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Frame;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// Some bytes, and never an end.
    struct Stalled(Option<Bytes>);

    impl http_body::Body for Stalled {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let bytes = self.0.take();
            bytes.map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(Frame::data(bytes)))))
        }
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let body = Body::new(Stalled(Some(Bytes::from_static(b"{"))));
        let error = read_within(body, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(
            (error.status.as_u16(), error.code),
            (408, Some("request_timeout"))
        );
        assert_eq!(read_body(Body::from("{}")).await.unwrap(), "{}");
    }
}
