//! The server's side: a listener for `axum::serve`.

use crate::config;
use crate::connections::{Connection, Connections};
use crate::handshakes::{Handshakes, Places};
use crate::key::{TransportKey, public_of};
use axum::serve::Listener;
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
/// A peer that takes nothing of its answer for so long may lose its connection to another one.
const STUCK: Duration = Duration::from_secs(10);

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
/// Serve with `axum::serve(listener, quern_transport::served(router))`.
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
        let live = Connections::new(Places::one_in(2, 64, 16_384), STUCK);
        Self::bounded(listener, key, live)
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
                        match live.open(stream, address.ip()) {
                            Some(connection) => drop(ready.send((connection, Peer { key, address })).await),
                            None => tracing::debug!(%address, "refused: requests are under way on all connections"),
                        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::served;
    use axum::Router;
    use axum::body::{Body, Bytes};
    use axum::response::Response;
    use axum::routing::{get, post};
    use hyper::body::Frame;
    use rustls::pki_types::ServerName;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpSocket, TcpStream};
    use tokio_rustls::{TlsConnector, client};

    /// An answer that never ends.
    struct Endless;

    impl hyper::body::Body for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 1 << 16])))))
        }
    }

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

    async fn send(connection: &mut client::TlsStream<TcpStream>, request: &str) {
        connection.write_all(request.as_bytes()).await.unwrap();
    }

    async fn ask(connection: &mut client::TlsStream<TcpStream>) -> io::Result<String> {
        connection.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await?;
        hear(connection).await
    }

    async fn hear(connection: &mut client::TlsStream<TcpStream>) -> io::Result<String> {
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

    /// Serves `GET /` beside other routes.
    async fn serve(places: Places, stuck: Duration, routes: Router) -> (SocketAddr, Arc<Connections>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let live = Connections::new(places, stuck);
        let listener = SecureListener::bounded(listener, &server_key(), live.clone()).unwrap();
        let routes = routes.route("/", get(|| async { "here" }));
        tokio::spawn(async move { axum::serve(listener, served(routes)).await });
        (to, live)
    }

    async fn until_under_way(live: &Connections, many: usize) {
        for _ in 0..500 {
            if live.under_way() == many {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} requests are under way, not {many}", live.under_way());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn idle_connections_make_room_and_busy_ones_stay() {
        let places = Places {
            all: 8,
            share: 4,
            local: 4,
        };
        let (to, _) = serve(places, STUCK, Router::new()).await;
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

    #[tokio::test(flavor = "multi_thread")]
    async fn a_request_under_way_keeps_its_place_and_a_newcomer_is_refused_where_all_have_one() {
        let places = Places {
            all: 5,
            share: 3,
            local: 3,
        };
        let (go, wait) = tokio::sync::watch::channel(false);
        let later = move || {
            let mut wait = wait.clone();
            async move {
                let _ = wait.wait_for(|go| *go).await;
                "here"
            }
        };
        let routes = Router::new().route("/later", get(later));
        let (to, live) = serve(places, Duration::from_millis(1), routes).await;
        let mut waiting = Vec::new();
        for number in [1, 1, 1, 2] {
            let mut connection = call(number, to).await;
            send(&mut connection, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n").await;
            waiting.push(connection);
        }
        until_under_way(&live, 4).await;
        // Of its own address none is idle.
        assert!(is_cut(&mut call(1, to).await).await);
        // The idle one makes room for others, whosever it is; then none is idle.
        let mut idle = call(3, to).await;
        assert!(ask(&mut idle).await.unwrap().ends_with("here"));
        let mut newcomer = call(4, to).await;
        assert!(is_cut(&mut idle).await);
        send(&mut newcomer, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n").await;
        until_under_way(&live, 5).await;
        assert!(is_cut(&mut call(5, to).await).await);
        waiting.push(newcomer);
        go.send_replace(true);
        for connection in &mut waiting {
            assert!(hear(connection).await.unwrap().ends_with("here"));
        }
        until_under_way(&live, 0).await;
        assert!(ask(&mut call(5, to).await).await.unwrap().ends_with("here"));
        // A client that leaves takes its request with it.
        go.send_replace(false);
        let mut leaves = call(2, to).await;
        send(&mut leaves, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n").await;
        until_under_way(&live, 1).await;
        drop(leaves);
        until_under_way(&live, 0).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_sends_no_end_of_a_request_or_takes_nothing_of_the_answer_holds_no_place() {
        let places = Places {
            all: 2,
            share: 2,
            local: 2,
        };
        let routes = Router::new()
            .route("/echo", post(|body: String| async { body }))
            .route("/much", get(|| async { Response::new(Body::new(Endless)) }));
        let (to, live) = serve(places, Duration::from_millis(200), routes).await;
        let mut slow = call(1, to).await;
        let begun = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhere";
        send(&mut slow, begun).await;
        let mut deaf = call(1, to).await;
        send(&mut deaf, "GET /much HTTP/1.1\r\nHost: x\r\n\r\n").await;
        until_under_way(&live, 1).await;
        assert!(ask(&mut call(1, to).await).await.unwrap().ends_with("here"));
        assert!(is_cut(&mut slow).await);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (mut one, mut other) = (call(1, to).await, call(1, to).await);
        assert!(ask(&mut one).await.unwrap().ends_with("here"));
        assert!(ask(&mut other).await.unwrap().ends_with("here"));
        until_under_way(&live, 0).await;
    }
}
