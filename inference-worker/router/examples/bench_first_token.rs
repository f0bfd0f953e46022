//! What a router adds to the time to the first token: the same seeded stream, asked for in turn from a worker
//! directly and through the router, each over a connection that is kept alive.
//!
//! `cargo run -p quern-router --example bench_first_token -- WORKER_URL ROUTER_URL MODEL [REQUESTS [REPORT_FILE]]`
//! (router with --open). `tests/e2e/inference/bench_first_token.sh` starts both and runs it. The disk's fsync time is
//! printed beside it, for what a router will have to make durable.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

type Failure = Box<dyn std::error::Error>;

/// One kept-alive connection, as client libraries hold them.
struct Client {
    stream: TcpStream,
    request: Vec<u8>,
}

impl Client {
    fn connect(url: &str, body: &str) -> Result<Self, Failure> {
        let host = url
            .strip_prefix("http://")
            .ok_or("URLs must begin with http://")?;
        let request = format!(
            "POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len(),
        );
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            request: request.into_bytes(),
        })
    }

    /// Milliseconds from sending the request to the first event that carries text.
    fn first_token(&mut self) -> Result<f64, Failure> {
        let started = Instant::now();
        self.stream.write_all(&self.request)?;
        let (mut seen, mut buffer, mut first) = (Vec::new(), [0u8; 4096], None);
        // The rest is read too, so that the next request meets an idle worker.
        while !seen.ends_with(b"\r\n0\r\n\r\n") {
            let n = self.stream.read(&mut buffer)?;
            if n == 0 {
                return Err(format!("the answer broke off: {}", String::from_utf8_lossy(&seen)).into());
            }
            seen.extend_from_slice(&buffer[..n]);
            if first.is_none() && seen.windows(8).any(|window| window == b"\"text\":\"") {
                first = Some(started.elapsed().as_secs_f64() * 1e3);
            }
        }
        first.ok_or_else(|| format!("no event: {}", String::from_utf8_lossy(&seen)).into())
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [worker, router, model, rest @ ..] = args.as_slice() else {
        return Err("usage: bench_first_token WORKER_URL ROUTER_URL MODEL [REQUESTS]".into());
    };
    let requests: usize = rest.first().map_or(Ok(200), |n| n.parse())?;
    let body = serde_json::json!({"model": model, "prompt": "And it came to pass", "max_tokens": 4, "temperature": 0,
                                  "stream": true})
    .to_string();
    let (mut worker, mut router) = (Client::connect(worker, &body)?, Client::connect(router, &body)?);
    for _ in 0..5 {
        worker.first_token()?;
        router.first_token()?;
    }
    let (mut direct, mut routed, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..requests {
        // Who goes first alternates, so that neither always finds a warm cache.
        let (a, b) = if round % 2 == 0 {
            let a = worker.first_token()?;
            (a, router.first_token()?)
        } else {
            let b = router.first_token()?;
            (worker.first_token()?, b)
        };
        direct.push(a);
        routed.push(b);
        added.push(b - a);
    }
    let mut syncs = fsync_times()?;
    let round = |ms: f64| (ms * 1000.0).round() / 1000.0;
    let (direct, added) = (round(median(&mut direct)), round(median(&mut added)));
    let row = serde_json::json!({
        "name": format!(
            "router's added time to first token, median of {requests} (direct {direct} ms, routed {} ms, fsync {} ms)",
            round(median(&mut routed)), round(median(&mut syncs)),
        ),
        "ours": added, "comparator": direct, "ratio": null, "target": 2.0, "unit": "ms", "holds": added <= 2.0,
    });
    println!("{row}");
    if let Some(path) = rest.get(1) {
        std::fs::write(path, serde_json::to_vec_pretty(&[row])?)?;
    }
    Ok(())
}

/// Milliseconds of an fsync after appending 4 KiB.
fn fsync_times() -> Result<Vec<f64>, Failure> {
    let path = std::env::temp_dir().join(format!("quern-fsync-{}", std::process::id()));
    let mut file = std::fs::File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..50 {
        file.write_all(&[0; 4096])?;
        let started = Instant::now();
        file.sync_data()?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(path)?;
    Ok(times)
}
