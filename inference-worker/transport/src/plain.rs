//! A listener without encryption, whose connections are bounded as those of the encrypted one are.

use crate::connections::{Connection, Connections, LOOK, Limits};
use crate::handshakes::Places;
use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Interval, MissedTickBehavior};

/// Most connections, whatever the process may have open.
const MOST: u64 = 4_096;
/// Places that there are at the least.
const LEAST: u64 = 64;

/// A listener for `axum::serve(listener, quern_transport::served(router))`.
///
/// A request that has come whole keeps its connection until it is answered. Any other connection is idle: it loses its place
/// to whoever comes when there is none left, and ends if its client takes too long.
#[derive(Debug)]
pub struct PlainListener {
    listener: TcpListener,
    live: Arc<Connections>,
    look: Interval,
}

impl PlainListener {
    /// Bounds a listener's connections: one for each `files_each` files that the process may have open.
    pub fn new(listener: TcpListener, files_each: u64) -> Self {
        let places = Places::one_in(files_each, LEAST, MOST);
        Self::bounded(listener, Connections::new(places, Limits::default()))
    }

    fn bounded(listener: TcpListener, live: Arc<Connections>) -> Self {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { listener, live, look }
    }
}

impl Listener for PlainListener {
    type Io = Connection<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = tokio::select! {
                // Axum's own accept waits and goes on after an error such as too many open files.
                accepted = Listener::accept(&mut self.listener) => accepted,
                _ = self.look.tick() => {
                    self.live.look();
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            match self.live.open(stream, address.ip()) {
                Some(connection) => return (connection, address),
                None => tracing::debug!(%address, "refused: requests are under way on all connections"),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::served;
    use axum::Router;
    use axum::body::{Body, Bytes};
    use axum::routing::{get, post};
    use hyper::body::Frame;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::{Duration, Instant};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpSocket;

    const FEW: Places = Places {
        all: 8,
        share: 4,
        local: 8,
    };
    const HERE: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const SHORT: Duration = Duration::from_millis(300);

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

    /// Serves with few places.
    async fn serve(limits: Limits) -> (SocketAddr, Arc<Connections>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        // Little of an answer is on its way: who reads slowly is felt here soon.
        socket.set_send_buffer_size(1 << 14).unwrap();
        let listener = socket.listen(1_024).unwrap();
        let to = listener.local_addr().unwrap();
        let live = Connections::new(FEW, limits);
        let listener = PlainListener::bounded(listener, live.clone());
        let later = || async {
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            "here"
        };
        let routes = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/later", get(later))
            .route("/echo", post(|body: String| async { body }))
            .route(
                "/size",
                post(|body: Bytes| async move { format!("{} here", body.len()) }),
            )
            .route("/much", get(|| async { Body::new(Endless) }));
        tokio::spawn(async move { axum::serve(listener, served(routes)).await });
        (to, live)
    }

    async fn call(to: SocketAddr, words: &str) -> TcpStream {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(words.as_bytes()).await.unwrap();
        stream
    }

    async fn hear(stream: &mut TcpStream) -> io::Result<String> {
        let (mut answer, mut bytes) = (String::new(), [0; 1024]);
        while !answer.ends_with("here") {
            match stream.read(&mut bytes).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => answer.push_str(&String::from_utf8_lossy(&bytes[..read])),
            }
        }
        Ok(answer)
    }

    async fn is_served(to: SocketAddr) -> bool {
        let asked = async { hear(&mut call(to, HERE).await).await.is_ok() };
        matches!(
            tokio::time::timeout(Duration::from_secs(5), asked).await,
            Ok(true)
        )
    }

    /// How long it takes until the server ends a connection, on which something is written now and then.
    async fn ends_in(mut stream: TcpStream, drip: &'static [u8]) -> Duration {
        let began = Instant::now();
        let mut bytes = [0; 1024];
        while began.elapsed() < Duration::from_secs(10) {
            let read = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut bytes));
            if matches!(read.await, Ok(Ok(0) | Err(_))) || stream.write_all(drip).await.is_err() {
                return began.elapsed();
            }
        }
        panic!("the connection stands");
    }

