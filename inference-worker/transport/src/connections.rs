//! Connections that stand, so many at most that idle ones cannot use up the process' files.
//!
//! A new connection always finds a place: it takes that of the connection of its own address that has been idle for
//! longest if the address has all its places, or, if all are taken, that of the idlest one of the address with most.
//! A client whose idle connection was closed makes a new one; one that streams is never the idlest for long.

use crate::handshakes::{Places, network};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The connections that stand.
#[derive(Debug)]
pub(crate) struct Connections {
    places: Places,
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
struct Pulse {
    /// Milliseconds from the beginning to the last byte.
    last: AtomicU64,
    cut: AtomicBool,
    reader: Mutex<Option<Waker>>,
}

impl Pulse {
    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reader) = reader {
            reader.wake();
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
    pub(crate) fn new(places: Places) -> Arc<Self> {
        Arc::new(Self {
            places,
            began: Instant::now(),
            live: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A place for a connection, at the cost of an idle one if there is none.
    pub(crate) fn open(self: &Arc<Self>, stream: TlsStream<TcpStream>, address: IpAddr) -> Connection {
        let (address, pulse) = (network(address), Arc::new(Pulse::default()));
        pulse.last.store(self.now(), Ordering::Relaxed);
        let mut live = self.lock();
        if live.by_address.get(&address).map_or(0, BTreeMap::len) >= self.places.of(address) {
            live.cut_idlest_of(address);
        } else if live.count >= self.places.all {
            let most = live.by_address.iter().max_by_key(|(_, own)| own.len());
            if let Some(most) = most.map(|(address, _)| *address) {
                live.cut_idlest_of(most);
            }
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
        Connection { stream, pulse, place }
    }
}

impl Live {
    fn cut_idlest_of(&mut self, address: IpAddr) {
        let own = self.by_address.get(&address);
        let idlest = own.and_then(|own| {
            own.iter()
                .min_by_key(|(_, pulse)| pulse.last.load(Ordering::Relaxed))
        });
        if let Some(number) = idlest.map(|(number, _)| *number)
            && let Some(pulse) = self.forget(address, number)
        {
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

/// An encrypted connection.
#[derive(Debug)]
pub struct Connection {
    stream: TlsStream<TcpStream>,
    pulse: Arc<Pulse>,
    place: Place,
}

impl Connection {
    fn lives(&self) {
        self.pulse
            .last
            .store(self.place.connections.now(), Ordering::Relaxed);
    }

    fn wrote(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.lives();
        }
        polled
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_pending() {
            let mut reader = self.pulse.reader.lock().unwrap_or_else(PoisonError::into_inner);
            *reader = Some(context.waker().clone());
        }
        // After the waker is there: whoever cuts from now on wakes it.
        self.pulse.check()?;
        if buffer.filled().len() > before {
            self.lives();
        }
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pulse.check()?;
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pulse.check()?;
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
