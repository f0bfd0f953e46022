//! Bodies of requests: read whole, within a time, and counted for as long as they are held.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::Status;

use crate::limits::{Places, busy};

/// A body that arrived whole. Its bytes count against those of all others until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    /// The body.
    pub(crate) bytes: Bytes,
    _counted: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most `most` bytes.
///
/// # Errors
/// `OutOfRange` for a longer one, `InvalidArgument` for one that breaks off, `Cancelled` for one that does not
/// arrive in `time`, `ResourceExhausted` where the bodies of other requests leave no room for it: to wait for
/// room with half a body in hand would let some wait for each other.
pub(crate) async fn hold(places: &Places, body: Body, most: usize, time: Duration) -> Result<Held, Status> {
    timeout(time, read(places, body, most))
        .await
        .map_err(|_| Status::cancelled("the request's body did not arrive"))?
}

async fn read(places: &Places, body: Body, most: usize) -> Result<Held, Status> {
    let mut parts = body.into_data_stream();
    let mut bytes = BytesMut::new();
    let mut counted: Option<OwnedSemaphorePermit> = None;
    while let Some(part) = parts.next().await {
        let part = part.map_err(|_| Status::invalid_argument("the request's body broke off"))?;
        if part.len() > most.saturating_sub(bytes.len()) {
            let text = format!("the request's body is longer than {most} bytes");
            return Err(Status::out_of_range(text));
        }
        let more = places.count(part.len()).ok_or_else(busy)?;
        match &mut counted {
            Some(counted) => counted.merge(more),
            None => counted = Some(more),
        }
        bytes.extend_from_slice(&part);
    }
    Ok(Held {
        bytes: bytes.freeze(),
        _counted: counted,
    })
}

#[cfg(test)]
mod tests {
    use super::hold;
    use crate::limits::{Limits, Places};
    use axum::body::Body;
    use std::convert::Infallible;
    use std::time::Duration;
    use tonic::Code;

    const SOON: Duration = Duration::from_millis(50);

    fn places(bodies: usize) -> Places {
        Places::new(Limits {
            bodies,
            ..Limits::for_cores(2)
        })
    }

    /// Two parts, and then nothing more, without an end.
    fn stalled() -> Body {
        let parts = tokio_stream::iter([Ok::<_, Infallible>("1234"), Ok("5678")]);
        Body::from_stream(tokio_stream::StreamExt::chain(parts, tokio_stream::pending()))
    }

    #[tokio::test]
    async fn bodies_count_until_they_are_dropped() {
        let places = places(10);
        let first = hold(&places, Body::from("12345678"), 10, SOON).await.unwrap();
        assert_eq!(&first.bytes[..], b"12345678");
        let refused = hold(&places, Body::from("123"), 10, SOON).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        hold(&places, Body::empty(), 10, SOON).await.unwrap();
        drop(first);
        hold(&places, Body::from("1234567890"), 10, SOON).await.unwrap();
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_is_given_up_and_makes_room() {
        let places = places(8);
        let late = hold(&places, stalled(), 10, SOON).await.unwrap_err();
        assert_eq!(late.code(), Code::Cancelled);
        hold(&places, Body::from("12345678"), 10, SOON).await.unwrap();
    }

    #[tokio::test]
    async fn a_long_body_is_refused_before_it_is_held_whole() {
        let places = places(100);
        let long = hold(&places, stalled(), 7, SOON).await.unwrap_err();
        assert_eq!(long.code(), Code::OutOfRange);
    }
}
