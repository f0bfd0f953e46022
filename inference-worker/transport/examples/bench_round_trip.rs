//! What the encrypted transport adds to a small call over a connection that is kept, beside plain HTTP over the same
//! client library: `cargo run -p quern-transport --example bench_round_trip [CALLS]`.

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use quern_transport::{Client, SecureListener, TransportKey, served};
use std::time::Instant;
use tokio::net::TcpListener;

type Failure = Box<dyn std::error::Error>;

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let calls: usize = std::env::args().nth(1).map_or(Ok(2000), |n| n.parse())?;
    let router = Router::new().route("/echo", post(|body: Bytes| async { body }));
    let plain = TcpListener::bind("127.0.0.1:0").await?;
    let plain_url = format!("http://{}/echo", plain.local_addr()?);
    let service = router.clone();
    tokio::spawn(async move { axum::serve(plain, service).await });
    let key = TransportKey::from_secret([1; 32].into());
    let tcp = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("https://{}/echo", tcp.local_addr()?);
    let listener = SecureListener::new(tcp, &key)?;
    let service = served(router);
    tokio::spawn(async move { axum::serve(listener, service).await });

    let secure = Client::new(TransportKey::from_secret([2; 32].into()));
    let open = legacy::Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let body = Bytes::from(vec![b'x'; 2000]);
    let started = Instant::now();
    secure
        .post(&url, key.public(), body.clone())
        .await?
        .into_body()
        .collect()
        .await?;
    let first = started.elapsed().as_secs_f64() * 1e3;
    let (mut plain_times, mut secure_times) = (Vec::new(), Vec::new());
    for _ in 0..calls {
        let started = Instant::now();
        let request = http::Request::post(&plain_url).body(Full::new(body.clone()))?;
        open.request(request).await?.into_body().collect().await?;
        plain_times.push(started.elapsed().as_secs_f64() * 1e3);
        let started = Instant::now();
        secure
            .post(&url, key.public(), body.clone())
            .await?
            .into_body()
            .collect()
            .await?;
        secure_times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let (plain, secure) = (median(&mut plain_times), median(&mut secure_times));
    println!("first call with handshake {first:.3} ms; then plain {plain:.3} ms, encrypted {secure:.3} ms");
    Ok(())
}
