//! Connections that stand, so many at most that idle ones cannot use up the process' files.
//!
//! A new connection takes the place of the one of its own address that has been idle for longest if the address has all
//! its places, or, if all are taken, that of the idlest one of the address with most. A client whose idle connection was
//! closed makes a new one. A connection with a request under way, from when its handler begins it to the last byte of the
//! answer, is not idle, however long the answer takes; only a peer that does not take what is written for a while loses its
//! place. Where requests are under way on all, the newcomer is refused. What a handler has not begun keeps no place, so that
//! strangers, who can ask but get nothing, keep nobody out.
//!
//! Whether or not places are short, a connection ends whose client takes too long over the head of a request, asks nothing
//! for long, or takes next to nothing of an answer.

use crate::handshakes::{Places, network};
use crate::refusal::Refusal;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// Most bytes of a request's head.
pub(crate) const MAX_HEAD: usize = 1 << 16;
/// Bytes of an answer that a peer takes in [`Limits::gone`] at the least, once it is behind.
const LEAST_TAKEN: usize = 1 << 16;
/// Pause between two looks at all connections.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// Of a head has come nothing but empty lines, which may go before it.
const BEFORE: u8 = 0;
/// Something of a line.
const WITHIN: u8 = 1;
/// A line, and nothing of the next.
const BETWEEN: u8 = 2;
/// The empty line that ends it.
const ENDED: u8 = 3;

/// How far a head has come with these bytes.
fn through(line: u8, bytes: &[u8]) -> u8 {
    bytes.iter().fold(line, |line, byte| match (line, byte) {
        (ENDED, _) | (BETWEEN, b'\n') => ENDED,
        (BEFORE, b'\r' | b'\n') => BEFORE,
        (WITHIN, b'\n') | (BETWEEN, b'\r') => BETWEEN,
        _ => WITHIN,
    })
}

/// How long a peer may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For what is written of an answer, before its connection counts as idle.
    pub(crate) patience: Duration,
    /// For the next [`LEAST_TAKEN`] bytes of an answer, before its connection ends.
    pub(crate) gone: Duration,
    /// For a request's head, from its first byte; for a connection's first request, from its beginning.
    pub(crate) head: Duration,
    /// Between two requests.
    pub(crate) idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(15),
            gone: Duration::from_secs(60),
            head: Duration::from_secs(20),
            // Longer than clients keep one, so that few meet one that just ends.
            idle: Duration::from_secs(300),
        }
    }
}

/// The connections that stand.
#[derive(Debug)]
pub(crate) struct Connections {
    places: Places,
    limits: Limits,
    began: Instant,
    live: Mutex<Live>,
}

#[derive(Debug, Default)]
struct Live {
    next: u64,
    by_address: HashMap<IpAddr, BTreeMap<u64, Arc<Pulse>>>,
    count: usize,
}

/// What is known of a connection from outside.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Milliseconds from the beginning to the last byte.
    last: AtomicU64,
    /// Requests that were begun and are not over.
    requests: AtomicUsize,
    /// Whether the end of such a one's answer may still be on its way to the peer.
    ending: AtomicBool,
    /// Since when the peer has not taken all that was written, in milliseconds from the beginning; 0 while it has.
    stuck: AtomicU64,
    /// Since when it is looked whether the peer takes anything, and the bytes that it has taken since.
    watched: AtomicU64,
    taken: AtomicUsize,
    /// Requests that the server has whole heads of and that are not over.
    asked: AtomicUsize,
    /// Since when there is none, and the bytes that have come since.
    quiet: AtomicU64,
    heard: AtomicUsize,
    /// When the first of them came; 0 if there is none.
    first: AtomicU64,
    /// How far they are through a head, as [`through`] tells.
    line: AtomicU8,
    /// Whether it has asked for anything yet.
    known: AtomicBool,
    cut: AtomicBool,
    waiting: Mutex<Waiting>,
    /// Tells handlers that they work for nobody.
    gone: Notify,
}

/// Who waits for the socket.
#[derive(Debug, Default)]
struct Waiting {
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pulse {
    /// A request is under way.
    pub(crate) fn begin(&self) {
        self.requests.fetch_add(1, Ordering::SeqCst);
    }

    /// Its answer is written, or its client has left.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
        self.requests.fetch_sub(1, Ordering::SeqCst);
    }

    /// The head of a request has come.
    pub(crate) fn ask(&self) {
        self.known.store(true, Ordering::SeqCst);
        self.asked.fetch_add(1, Ordering::SeqCst);
    }

    /// A request whose head had come is over at a moment.
    pub(crate) fn asked_no_more(&self, now: u64) {
        self.quiet.store(now, Ordering::SeqCst);
        self.first.store(0, Ordering::SeqCst);
        self.heard.store(0, Ordering::SeqCst);
        self.line.store(BEFORE, Ordering::SeqCst);
        self.asked.fetch_sub(1, Ordering::SeqCst);
    }

