//! Reading a request's body.

use crate::MAX_BODY;
use crate::error::ApiError;
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of a body that cannot be kept that are read and thrown away, so that its sender lives to see the refusal instead
/// of a broken connection.
const DRAIN: usize = 16 * MAX_BODY;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of a body that there is always room for, and by which a longer one asks for more.
const STEP: usize = 1 << 16;
/// Room for all bodies that are on their way, beyond the first step of each: 256 MiB.
static ROOM: Semaphore = Semaphore::const_new(4_096);

/// Reads a whole body of at most [`MAX_BODY`] bytes.
///
/// # Errors
/// When the body is larger, breaks off, takes more than 30 seconds to arrive, or is long while too many such are on
/// their way.
pub async fn read_body(body: Body) -> Result<Bytes, ApiError> {
    read_within(body, PATIENCE, &ROOM).await
}

async fn read_within(body: Body, patience: Duration, room: &Semaphore) -> Result<Bytes, ApiError> {
    let read = tokio::time::timeout(patience, collect(body, room)).await;
    read.unwrap_or_else(|_| Err(ApiError::slow(patience.as_secs())))
}

/// What a body has of the room.
struct Share<'a> {
    room: &'a Semaphore,
    bytes: usize,
    held: Vec<SemaphorePermit<'a>>,
}

impl Share<'_> {
    /// Takes what so many bytes need, if it is to be had.
    fn fits(&mut self, bytes: usize) -> bool {
        while bytes > self.bytes {
            let Ok(more) = self.room.try_acquire() else {
                self.held.clear();
                return false;
            };
            self.held.push(more);
            self.bytes = self.bytes.saturating_add(STEP);
        }
        true
    }
}

async fn collect(mut body: Body, room: &Semaphore) -> Result<Bytes, ApiError> {
    let (mut data, mut total, mut crowded) = (Vec::new(), 0usize, false);
    let mut share = Share {
        room,
        bytes: STEP,
        held: Vec::new(),
    };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::body("The request body broke off."))?;
        let Some(piece) = frame.data_ref() else { continue };
        total = total.saturating_add(piece.len());
        if total > DRAIN {
            break;
        }
        crowded = crowded || total > MAX_BODY || !share.fits(total);
        match crowded {
            true => data = Vec::new(),
            false => data.extend_from_slice(piece),
        }
    }
    match crowded {
        _ if total > MAX_BODY => Err(ApiError::too_large(MAX_BODY)),
        true => Err(ApiError::busy(1)),
        false => Ok(data.into()),
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
        let error = read_within(body, Duration::from_millis(20), &ROOM)
            .await
            .unwrap_err();
        assert_eq!(
            (error.status.as_u16(), error.code),
            (408, Some("request_timeout"))
        );
        assert_eq!(read_body(Body::from("{}")).await.unwrap(), "{}");
    }

    #[tokio::test]
    async fn bodies_on_their_way_have_so_much_room_together_and_short_ones_always() {
        let room = Semaphore::new(3);
        let stalled = |bytes| Body::new(Stalled(Some(Bytes::from(vec![b'x'; bytes]))));
        let minute = Duration::from_secs(60);
        let mut long = std::pin::pin!(read_within(stalled(3 * STEP), minute, &room));
        let waited = tokio::time::timeout(Duration::from_millis(20), &mut long).await;
        assert!(waited.is_err(), "{waited:?}");
        assert_eq!(room.available_permits(), 1);
        let refused = read_within(Body::from(vec![b'x'; 3 * STEP]), minute, &room)
            .await
            .unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.retry_after), (429, Some(1)));
        for bytes in [STEP, 2 * STEP] {
            let body = Body::from(vec![b'x'; bytes]);
            assert_eq!(read_within(body, minute, &room).await.unwrap().len(), bytes);
        }
        assert_eq!(room.available_permits(), 1);
    }
}
