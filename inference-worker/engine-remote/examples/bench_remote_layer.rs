//! What the remote layer adds to a request: the same requests straight to an engine's double, which answers at once,
//! and through the layer. Prints microseconds; asserts no time.
//!
//!     cargo run -p quern-engine-remote --example bench_remote_layer
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark stops at a surprise"
)]

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_core::Stream;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use quern_engine_remote::probe::probe;
use quern_engine_remote::serve::{Options, Remote};
use quern_engine_remote::{RemoteConfig, Upstream};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

const REQUESTS: usize = 2000;
const CHUNKS: usize = 32;

struct Counted(usize);

impl Stream for Counted {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0 += 1;
        let data = match self.0 {
            at if at <= CHUNKS => {
                let finish = (at == CHUNKS).then_some("length");
                json!({"id": "x", "choices": [{"index": 0, "text": " word", "finish_reason": finish}]})
                    .to_string()
            }
            at if at == CHUNKS + 1 => "[DONE]".to_owned(),
            _ => return Poll::Ready(None),
        };
        Poll::Ready(Some(Ok(Event::default().data(data))))
    }
}

async fn engine(Json(body): Json<Value>) -> Response {
    if body["stream"] == true {
        return Sse::new(Counted(0)).into_response();
    }
    let choice = json!({"index": 0, "text": " word word word", "finish_reason": "length"});
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6});
    Json(json!({"id": "x", "choices": [choice], "usage": usage})).into_response()
}

async fn listen(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use axum::serve::ListenerExt;
        let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
        axum::serve(listener, router).await.unwrap();
    });
    address
}

/// Sorted times to the first byte of the body and to its end.
async fn measure(address: SocketAddr, stream: bool, at_once: usize) -> (Vec<Duration>, Vec<Duration>) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
    let body = json!({"model": "m", "prompt": "a", "max_tokens": CHUNKS, "stream": stream}).to_string();
    let tasks: Vec<_> = (0..at_once)
        .map(|_| {
            let (client, body) = (client.clone(), body.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                for _ in 0..REQUESTS / at_once {
                    let request = http::Request::post(format!("http://{address}/v1/completions"))
                        .header("content-type", "application/json")
                        .body(Full::new(Bytes::from(body.clone())))
                        .unwrap();
                    let start = Instant::now();
                    let response = client.request(request).await.unwrap();
                    assert!(response.status().is_success());
                    let mut body = response.into_body();
                    let mut first = None;
                    while let Some(frame) = body.frame().await {
                        frame.unwrap();
                        first.get_or_insert_with(|| start.elapsed());
                    }
                    times.push((first.unwrap(), start.elapsed()));
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    let (mut first, mut whole): (Vec<_>, Vec<_>) = times.into_iter().unzip();
    first.sort_unstable();
    whole.sort_unstable();
    (first, whole)
}

fn at(times: &[Duration], share: f64) -> f64 {
    let index = ((times.len() - 1) as f64 * share) as usize;
    times[index].as_secs_f64() * 1e6
}

#[tokio::main]
async fn main() {
    let list = json!({"data": [{"id": "m", "owned_by": "bench"}]});
    let double = Router::new()
        .route("/v1/models", get(async || Json(list)))
        .route("/v1/completions", post(engine));
    let direct = listen(double).await;
    let mut config = RemoteConfig::new(&format!("http://{direct}")).unwrap();
    config.context = Some(4096);
    let upstream = Upstream::new(config).unwrap();
    let capabilities = probe(&upstream, None).await.unwrap();
    let options = Options {
        model_id: "m".into(),
        slots: 64,
        look: Duration::from_secs(60),
    };
    let remote = Remote::new(upstream, capabilities, None, options).unwrap();
    let through = listen(remote.router()).await;
    println!("microseconds over {REQUESTS} requests; a stream has {CHUNKS} chunks");
    println!(
        "{:<26} {:>10} {:>10} {:>10} {:>10}",
        "", "direct p50", "layer p50", "direct p99", "layer p99"
    );
    for (name, stream) in [("whole", false), ("stream", true)] {
        for at_once in [1, 8] {
            // Connections and caches first.
            for address in [direct, through] {
                measure(address, stream, at_once).await;
            }
            let one = measure(direct, stream, at_once).await;
            let two = measure(through, stream, at_once).await;
            for (part, one, two) in [("first byte", &one.0, &two.0), ("end", &one.1, &two.1)] {
                let row = [at(one, 0.5), at(two, 0.5), at(one, 0.99), at(two, 0.99)];
                let [a, b, c, d] = row;
                println!(
                    "{:<26} {a:>10.0} {b:>10.0} {c:>10.0} {d:>10.0}",
                    format!("{name} x{at_once}, {part}")
                );
            }
        }
    }
}