    /// Why the connection ends at a moment, whoever else wants its place.
    fn is_over(&self, now: u64, limits: &Limits) -> Option<&'static str> {
        let passed = |since: u64, limit: Duration| u128::from(now.saturating_sub(since)) >= limit.as_millis();
        let load = |number: &AtomicU64| number.load(Ordering::SeqCst);
        let stuck = load(&self.stuck);
        if stuck > 0 {
            let since = load(&self.watched).max(stuck);
            if !passed(since, limits.gone) {
                return None;
            }
            if self.taken.swap(0, Ordering::SeqCst) < LEAST_TAKEN {
                return Some("its peer takes next to nothing of the answer");
            }
            self.watched.store(now, Ordering::SeqCst);
            return None;
        }
        if self.asked.load(Ordering::SeqCst) > 0 || self.ending.load(Ordering::SeqCst) {
            return None;
        }
        match load(&self.first) {
            0 if self.known.load(Ordering::SeqCst) => {
                passed(load(&self.quiet), limits.idle).then_some("nothing is asked")
            }
            0 => passed(load(&self.quiet), limits.head).then_some("nothing was ever asked"),
            first => passed(first, limits.head).then_some("the head of a request does not end"),
        }
    }

    /// Notes bytes that came.
    fn hears(&self, bytes: &[u8], now: u64) {
        if self.asked.load(Ordering::SeqCst) == 0 {
            self.heard.fetch_add(bytes.len(), Ordering::SeqCst);
            let order = Ordering::SeqCst;
            self.line.store(through(self.line.load(order), bytes), order);
            let _ = self.first.compare_exchange(0, now.max(1), order, order);
        }
    }

    /// Whether a request's head is longer than any may be. Bytes of its body may be read before its handler is asked.
    fn is_swamped(&self) -> bool {
        self.heard.load(Ordering::SeqCst) >= MAX_HEAD
            && self.line.load(Ordering::SeqCst) != ENDED
            && self.asked.load(Ordering::SeqCst) == 0
    }

    /// Whether the connection may be cut at a moment.
    fn is_idle(&self, now: u64, patience: Duration) -> bool {
        let serves = self.requests.load(Ordering::SeqCst) > 0 || self.ending.load(Ordering::SeqCst);
        let stuck = match self.stuck.load(Ordering::SeqCst) {
            0 => false,
            since => u128::from(now.saturating_sub(since)) >= patience.as_millis(),
        };
        !serves || stuck
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        let Waiting { reader, writer } = std::mem::take(&mut *self.waiting());
        reader.into_iter().chain(writer).for_each(Waker::wake);
        self.gone.notify_waiters();
    }

    /// Waits until the connection is cut.
    pub(crate) async fn until_cut(&self) {
        let mut gone = std::pin::pin!(self.gone.notified());
        gone.as_mut().enable();
        if !self.cut.load(Ordering::SeqCst) {
            gone.await;
        }
    }

    fn check(&self) -> io::Result<()> {
        match self.cut.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }
}

impl Connections {
    pub(crate) fn new(places: Places, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            places,
            limits,
            began: Instant::now(),
            live: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Milliseconds from the beginning.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A place for a connection, at the cost of an idle one if there is none; none where none is idle.
    pub(crate) fn open<S>(self: &Arc<Self>, stream: S, address: IpAddr) -> Option<Connection<S>> {
        let (address, pulse, now) = (network(address), Arc::new(Pulse::default()), self.now());
        pulse.last.store(now, Ordering::Relaxed);
        pulse.quiet.store(now, Ordering::Relaxed);
        let mut live = self.lock();
        let idle = |pulse: &Pulse| pulse.is_idle(now, self.limits.patience);
        if live.by_address.get(&address).map_or(0, BTreeMap::len) >= self.places.of(address) {
            let number = live.idlest_of(address, &idle)?;
            live.cut(address, number);
        } else if live.count >= self.places.all {
            let (other, number) = live.idlest_of_most(&idle)?;
            live.cut(other, number);
        }
        let number = live.next;
        live.next = live.next.wrapping_add(1);
        live.by_address
            .entry(address)
            .or_default()
            .insert(number, pulse.clone());
        live.count = live.count.saturating_add(1);
        drop(live);
        let place = Place {
            connections: self.clone(),
            address,
            number,
        };
        Some(Connection {
            stream,
            pulse,
            place,
            refusal: Refusal::default(),
        })
    }

    /// Ends those whose peers take too long.
    pub(crate) fn look(&self) {
        let now = self.now();
        let mut live = self.lock();
        let mut over = Vec::new();
        for (address, own) in &live.by_address {
            for (number, pulse) in own {
                if let Some(reason) = pulse.is_over(now, &self.limits) {
                    tracing::debug!(%address, reason, "a connection ends");
                    over.push((*address, *number));
                }
            }
        }
        for (address, number) in over {
            live.cut(address, number);
        }
    }

    /// Connections that stand.
    #[cfg(test)]
    pub(crate) fn standing(&self) -> usize {
        self.lock().count
    }

    /// Requests under way, with those whose answer's end is on its way.
    #[cfg(test)]
    pub(crate) fn under_way(&self) -> usize {
        let live = self.lock();
        let all = live.by_address.values().flat_map(BTreeMap::values);
        all.map(|pulse| {
            let ending = usize::from(pulse.ending.load(Ordering::SeqCst));
            pulse.requests.load(Ordering::SeqCst) + ending
        })
        .sum()
    }
}

impl Live {
    fn idlest_of(&self, address: IpAddr, idle: &impl Fn(&Pulse) -> bool) -> Option<u64> {
        let own = self.by_address.get(&address)?.iter();
        let idlest = own
            .filter(|(_, pulse)| idle(pulse))
            .min_by_key(|(_, pulse)| pulse.last.load(Ordering::Relaxed));
        idlest.map(|(number, _)| *number)
    }

