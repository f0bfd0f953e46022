//! The server's side: a listener for `axum::serve`.

use crate::config;
use crate::key::{TransportKey, public_of};
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Handshakes under way at once; later ones wait in the listen queue.
const HANDSHAKES: usize = 128;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Who is at the other end of a connection: `axum::extract::ConnectInfo<Peer>` in a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client's ed25519 transport key, which it has proven to hold.
    pub key: [u8; 32],
    /// Where it called from.
    pub address: SocketAddr,
}

/// A listener whose connections are encrypted and whose peers are known.
///
/// Serve with `axum::serve(listener, router.into_make_service_with_connect_info::<Peer>())`.
#[derive(Debug)]
pub struct SecureListener {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, Peer)>,
    accepting: JoinHandle<()>,
}

impl SecureListener {
    /// Puts TLS in front of a listener.
    ///
    /// # Errors
    /// When the listener has no address or the key is of no use to TLS.
    pub fn new(listener: TcpListener, key: &TransportKey) -> io::Result<Self> {
        let config = config::server(key).map_err(io::Error::other)?;
        let address = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(HANDSHAKES);
        // Handshakes go side by side: a peer that is slow or silent holds up nobody.
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let accepting = tokio::spawn(accept_all(listener, acceptor, sender));
        Ok(Self {
            address,
            ready,
            accepting,
        })
    }
}

impl Drop for SecureListener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept_all(
    mut listener: TcpListener,
    acceptor: TlsAcceptor,
    ready: mpsc::Sender<(TlsStream<TcpStream>, Peer)>,
) {
    let room = Arc::new(Semaphore::new(HANDSHAKES));
    while let Ok(permit) = room.clone().acquire_owned().await {
        // Axum's own accept waits and goes on after an error such as too many open files.
        let (socket, address) = Listener::accept(&mut listener).await;
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        tokio::spawn(async move {
            let _ = socket.set_nodelay(true);
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket)).await {
                Ok(Ok(stream)) => {
                    let keys = stream.get_ref().1.peer_certificates();
                    if let Some(key) = keys.and_then(|keys| public_of(keys.first()?)) {
                        let _ = ready.send((stream, Peer { key, address })).await;
                    }
                }
                Ok(Err(error)) => tracing::debug!(%address, %error, "a peer was refused"),
                Err(_) => tracing::debug!(%address, "a peer did not finish its handshake"),
            }
            drop(permit);
        });
    }
}

impl Listener for SecureListener {
    type Io = TlsStream<TcpStream>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Peer) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accepting task ends with the listener only.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        let (key, address) = ([0; 32], self.address);
        Ok(Peer { key, address })
    }
}

impl Connected<IncomingStream<'_, SecureListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, SecureListener>) -> Self {
        *stream.remote_addr()
    }
}
