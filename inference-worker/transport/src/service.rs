//! The HTTP service behind a listener: handlers learn who calls, and the table of connections which of them have a
//! request under way.

use crate::connections::Pulse;
use crate::server::{Peer, SecureListener};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use axum::serve::IncomingStream;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use tower_service::Service;

/// What `axum::serve` takes beside a [`SecureListener`]: the router's answers, whose handlers can ask for
/// `axum::extract::ConnectInfo<Peer>`. A connection with a request under way keeps its place.
pub fn served(router: Router) -> MakeServed {
    MakeServed(router)
}

/// Makes each connection's service; see [`served`].
#[derive(Clone, Debug)]
pub struct MakeServed(Router);

impl Service<IncomingStream<'_, SecureListener>> for MakeServed {
    type Response = Served;
    type Error = Infallible;
    type Future = Ready<Result<Served, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, stream: IncomingStream<'_, SecureListener>) -> Self::Future {
        ready(Ok(Served {
            router: self.0.clone(),
            peer: *stream.remote_addr(),
            pulse: stream.io().pulse(),
        }))
    }
}

/// One connection's service.
#[derive(Clone, Debug)]
pub struct Served {
    router: Router,
    peer: Peer,
    pulse: Arc<Pulse>,
}

impl Service<Request> for Served {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let turn = Arc::new(Turn {
            pulse: self.pulse.clone(),
            state: AtomicU8::new(ARRIVING),
        });
        let over = Over(turn.clone());
        let mut request = request.map(|body| Body::new(Asked::new(body, turn)));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let answer = self.router.call(request);
        Box::pin(async move {
            let response = answer.await?;
            Ok(response.map(|body| Body::new(Answer { body, _over: over })))
        })
    }
}

const ARRIVING: u8 = 0;
const UNDER_WAY: u8 = 1;
const OVER: u8 = 2;

/// One request of a connection. Under way it is only once it is here whole: whoever sends slowly holds no place.
#[derive(Debug)]
struct Turn {
    pulse: Arc<Pulse>,
    state: AtomicU8,
}

impl Turn {
    fn begin(&self) {
        let (order, from, to) = (Ordering::SeqCst, ARRIVING, UNDER_WAY);
        if self.state.compare_exchange(from, to, order, order).is_ok() {
            self.pulse.begin();
        }
    }
}

/// Ends a request when dropped: with the last piece of its answer, or before if its client leaves.
#[derive(Debug)]
struct Over(Arc<Turn>);

impl Drop for Over {
    fn drop(&mut self) {
        if self.0.state.swap(OVER, Ordering::SeqCst) == UNDER_WAY {
            self.0.pulse.end();
        }
    }
}

/// A request's body, whose end is noted.
struct Asked {
    body: Body,
    turn: Arc<Turn>,
}

impl Asked {
    fn new(body: Body, turn: Arc<Turn>) -> Self {
        if body.is_end_stream() {
            turn.begin();
        }
        Self { body, turn }
    }
}

impl HttpBody for Asked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None)) || self.body.is_end_stream() {
            self.turn.begin();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body, with which its request ends.
struct Answer {
    body: Body,
    _over: Over,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
