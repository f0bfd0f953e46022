//! Time to the first token of short requests, alone and behind a long prompt.
//!
//! `cargo run -p quern-worker --example bench_long_prompt -- WORKER_URL MODEL [REQUESTS [REPORT_FILE]]`. The model needs
//! a context of 4,200 tokens and a tokenizer with a token for each byte: `reference/make_checkpoints.py --random-4k`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Tokens of a short prompt.
const SHORT: usize = 64;
/// Tokens of the long one.
const LONG: usize = 4096;

/// Seconds to the first token; `mark` makes the prompt unlike any other, so that nothing of it is cached.
fn first_token(url: &str, model: &str, mark: u64, length: usize) -> Result<f64, Failure> {
    let host = url
        .strip_prefix("http://")
        .ok_or("URLs must begin with http://")?;
    let mut prompt = format!("{mark:016x} ");
    while prompt.len() < length {
        prompt.push(char::from(b'a' + (prompt.len() % 26) as u8));
    }
    let body = format!(
        "{{\"model\":\"{model}\",\"prompt\":\"{prompt}\",\"max_tokens\":1,\"stream\":true,\"temperature\":0}}"
    );
    let mut stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    let started = Instant::now();
    write!(
        stream,
        "POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len(),
    )?;
    let (mut seen, mut buffer) = (Vec::new(), [0_u8; 4096]);
    // The answer has one token, and ends with it.
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        seen.extend_from_slice(&buffer[..n]);
    }
    let seen = String::from_utf8_lossy(&seen);
    if !seen.contains("\"finish_reason\":\"") {
        return Err(format!("no answer: {seen}").into());
    }
    Ok(started.elapsed().as_secs_f64())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, model, rest @ ..] = args.as_slice() else {
        return Err("usage: bench_long_prompt WORKER_URL MODEL [REQUESTS [REPORT_FILE]]".into());
    };
    let requests: usize = rest.first().map_or(Ok(40), |n| n.parse())?;
    let mut mark = u64::from(std::process::id()) << 32;
    let mut next = || {
        mark += 1;
        mark
    };
    for _ in 0..3 {
        first_token(url, model, next(), SHORT)?;
    }
    let (mut idle, mut behind, mut long) = (Vec::new(), Vec::new(), Vec::new());
    // In turn, so that whatever else the machine does meets both.
    while behind.len() < requests {
        for _ in 0..4 {
            idle.push(first_token(url, model, next(), SHORT)?);
        }
        let over = Arc::new(AtomicBool::new(false));
        let thread = {
            let (url, model, mark, over) = (url.clone(), model.clone(), next(), over.clone());
            std::thread::spawn(move || {
                let found = first_token(&url, &model, mark, LONG);
                over.store(true, Ordering::Relaxed);
                found
            })
        };
        let mut waited = Duration::from_millis(30);
        for _ in 0..4 {
            // At no particular moment of a step.
            std::thread::sleep(waited);
            waited += Duration::from_millis(7);
            let found = first_token(url, model, next(), SHORT)?;
            if !over.load(Ordering::Relaxed) {
                behind.push(found);
            }
        }
        long.push(thread.join().map_err(|_| "the long request ended early")??);
    }
    let (idle, behind, long) = (median(&mut idle), median(&mut behind), median(&mut long));
    let ratio = behind / idle;
    let rows = format!(
        "[{{\"name\": \"first token of {SHORT} tokens behind a prompt of {LONG}, beside idle\", \"ours\": {:.1}, \
         \"comparator\": {:.1}, \"ratio\": {ratio:.2}, \"target\": 2.0, \"unit\": \"ms\", \"holds\": {}}}]",
        behind * 1e3,
        idle * 1e3,
        ratio <= 2.0
    );
    println!("{rows}");
    println!("the long prompt's first token came after {:.0} ms", long * 1e3);
    if let Some(path) = rest.get(1) {
        std::fs::write(path, rows)?;
    }
    Ok(())
}