    fn soon() -> Limits {
        Limits {
            head: SHORT,
            ..Limits::default()
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_flood_of_connections_has_no_more_places_than_there_are_and_holds_up_nobody() {
        let (to, live) = serve(Limits::default()).await;
        let mut flood = Vec::new();
        for number in 0..200 {
            let words = [
                "",
                "GET / HT",
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
            ];
            flood.push(call(to, words[number % 3]).await);
            if number % 20 == 19 {
                assert!(is_served(to).await, "after {number}");
                assert!(live.standing() <= FEW.all);
            }
        }
        // Who waits for an answer keeps the place.
        let mut waits = call(to, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n").await;
        while live.under_way() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for _ in 0..100 {
            flood.push(call(to, "GET / HT").await);
        }
        assert!(hear(&mut waits).await.is_ok());
        assert!(live.standing() <= FEW.all);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_head_that_trickles_and_a_connection_that_asks_nothing_end_and_a_long_answer_does_not() {
        let (to, _) = serve(soon()).await;
        let trickles = call(to, "GET / HTTP/1.1\r\nHost: ").await;
        let silent = call(to, "").await;
        let mut waits = call(to, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let (trickled, quiet) = tokio::join!(ends_in(trickles, b"x"), ends_in(silent, b""));
        assert!(
            trickled >= SHORT && trickled < Duration::from_secs(3),
            "{trickled:?}"
        );
        assert!(quiet >= SHORT && quiet < Duration::from_secs(3), "{quiet:?}");
        assert!(hear(&mut waits).await.is_ok(), "an answer may take its time");
        // A later request's head has no more time than the first one's.
        waits.write_all(b"GET / HT").await.unwrap();
        assert!(ends_in(waits, b"T").await < Duration::from_secs(3));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_asked_before_has_longer_but_not_for_ever() {
        let limits = Limits {
            idle: Duration::from_secs(2),
            ..soon()
        };
        let (to, _) = serve(limits).await;
        let mut kept = call(to, HERE).await;
        hear(&mut kept).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        kept.write_all(HERE.as_bytes()).await.unwrap();
        hear(&mut kept).await.unwrap();
        let lasted = ends_in(kept, b"").await;
        assert!(
            lasted >= limits.idle && lasted < Duration::from_secs(5),
            "{lasted:?}"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_head_without_end_is_not_kept() {
        let (to, _) = serve(Limits::default()).await;
        for (start, piece) in [
            ("GET / HTTP/1.1\r\nHost: x\r\nX: ", [b'x'; 1024]),
            ("\r\n\r\nGET / HTTP/1.1\r\nX: ", [b'x'; 1024]),
            ("", [b'\n'; 1024]),
        ] {
            let mut swamps = call(to, start).await;
            let began = Instant::now();
            let mut sent = 0;
            while swamps.write_all(&piece).await.is_ok() {
                sent += 1024;
                assert!(sent < 16 << 20 && began.elapsed() < Duration::from_secs(10));
            }
        }
        assert!(is_served(to).await);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_head_that_is_too_long_is_refused_in_words_and_a_long_one_is_not() {
        let (to, _) = serve(Limits::default()).await;
        let head =
            |bytes: usize, end: &str| format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}{end}", "x".repeat(bytes));
        let fits = head(60_000, "\r\n\r\n");
        // Whole or without an end, on a new connection or one that was served.
        for (first, second) in [
            (None, head(200_000, "\r\n\r\n")),
            (None, head(700_000, "")),
            (Some(&fits), head(300_000, "\r\n\r\n")),
        ] {
            let mut stream = TcpStream::connect(to).await.unwrap();
            if let Some(first) = first {
                stream.write_all(first.as_bytes()).await.unwrap();
                assert!(hear(&mut stream).await.unwrap().starts_with("HTTP/1.1 200"));
            }
            stream.write_all(second.as_bytes()).await.unwrap();
            let mut answer = String::new();
            let read = stream.read_to_string(&mut answer);
            tokio::time::timeout(Duration::from_secs(5), read)
                .await
                .unwrap()
                .unwrap();
            assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
            assert!(answer.contains("request_header_fields_too_large"), "{answer}");
        }
        assert!(is_served(to).await);
    }

    /// What is read of a body with its head, or before its handler begins, is no head.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_kept_connection_takes_large_bodies_one_after_the_other() {
        let (to, _) = serve(Limits::default()).await;
        let mut tasks = Vec::new();
        for size in [60_000, 66_000, 137_000, 400_000] {
            tasks.push(tokio::spawn(async move {
                let mut stream = TcpStream::connect(to).await.unwrap();
                for number in 0..200 {
                    let head = format!("POST /size HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n");
                    let mut request = head.into_bytes();
                    request.resize(request.len() + size, b'x');
                    // in one piece, head and body apart, and in many
                    let (head, rest) = request.split_at(request.len() - size);
                    let pieces: Vec<&[u8]> = match number % 3 {
                        0 => vec![&request],
                        1 => vec![head, rest],
                        _ => request.chunks(7_001).collect(),
                    };
                    for piece in pieces {
                        stream
                            .write_all(piece)
                            .await
                            .unwrap_or_else(|e| panic!("{size}, {number}: {e}"));
                    }
                    let answer = hear(&mut stream)
                        .await
                        .unwrap_or_else(|e| panic!("{size}, {number}: {e}"));
                    assert!(answer.contains(&format!("{size} here")), "{answer}");
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_takes_nothing_of_an_answer_loses_it_and_who_takes_little_does_not() {
        let limits = Limits {
            gone: Duration::from_secs(1),
            ..Limits::default()
        };
        let (to, live) = serve(limits).await;
        let much = "GET /much HTTP/1.1\r\nHost: x\r\n\r\n";
        let deaf = call(to, much).await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1 << 14).unwrap();
        let mut slow = socket.connect(to).await.unwrap();
        slow.write_all(much.as_bytes()).await.unwrap();
        let reading = tokio::spawn(async move {
            // 200 KiB a second.
            let mut bytes = [0; 4_096];
            while matches!(slow.read(&mut bytes).await, Ok(1..)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        while live.under_way() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let began = Instant::now();
        while live.under_way() > 1 {
            assert!(began.elapsed() < Duration::from_secs(8), "nobody was cut");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(!reading.is_finished(), "the slow reader was cut");
        assert_eq!(live.under_way(), 1);
        drop(deaf);
        reading.abort();
    }
}
