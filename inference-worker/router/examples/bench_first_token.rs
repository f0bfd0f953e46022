//! What a router adds to the time to the first token: the same seeded stream, asked for in turn from a worker
//! directly and through the router. Each request takes a new connection, as a new client would.
//!
//! `cargo run -p quern-router --example bench_first_token -- WORKER_URL ROUTER_URL MODEL [REQUESTS]`
//! (router with --open). `tests/e2e/inference/bench_first_token.sh` starts both and runs it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

type Failure = Box<dyn std::error::Error>;

/// Milliseconds from connecting to the first event that carries text.
fn first_token(url: &str, body: &str) -> Result<f64, Failure> {
    let host = url
        .strip_prefix("http://")
        .ok_or("URLs must begin with http://")?;
    let request = format!(
        "POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len(),
    );
    let started = Instant::now();
    let mut stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    stream.write_all(request.as_bytes())?;
    let (mut seen, mut buffer) = (Vec::new(), [0u8; 4096]);
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Err(format!("no event from {url}: {}", String::from_utf8_lossy(&seen)).into());
        }
        seen.extend_from_slice(&buffer[..n]);
        if seen.windows(8).any(|window| window == b"\"text\":\"") {
            let elapsed = started.elapsed().as_secs_f64() * 1e3;
            // The rest is read so that the next request meets an idle worker.
            stream.read_to_end(&mut seen)?;
            return Ok(elapsed);
        }
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
    for url in [worker, router] {
        for _ in 0..5 {
            first_token(url, &body)?;
        }
    }
    let (mut direct, mut routed, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..requests {
        // Who goes first alternates, so that neither always finds a warm cache.
        let (a, b) = if round % 2 == 0 {
            let a = first_token(worker, &body)?;
            (a, first_token(router, &body)?)
        } else {
            let b = first_token(router, &body)?;
            (first_token(worker, &body)?, b)
        };
        direct.push(a);
        routed.push(b);
        added.push(b - a);
    }
    let round = |ms: f64| (ms * 1000.0).round() / 1000.0;
    let line = serde_json::json!({
        "requests": requests, "direct_ms": round(median(&mut direct)), "routed_ms": round(median(&mut routed)),
        "added_ms": round(median(&mut added)),
    });
    println!("{line}");
    Ok(())
}
