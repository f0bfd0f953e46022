//! A connection as the server reads and writes it: what comes and goes is noted, and what no handler sees is refused.

use super::{Connections, Place, Pulse};
use crate::refusal::{Head, Refusal, status_of};
use http::StatusCode;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection that has a place.
#[derive(Debug)]
pub struct Connection<S> {
    pub(super) stream: S,
    pub(super) pulse: Arc<Pulse>,
    pub(super) place: Place,
    pub(super) head: Head,
    pub(super) refusal: Option<Refusal>,
}

impl<S> Connection<S> {
    /// What is known of it from outside.
    pub(crate) fn pulse(&self) -> Arc<Pulse> {
        self.pulse.clone()
    }

    /// Those that it is one of.
    pub(crate) fn all(&self) -> Arc<Connections> {
        self.place.connections.clone()
    }

    /// What is written to refuse the request whose head has begun, and whatever comes after it.
    fn refuse(&mut self, status: StatusCode) -> (&mut S, &mut Refusal) {
        let now = self.place.connections.now().max(1);
        let order = Ordering::SeqCst;
        let Self {
            stream,
            pulse,
            head,
            refusal,
            ..
        } = self;
        let refusal = refusal.get_or_insert_with(|| {
            // Whatever it is, it has no more time than a head.
            let _ = pulse.first.compare_exchange(0, now, order, order);
            Refusal::new(status, head, pulse.refusals.get())
        });
        (stream, refusal)
    }

    /// Whether the server writes an answer of its own, which is swallowed for one of ours.
    fn swallows(&mut self, pieces: &[IoSlice<'_>]) -> Option<usize> {
        let first = pieces.iter().find(|piece| !piece.is_empty())?;
        if self.refusal.is_none() {
            let status = status_of(first).filter(|_| !self.pulse.is_answering())?;
            self.refuse(status);
        }
        Some(pieces.iter().map(|piece| piece.len()).sum())
    }

    /// Notes who waits, and fails if the connection is cut.
    fn await_cut(&self, context: &Context<'_>) -> io::Result<()> {
        let waker = context.waker();
        let mut waiting = self.pulse.waiting();
        waiting.reader = Some(waker.clone());
        waiting.writer = Some(waker.clone());
        drop(waiting);
        // After the wakers are there: whoever cuts from now on wakes them.
        self.pulse.check()
    }

    fn lives(&self) {
        let now = self.place.connections.now();
        self.pulse.last.store(now, Ordering::Relaxed);
    }

    /// Notes that the peer does not take what is written.
    fn noted<T>(&self, polled: Poll<io::Result<T>>, context: &Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_pending() {
            let pulse = &self.pulse;
            pulse.waiting().writer = Some(context.waker().clone());
            // After the waker is there: whoever cuts from now on wakes it.
            pulse.check()?;
            let now = self.place.connections.now().max(1);
            let order = Ordering::SeqCst;
            if pulse.stuck.compare_exchange(0, now, order, order).is_ok() {
                pulse.taken.store(0, order);
            }
        }
        polled
    }

    fn wrote(&self, polled: Poll<io::Result<usize>>, context: &Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes @ 1..)) = &polled {
            self.lives();
            self.pulse.taken.fetch_add(*bytes, Ordering::SeqCst);
        }
        self.noted(polled, context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.refusal.is_some() || self.pulse.is_swamped() {
            self.await_cut(context)?;
            // An earlier answer goes out whole first; the flush that ends it wakes the reader.
            if self.pulse.is_answering() {
                return Poll::Pending;
            }
            let (stream, refusal) = self.refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            // To the server it looks as if the client had left in the middle of its head.
            return refusal.poll_ended(Pin::new(stream), context);
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_pending() {
            self.pulse.waiting().reader = Some(context.waker().clone());
        }
        // After the waker is there: whoever cuts from now on wakes it.
        self.pulse.check()?;
        let more = buffer.filled().get(before..).unwrap_or_default();
        if !more.is_empty() {
            self.lives();
            let now = self.place.connections.now();
            let Self { pulse, head, .. } = &mut *self;
            if pulse.begins_head() {
                *head = Head::default();
            }
            head.hear(more);
            pulse.hears(more, now);
        }
        polled
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pulse.check()?;
        if let Some(all) = self.swallows(&[IoSlice::new(bytes)]) {
            return Poll::Ready(Ok(all));
        }
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pulse.check()?;
        if let Some(all) = self.swallows(pieces) {
            return Poll::Ready(Ok(all));
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.wrote(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refusal.is_some() {
            self.await_cut(context)?;
            let Self { stream, refusal, .. } = &mut *self;
            let written = refusal
                .as_mut()
                .map(|refusal| refusal.poll_written(Pin::new(stream), context));
            return written.unwrap_or(Poll::Ready(Ok(())));
        }
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        if polled.is_ready() {
            // Here and not after each byte that is taken: whoever takes one now and then is stuck.
            self.pulse.stuck.store(0, Ordering::SeqCst);
            self.pulse.flushed();
        }
        self.noted(polled, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refusal.is_some() {
            self.await_cut(context)?;
        }
        let Self { stream, refusal, .. } = &mut *self;
        match refusal {
            Some(refusal) => refusal.poll_ended(Pin::new(stream), context),
            None => Pin::new(stream).poll_shutdown(context),
        }
    }
}
