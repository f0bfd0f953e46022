//! The HTTP service behind a listener: handlers learn who calls, and say of which requests the connection keeps its place.

use crate::connections::{Connection, Connections, Pulse};
use crate::plain::PlainListener;
use crate::server::{Peer, SecureListener};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use http::StatusCode;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use tower_service::Service;

/// What `axum::serve` takes beside a [`SecureListener`] or a [`PlainListener`]: the router's answers, whose handlers can ask
/// for `axum::extract::ConnectInfo<Peer>`, or of a `SocketAddr`, and for the request's [`Turn`] in its extensions.
///
/// Behind a [`PlainListener`] a request begins by itself once it has come whole.
pub fn served(router: Router) -> MakeServed {
    MakeServed(router)
}

/// Makes each connection's service; see [`served`].
#[derive(Clone, Debug)]
pub struct MakeServed(Router);

impl MakeServed {
    fn of<A, S>(&self, peer: A, connection: &Connection<S>, begins: bool) -> Served<A> {
        Served {
            router: self.0.clone(),
            peer,
            pulse: connection.pulse(),
            all: connection.all(),
            begins,
        }
    }
}

impl Service<IncomingStream<'_, SecureListener>> for MakeServed {
    type Response = Served<Peer>;
    type Error = Infallible;
    type Future = Ready<Result<Served<Peer>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, stream: IncomingStream<'_, SecureListener>) -> Self::Future {
        ready(Ok(self.of(*stream.remote_addr(), stream.io(), false)))
    }
}

impl Service<IncomingStream<'_, PlainListener>> for MakeServed {
    type Response = Served<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Served<SocketAddr>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, stream: IncomingStream<'_, PlainListener>) -> Self::Future {
        ready(Ok(self.of(*stream.remote_addr(), stream.io(), true)))
    }
}

/// One connection's service.
#[derive(Clone, Debug)]
pub struct Served<A> {
    router: Router,
    peer: A,
    pulse: Arc<Pulse>,
    all: Arc<Connections>,
    /// Whether what has come whole is under way.
    begins: bool,
}

impl<A: Clone + Send + Sync + 'static> Service<Request> for Served<A> {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let turn = Turn(Arc::new(Shared {
            pulse: self.pulse.clone(),
            state: AtomicU8::new(ASKING),
        }));
        self.pulse.ask();
        let over = Over(turn.clone(), self.all.clone());
        let begins = self.begins.then(|| turn.clone());
        let mut request = request.map(|body| match begins {
            Some(turn) => Body::new(Arriving::of(body, turn)),
            None => body,
        });
        request.extensions_mut().insert(ConnectInfo(self.peer.clone()));
        request.extensions_mut().insert(turn);
        let answer = self.router.call(request);
        let pulse = self.pulse.clone();
        Box::pin(async move {
            // With further requests waiting in it, a connection that is cut would notice only once this one is answered.
            let response = tokio::select! {
                response = answer => response?,
                () = pulse.until_cut() => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            };
            Ok(response.map(|body| Body::new(Answer { body, _over: over })))
        })
    }
}

/// A request's body, with whose end the request begins.
struct Arriving {
    body: Body,
    turn: Turn,
}

impl Arriving {
    fn of(body: Body, turn: Turn) -> Self {
        let arriving = Self { body, turn };
        arriving.note();
        arriving
    }

    fn note(&self) {
        if self.body.is_end_stream() {
            self.turn.begin();
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(None) => self.turn.begin(),
            Poll::Ready(Some(Ok(_))) => self.note(),
            _ => {}
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

const ASKING: u8 = 0;
const UNDER_WAY: u8 = 1;
const OVER: u8 = 2;

/// One request of a connection. Its connection can lose its place to another one until the handler begins it: whoever
/// sends slowly, or asks for what is not given to it, keeps nobody out.
#[derive(Clone, Debug)]
pub struct Turn(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pulse: Arc<Pulse>,
    state: AtomicU8,
}

impl Turn {
    /// The caller is entitled to an answer: its connection keeps its place until it has all of it, or takes nothing more.
    pub fn begin(&self) {
        let (order, from, to) = (Ordering::SeqCst, ASKING, UNDER_WAY);
        if self.0.state.compare_exchange(from, to, order, order).is_ok() {
            self.0.pulse.begin();
        }
    }

    /// Whether it has begun and is not over.
    pub fn is_under_way(&self) -> bool {
        self.0.state.load(Ordering::SeqCst) == UNDER_WAY
    }
}

/// Ends a request when dropped: with the last piece of its answer, or before if its client leaves.
#[derive(Debug)]
struct Over(Turn, Arc<Connections>);

impl Drop for Over {
    fn drop(&mut self) {
        let Shared { pulse, state } = &*self.0.0;
        if state.swap(OVER, Ordering::SeqCst) == UNDER_WAY {
            pulse.end();
        }
        pulse.asked_no_more(self.1.now());
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
