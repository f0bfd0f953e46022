use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tendermint_abci::Application;

use crate::address::Address;
use crate::connection::{End, serve};
use crate::options::Options;
use crate::stream::Stream;

/// Why the listener could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process serves this address.
    #[error("{0} is in use by another process: stop it or choose another address")]
    InUse(Address),
    /// The path exists and is not a socket; it is left alone.
    #[error("{0} exists and is not a socket: move it away or choose another address")]
    NotASocket(Address),
    /// Any other failure of the system.
    #[error("cannot listen on {address}: {source}")]
    Io {
        /// The address asked for.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a running server stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The application panicked inside this method.
    #[error("the application panicked in {method}: {message}")]
    Panicked {
        /// ABCI method in snake case.
        method: &'static str,
        /// The panic's text.
        message: String,
    },
    /// The application reported that it cannot go on.
    #[error("the application halted: {reason}")]
    Halted {
        /// The application's words.
        reason: String,
    },
    /// The listening socket failed.
    #[error("the ABCI socket failed: {0}")]
    Listener(String),
}

/// A running ABCI listener; dropping it shuts it down.
#[derive(Debug)]
pub struct Server {
    address: Address,
    shared: Arc<Shared>,
    stops: Receiver<Stop>,
    accept: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    closing: AtomicBool,
    /// One clone of each open connection, so that a shutdown can end its thread.
    open: Mutex<BTreeMap<u64, Stream>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Server {
    /// Listens on `address` and serves `app` on threads of its own.
    ///
    /// A socket file that a killed process left behind is replaced.
    ///
    /// # Errors
    /// [`StartError`] when the address is taken or the system refuses it.
    pub fn start<A: Application>(address: &Address, app: A, options: Options) -> Result<Self, StartError> {
        let (listener, address) = Listener::bind(address)?;
        let shared = Arc::new(Shared::default());
        let (sender, stops) = channel();
        let accept = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("abci-accept".to_owned())
                .spawn(move || {
                    accept_loop(&listener, &app, &options, &shared, &sender);
                })
        };
        let accept = accept.map_err(|source| StartError::Io {
            address: address.clone(),
            source,
        })?;
        tracing::info!(%address, "ABCI listener is ready");
        Ok(Self {
            address,
            shared,
            stops,
            accept: Some(accept),
        })
    }

    /// The address in use, with the port that the system chose.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// Waits up to `limit` for the server to stop by itself; `None` when it still runs.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> Option<Stop> {
        match self.stops.recv_timeout(limit) {
            Ok(stop) => Some(stop),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                Some(Stop::Listener("the accepting thread ended".to_owned()))
            }
        }
    }

    /// Ends every connection, waits for calls in progress, and frees the address.
    pub fn shutdown(mut self) {
        self.close();
    }

    fn close(&mut self) {
        let Some(accept) = self.accept.take() else { return };
        self.shared.closing.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, which then sees the flag.
        match &self.address {
            Address::Unix(path) => drop(UnixStream::connect(path)),
            Address::Tcp(socket) => drop(TcpStream::connect(socket)),
        }
        let _ = accept.join();
        for stream in lock(&self.shared.open).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let threads = std::mem::take(&mut *lock(&self.shared.threads));
        for handle in threads {
            let _ = handle.join();
        }
        if let Address::Unix(path) = &self.address {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close();
    }
}

impl Listener {
    fn bind(address: &Address) -> Result<(Self, Address), StartError> {
        let fail = |source: io::Error| {
            if source.kind() == ErrorKind::AddrInUse {
                StartError::InUse(address.clone())
            } else {
                StartError::Io {
                    address: address.clone(),
                    source,
                }
            }
        };
        match address {
            Address::Unix(path) => {
                clear_stale_socket(path, address)?;
                let listener = UnixListener::bind(path).map_err(fail)?;
                let owner_only = std::fs::Permissions::from_mode(0o600);
                std::fs::set_permissions(path, owner_only).map_err(fail)?;
                Ok((Self::Unix(listener), address.clone()))
            }
            Address::Tcp(socket) => {
                let listener = TcpListener::bind(socket).map_err(fail)?;
                let bound = Address::Tcp(listener.local_addr().map_err(fail)?);
                Ok((Self::Tcp(listener), bound))
            }
        }
    }

    fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(listener) => Ok(Stream::Unix(listener.accept()?.0)),
            Self::Tcp(listener) => {
                let stream = listener.accept()?.0;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }
}

/// Removes a socket file that nobody serves any more; refuses anything else at the path.
fn clear_stale_socket(path: &Path, address: &Address) -> Result<(), StartError> {
    let Ok(metadata) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !metadata.file_type().is_socket() {
        return Err(StartError::NotASocket(address.clone()));
    }
    if UnixStream::connect(path).is_ok() {
        return Err(StartError::InUse(address.clone()));
    }
    std::fs::remove_file(path).map_err(|source| StartError::Io {
        address: address.clone(),
        source,
    })
}

fn accept_loop<A: Application>(
    listener: &Listener,
    app: &A,
    options: &Options,
    shared: &Arc<Shared>,
    sender: &Sender<Stop>,
) {
    let mut next_id = 0_u64;
    loop {
        let accepted = listener.accept();
        if shared.closing.load(Ordering::SeqCst) {
            return;
        }
        let spawned = accepted.and_then(|stream| {
            spawn_connection(next_id, stream, app.clone(), options.clone(), shared, sender)
        });
        next_id = next_id.wrapping_add(1);
        match spawned {
            Ok(()) => {}
            // The client hung up before it was accepted, or a signal came.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
                ) => {}
            Err(error) => {
                let _ = sender.send(Stop::Listener(error.to_string()));
                return;
            }
        }
    }
}

fn spawn_connection<A: Application>(
    id: u64,
    stream: Stream,
    app: A,
    options: Options,
    shared: &Arc<Shared>,
    sender: &Sender<Stop>,
) -> io::Result<()> {
    lock(&shared.threads).retain(|handle| !handle.is_finished());
    {
        let mut open = lock(&shared.open);
        if open.len() >= options.max_connections {
            tracing::warn!(limit = options.max_connections, "too many ABCI connections");
            return Ok(());
        }
        open.insert(id, stream.try_clone()?);
    }
    let inner = Arc::clone(shared);
    let sender = sender.clone();
    let handle = thread::Builder::new()
        .name(format!("abci-{id}"))
        .stack_size(options.stack_bytes)
        .spawn(move || {
            let end = serve(&app, stream, &options);
            lock(&inner.open).remove(&id);
            if let End::Fatal(stop) = end {
                tracing::error!(%stop, "the ABCI server stops");
                let _ = sender.send(stop);
            }
        })?;
    lock(&shared.threads).push(handle);
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
