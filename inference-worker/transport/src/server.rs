//! The server's side: a listener for `axum::serve`.

use crate::config;
use crate::connections::{Connection, Connections};
use crate::handshakes::{Handshakes, Places};
use crate::key::{TransportKey, public_of};
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Two round trips and a signature on either side take no longer.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);

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
    ready: mpsc::Receiver<(Connection, Peer)>,
    accepting: JoinHandle<()>,
}

impl SecureListener {
    /// Puts TLS in front of a listener.
    ///
    /// # Errors
    /// When the listener has no address or the key is of no use to TLS.
    pub fn new(listener: TcpListener, key: &TransportKey) -> io::Result<Self> {
        Self::bounded(listener, key, Connections::new(Places::one_in(2, 64, 16_384)))
    }

    fn bounded(listener: TcpListener, key: &TransportKey, live: Arc<Connections>) -> io::Result<Self> {
        let config = config::server(key).map_err(io::Error::other)?;
        let address = listener.local_addr()?;
        let limit = Places::one_in(4, 64, 2_048);
        let (sender, ready) = mpsc::channel(limit.all);
        // Handshakes go side by side: a peer that is slow or silent holds up nobody.
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let accepting = tokio::spawn(accept_all(listener, acceptor, (limit, live), sender));
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
    (limit, live): (Places, Arc<Connections>),
    ready: mpsc::Sender<(Connection, Peer)>,
) {
    let mut handshakes = Handshakes::new(limit);
    loop {
        let (socket, address) = tokio::select! {
            biased;
            () = handshakes.ended() => continue,
            // Axum's own accept waits and goes on after an error such as too many open files.
            connection = Listener::accept(&mut listener) => connection,
        };
        let (acceptor, live, ready) = (acceptor.clone(), live.clone(), ready.clone());
        handshakes.begin(address.ip(), async move {
            let _ = socket.set_nodelay(true);
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket)).await {
                Ok(Ok(stream)) => {
                    let keys = stream.get_ref().1.peer_certificates();
                    if let Some(key) = keys.and_then(|keys| public_of(keys.first()?)) {
                        let connection = live.open(stream, address.ip());
                        let _ = ready.send((connection, Peer { key, address })).await;
                    }
                }
                Ok(Err(error)) => tracing::debug!(%address, %error, "a peer was refused"),
                Err(_) => tracing::debug!(%address, "a peer did not finish its handshake"),
            }
        });
    }
}

impl Listener for SecureListener {
    type Io = Connection;
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use rustls::pki_types::ServerName;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpSocket, TcpStream};
    use tokio_rustls::{TlsConnector, client};

    /// A caller at one of the machine's own addresses.
    async fn call(number: u8, to: SocketAddr) -> client::TlsStream<TcpStream> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, number], 0))).unwrap();
        let config =
            config::client(&TransportKey::from_secret([2; 32].into()), server_key().public()).unwrap();
        let name = ServerName::try_from("quern.test").unwrap();
        let socket = socket.connect(to).await.unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, socket)
            .await
            .unwrap()
    }

    fn server_key() -> TransportKey {
        TransportKey::from_secret([1; 32].into())
    }

    async fn ask(connection: &mut client::TlsStream<TcpStream>) -> io::Result<String> {
        connection.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await?;
        let (mut answer, mut bytes) = (String::new(), [0; 1024]);
        while !answer.ends_with("here") {
            match connection.read(&mut bytes).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => answer.push_str(&String::from_utf8_lossy(&bytes[..read])),
            }
        }
        Ok(answer)
    }

    async fn is_cut(connection: &mut client::TlsStream<TcpStream>) -> bool {
        let mut byte = [0; 1];
        let read = tokio::time::timeout(Duration::from_secs(2), connection.read(&mut byte));
        matches!(read.await, Ok(Ok(0) | Err(_)))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn idle_connections_make_room_and_busy_ones_stay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let places = Places {
            all: 8,
            share: 4,
            local: 4,
        };
        let listener = SecureListener::bounded(listener, &server_key(), Connections::new(places)).unwrap();
        let router = Router::new().route("/", get(|| async { "here" }));
        tokio::spawn(async move { axum::serve(listener, router.into_make_service()).await });
        let mut busy = call(1, to).await;
        let mut idle = Vec::new();
        for _ in 0..6 {
            // Whoever speaks is not the idlest.
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(ask(&mut busy).await.unwrap().ends_with("here"));
            idle.push(call(1, to).await);
        }
        for (index, connection) in idle.iter_mut().take(3).enumerate() {
            assert!(is_cut(connection).await, "{index}");
        }
        assert!(ask(&mut busy).await.unwrap().ends_with("here"));
        assert!(ask(idle.last_mut().unwrap()).await.unwrap().ends_with("here"));
        // With all places taken, who has most loses one to a newcomer.
        let mut others = Vec::new();
        for number in 2..=6 {
            let mut other = call(number, to).await;
            assert!(ask(&mut other).await.unwrap().ends_with("here"));
            others.push(other);
        }
        for other in &mut others {
            assert!(ask(other).await.unwrap().ends_with("here"));
        }
    }
}
