//! The server's side: a listener for `axum::serve`.

use crate::config;
use crate::connections::{Connection, Connections, LOOK, Limits};
use crate::handshakes::{Handshakes, Places};
use crate::key::{TransportKey, public_of};
use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

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

/// An encrypted connection.
type Encrypted = Connection<TlsStream<TcpStream>>;

/// A listener whose connections are encrypted and whose peers are known.
///
/// Serve with `axum::serve(listener, quern_transport::served(router))`.
#[derive(Debug)]
pub struct SecureListener {
    address: SocketAddr,
    ready: mpsc::Receiver<(Encrypted, Peer)>,
    accepting: JoinHandle<()>,
}

impl SecureListener {
    /// Puts TLS in front of a listener.
    ///
    /// # Errors
    /// When the listener has no address or the key is of no use to TLS.
    pub fn new(listener: TcpListener, key: &TransportKey) -> io::Result<Self> {
        let live = Connections::new(Places::one_in(2, 64, 16_384), Limits::default());
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
    ready: mpsc::Sender<(Encrypted, Peer)>,
) {
    let mut handshakes = Handshakes::new(limit);
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (socket, address) = tokio::select! {
            biased;
            () = handshakes.ended() => continue,
            _ = look.tick() => {
                live.look();
                continue;
            }
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
    type Io = Encrypted;
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
    use crate::service::{Turn, served};
    use axum::body::{Body, Bytes};
    use axum::response::Response;
    use axum::routing::{get, post};
    use axum::{Extension, Router};
    use http::StatusCode;
    use hyper::body::Frame;
    use rustls::pki_types::ServerName;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpSocket;
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

    /// Bytes of a large answer.
    const LARGE: usize = 1 << 20;

    type Wait = tokio::sync::watch::Receiver<bool>;

    /// Answers whom it has admitted, when it is told to.
    async fn later(mut wait: Wait, Extension(turn): Extension<Turn>) -> &'static str {
        turn.begin();
        let _ = wait.wait_for(|go| *go).await;
        "here"
    }

    /// Takes its time to say no.
    async fn denied(mut wait: Wait) -> StatusCode {
        let _ = wait.wait_for(|go| *go).await;
        StatusCode::FORBIDDEN
    }

    async fn much(Extension(turn): Extension<Turn>) -> Response {
        turn.begin();
        Response::new(Body::new(Endless))
    }

    async fn large(whole: Vec<u8>, Extension(turn): Extension<Turn>) -> Vec<u8> {
        turn.begin();
        whole
    }

    /// A caller at one of the machine's own addresses.
    async fn call(number: u8, to: SocketAddr) -> client::TlsStream<TcpStream> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, number], 0))).unwrap();
        shake(socket.connect(to).await.unwrap()).await
    }

    async fn shake(socket: TcpStream) -> client::TlsStream<TcpStream> {
        let config =
            config::client(&TransportKey::from_secret([2; 32].into()), server_key().public()).unwrap();
        let name = ServerName::try_from("quern.test").unwrap();
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
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        // Little of an answer is on its way: who reads slowly is felt here soon.
        socket.set_send_buffer_size(1 << 14).unwrap();
        let listener = socket.listen(64).unwrap();
        let to = listener.local_addr().unwrap();
        let limits = Limits {
            patience: stuck,
            ..Limits::default()
        };
        let live = Connections::new(places, limits);
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
        let (to, _) = serve(places, Limits::default().patience, Router::new()).await;
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
        let routes = Router::new().route("/later", get(move |turn| later(wait.clone(), turn)));
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
    async fn what_no_handler_has_begun_keeps_nobody_out_however_long_it_takes_and_however_often_it_is_asked()
    {
        let places = Places {
            all: 3,
            share: 3,
            local: 3,
        };
        let (go, wait) = tokio::sync::watch::channel(false);
        let waits = wait.clone();
        let routes = Router::new()
            .route("/denied", get(move || denied(waits.clone())))
            .route("/later", get(move |turn| later(wait.clone(), turn)));
        let (to, live) = serve(places, Limits::default().patience, routes).await;
        let mut strangers = Vec::new();
        for _ in 0..3 {
            let mut stranger = call(1, to).await;
            send(
                &mut stranger,
                &"GET /denied HTTP/1.1\r\nHost: x\r\n\r\n".repeat(8),
            )
            .await;
            strangers.push(stranger);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut admitted = Vec::new();
        for number in 1..=3 {
            let mut caller = call(1, to).await;
            send(&mut caller, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n").await;
            until_under_way(&live, number).await;
            admitted.push(caller);
        }
        for stranger in &mut strangers {
            assert!(is_cut(stranger).await);
        }
        go.send_replace(true);
        for caller in &mut admitted {
            assert!(hear(caller).await.unwrap().ends_with("here"));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_takes_a_little_now_and_then_holds_no_place_and_who_takes_what_comes_does() {
        let places = Places {
            all: 2,
            share: 2,
            local: 2,
        };
        let whole = [[0; LARGE - 4].as_slice(), b"here"].concat();
        let routes = Router::new()
            .route("/much", get(much))
            .route("/large", get(move |turn| large(whole.clone(), turn)));
        let (to, live) = serve(places, Duration::from_secs(1), routes).await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1 << 14).unwrap();
        let mut slow = shake(socket.connect(to).await.unwrap()).await;
        send(&mut slow, "GET /much HTTP/1.1\r\nHost: x\r\n\r\n").await;
        until_under_way(&live, 1).await;
        let reading = tokio::spawn(async move {
            // 100 KiB a second; what is written at once is a few hundred.
            let mut bytes = [0; 2_048];
            while matches!(slow.get_mut().0.read(&mut bytes).await, Ok(1..)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert!(!reading.is_finished());
        let mut quick = call(1, to).await;
        send(&mut quick, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
        until_under_way(&live, 2).await;
        // Of the two that are under way the slow one makes room, and then the newcomers for each other.
        for _ in 0..4 {
            assert!(ask(&mut call(1, to).await).await.unwrap().ends_with("here"));
        }
        reading.await.unwrap();
        let (mut taken, mut bytes) = (Vec::new(), vec![0; 1 << 16]);
        while !taken.ends_with(b"here") {
            let read = quick.read(&mut bytes).await.unwrap();
            assert!(read > 0, "it was cut after {} bytes", taken.len());
            taken.extend_from_slice(&bytes[..read]);
        }
        assert!(taken.len() > LARGE);
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
            .route("/much", get(much));
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