    /// Of the address with most connections, among those with an idle one.
    fn idlest_of_most(&self, idle: &impl Fn(&Pulse) -> bool) -> Option<(IpAddr, u64)> {
        let with_idle = self
            .by_address
            .iter()
            .filter(|(_, own)| own.values().any(|pulse| idle(pulse)));
        let (most, _) = with_idle.max_by_key(|(_, own)| own.len())?;
        Some((*most, self.idlest_of(*most, idle)?))
    }

    fn cut(&mut self, address: IpAddr, number: u64) {
        if let Some(pulse) = self.forget(address, number) {
            pulse.cut();
        }
    }

    fn forget(&mut self, address: IpAddr, number: u64) -> Option<Arc<Pulse>> {
        let own = self.by_address.get_mut(&address)?;
        let pulse = own.remove(&number)?;
        self.count = self.count.saturating_sub(1);
        if own.is_empty() {
            self.by_address.remove(&address);
        }
        Some(pulse)
    }
}

/// A connection's place, given back when it is dropped.
#[derive(Debug)]
struct Place {
    connections: Arc<Connections>,
    address: IpAddr,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().forget(self.address, self.number);
    }
}

/// A connection that has a place.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    pulse: Arc<Pulse>,
    place: Place,
    refusal: Refusal,
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
        if self.pulse.is_swamped() {
            self.pulse.waiting().reader = Some(context.waker().clone());
            self.pulse.check()?;
            let Self { stream, refusal, .. } = &mut *self;
            // To the server it looks as if the client had left in the middle of its head.
            return refusal.poll(Pin::new(stream), context);
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
            self.pulse.hears(more, self.place.connections.now());
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pulse.check()?;
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pulse.check()?;
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.wrote(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        if polled.is_ready() {
            // Here and not after each byte that is taken: whoever takes one now and then is stuck.
            self.pulse.stuck.store(0, Ordering::SeqCst);
            self.pulse.ending.store(false, Ordering::SeqCst);
        }
        self.noted(polled, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_its_first_empty_line_behind_a_line() {
        for (bytes, line) in [
            ("", BEFORE),
            ("\r\n\n\r\n", BEFORE),
            ("\r\nGET / HTTP/1.1", WITHIN),
            ("GET / HTTP/1.1\r\nHost: x\r\n", BETWEEN),
            ("GET / HTTP/1.1\r\nHost: x\r\n\r", BETWEEN),
            ("GET / HTTP/1.1\nHost: x\n\n", ENDED),
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\nbody", ENDED),
        ] {
            assert_eq!(through(BEFORE, bytes.as_bytes()), line, "{bytes:?}");
            let by_byte = bytes.bytes().fold(BEFORE, |line, byte| through(line, &[byte]));
            assert_eq!(by_byte, line, "{bytes:?}");
        }
    }

    #[test]
    fn a_body_is_no_head_and_the_next_head_is_one_again() {
        let pulse = Pulse::default();
        pulse.hears(b"POST / HTTP/1.1\r\n\r\n", 1);
        pulse.hears(&[b'x'; 2 * MAX_HEAD], 1);
        assert!(!pulse.is_swamped());
        pulse.ask();
        pulse.asked_no_more(2);
        pulse.hears(&[b'x'; MAX_HEAD - 1], 3);
        assert!(!pulse.is_swamped());
        pulse.hears(b"x", 3);
        assert!(pulse.is_swamped());
    }
}
