//! What a router adds to the time to the first token where requests are paid, and what a sprint of proof of compute
//! adds: the same stream, asked for in turn from a host directly, with vouchers that this program signed before, and
//! through the router, which signs its own.
//!
//! `cargo run -p quern-router --example bench_paid_first_token -- ROUTER_URL API_KEY WORKER_URL WORKER_STATUS_URL
//! WORKER_KEY NODE CHAIN_ID HOST SESSION SESSION_KEY_FILE MODEL [REQUESTS [REPORT_FILE]]`, where WORKER_KEY is the worker's
//! transport key in hexadecimal and the session is one that nobody else uses, signed for by the payer.
//! `tests/e2e/money/bench_paid_first_token.sh` makes all that and runs it.

use http::{Request, header};
use http_body_util::{BodyExt, Full};
use quern_chain_client::{Chain, SigningKey};
use quern_inference_api::paid::{Authority, VOUCHER_HEADER, to_header};
use quern_protocol::{Amount, Bytes, Voucher, salt_commitment};
use quern_transport::{Client, TransportKey};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const ROUNDS: usize = 5;
/// Most that a request may cost, far above what it does.
const CEILING: u128 = 100_000;
/// How long it is waited for sprints.
const SPRINTS: Duration = Duration::from_secs(240);
/// Requests in sprints that are enough.
const ENOUGH: usize = 60;

fn body(model: &str) -> String {
    serde_json::json!({"model": model, "prompt": "And it came to pass", "max_tokens": 8, "temperature": 0, "stream": true})
        .to_string()
}

fn has_text(seen: &[u8]) -> bool {
    seen.windows(8).any(|window| window == b"\"text\":\"")
}

/// Milliseconds to the first event with text, and to the end.
#[derive(Clone, Copy)]
struct Times {
    first: f64,
    whole: f64,
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// A kept-alive connection to the router, as client libraries hold them.
struct Routed {
    stream: TcpStream,
    request: Vec<u8>,
}

impl Routed {
    fn connect(url: &str, api_key: &str, body: &str) -> Result<Self, Failure> {
        let host = url
            .strip_prefix("http://")
            .ok_or("the router's URL must begin with http://")?;
        let request = format!(
            "POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nAuthorization: Bearer \
             {api_key}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
        );
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        let request = request.into_bytes();
        Ok(Self { stream, request })
    }

    fn ask(&mut self) -> Result<Times, Failure> {
        let started = Instant::now();
        self.stream.write_all(&self.request)?;
        let (mut seen, mut buffer, mut first) = (Vec::new(), [0_u8; 4096], None);
        while !seen.ends_with(b"\r\n0\r\n\r\n") {
            let n = self.stream.read(&mut buffer)?;
            seen.extend_from_slice(&buffer[..n]);
            if n == 0 || (seen.len() > 12 && !seen.starts_with(b"HTTP/1.1 200")) {
                return Err(format!("the router: {}", String::from_utf8_lossy(&seen)).into());
            }
            if first.is_none() && has_text(&seen) {
                first = Some(millis(started));
            }
        }
        let first = first.ok_or("the router's answer has no text")?;
        let whole = millis(started);
        Ok(Times { first, whole })
    }
}

/// A session of this program's own with one host.
struct Direct {
    client: Client,
    url: String,
    worker_key: [u8; 32],
    chain_id: String,
    host: String,
    session: u64,
    key: SigningKey,
    nonce: u64,
    body: String,
    height: Arc<AtomicU64>,
}

impl Direct {
    fn request(&mut self) -> Result<Request<Full<bytes::Bytes>>, Failure> {
        self.nonce += 1;
        let salt = u128::from(self.nonce).to_be_bytes();
        let voucher = Voucher {
            session: self.session,
            host: self.host.clone(),
            nonce: self.nonce,
            height: self.height.load(Ordering::Relaxed),
            ceiling: Amount(CEILING),
            cap: Amount(CEILING * u128::from(self.nonce)),
            salt_commitment: salt_commitment(&self.chain_id, self.session, self.nonce, &salt),
        };
        let authority = Authority {
            chain_id: self.chain_id.clone(),
            signature: Bytes(self.key.sign(&voucher.digest(&self.chain_id).0)),
            voucher,
            salt: Bytes(salt),
        };
        Ok(Request::post(format!("{}/v1/completions", self.url))
            .header(header::CONTENT_TYPE, "application/json")
            .header(VOUCHER_HEADER, to_header(&authority).ok_or("no header")?)
            .body(Full::from(self.body.clone()))?)
    }

    /// The voucher is signed before the clock starts: that is the router's work, not the host's.
    async fn ask(&mut self) -> Result<Times, Failure> {
        let request = self.request()?;
        let started = Instant::now();
        let response = self.client.request(self.worker_key, request).await?;
        let status = response.status();
        let (mut stream, mut seen, mut first) = (response.into_body(), Vec::new(), None);
        while let Some(frame) = stream.frame().await {
            seen.extend_from_slice(frame?.data_ref().map_or(&[][..], |data| data));
            if first.is_none() && has_text(&seen) {
                first = Some(millis(started));
            }
        }
        let first =
            first.ok_or_else(|| format!("the worker: {status} {}", String::from_utf8_lossy(&seen)))?;
        let whole = millis(started);
        Ok(Times { first, whole })
    }
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn rounded(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}

/// Follows a counter of the worker's metrics; answers the time since a common start, in ms, at which it last rose.
fn follow_sprints(status: &str, started: Instant) -> Arc<AtomicU64> {
    let rose = Arc::new(AtomicU64::new(0));
    let (last, host) = (rose.clone(), status.trim_start_matches("http://").to_owned());
    std::thread::spawn(move || {
        let mut before = None;
        loop {
            let count = counter(&host, "quern_worker_proof_tokens_total");
            if let (Some(before), Some(count)) = (before, count)
                && count > before
            {
                last.store(started.elapsed().as_millis() as u64, Ordering::Relaxed);
            }
            before = count.or(before);
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    rose
}

fn counter(host: &str, name: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(host).ok()?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    // The model is a label; one is served.
    let value = text.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?.strip_prefix('{')?;
        Some(rest.split_once("} ")?.1)
    });
    value?.trim().parse().ok()
}

/// Requests while the host computes a sprint, and while it does not.
fn sprints(router: &mut Routed, status: &str) -> Result<(Vec<Times>, Vec<Times>), Failure> {
    let started = Instant::now();
    let rose = follow_sprints(status, started);
    let (mut during, mut idle) = (Vec::new(), Vec::new());
    while during.len() < ENOUGH && started.elapsed() < SPRINTS {
        let began = started.elapsed().as_millis() as u64;
        let times = router.ask()?;
        // Answers of a sprint come many a second; a moment is left for the counter to be seen.
        std::thread::sleep(Duration::from_millis(120));
        let last = rose.load(Ordering::Relaxed);
        match last {
            0 => idle.push(times),
            last if last >= began => during.push(times),
            last if last + 1_000 < began => idle.push(times),
            _ => {}
        }
    }
    Ok((during, idle))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [
        router,
        api_key,
        worker,
        status,
        worker_key,
        node,
        chain_id,
        host,
        session,
        key_file,
        model,
        rest @ ..,
    ] = &args[..]
    else {
        return Err("eleven arguments are needed: see the head of this file".into());
    };
    let requests: usize = rest.first().map_or(Ok(60), |n| n.parse())?;
    let chain = Chain::new(chain_id, std::slice::from_ref(node))?;
    let height = Arc::new(AtomicU64::new(chain.status().await?.height));
    let followed = height.clone();
    tokio::spawn(async move {
        loop {
            if let Ok(height) = chain.height().await {
                followed.store(height, Ordering::Relaxed);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut direct = Direct {
        client: Client::new(TransportKey::from_secret([42; 32].into())),
        url: worker.clone(),
        worker_key: worker_key.parse::<Bytes<32>>()?.0,
        chain_id: chain_id.clone(),
        host: host.clone(),
        session: session.parse()?,
        key: SigningKey::load_or_create(Path::new(key_file))?,
        nonce: 0,
        body: body(model),
        height,
    };
    let mut routed = Routed::connect(router, api_key, &body(model))?;
    for _ in 0..5 {
        direct.ask().await?;
        tokio::task::block_in_place(|| routed.ask())?;
    }
    let (mut plain, mut through, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for turn in 0..requests {
            // Who goes first alternates, so that neither always finds a warm cache.
            if turn % 2 == 0 {
                a.push(direct.ask().await?.first);
                b.push(tokio::task::block_in_place(|| routed.ask())?.first);
            } else {
                b.push(tokio::task::block_in_place(|| routed.ask())?.first);
                a.push(direct.ask().await?.first);
            }
        }
        let (a, b) = (median(a), median(b));
        plain.push(a);
        through.push(b);
        added.push(b - a);
    }
    let (plain, through, added) = (median(plain), median(through), rounded(median(added)));
    let sync = median(fsync_times()?);
    let mut rows = vec![serde_json::json!({
        "name": format!(
            "router's added time to first token where requests are paid, median of {ROUNDS} rounds of {requests} (direct \
             {} ms, routed {} ms, fsync {} ms)",
            rounded(plain), rounded(through), rounded(sync),
        ),
        "ours": added, "comparator": rounded(plain), "ratio": null, "target": 2.0, "unit": "ms", "holds": added <= 2.0,
    })];
    let (during, idle) = tokio::task::block_in_place(|| sprints(&mut routed, status))?;
    if during.is_empty() || idle.is_empty() {
        return Err("no sprint began and ended while it was waited for one".into());
    }
    type Part = fn(&Times) -> f64;
    let parts: [(&str, Part); 2] = [("first token", |t| t.first), ("end", |t| t.whole)];
    for (what, part) in parts {
        let (ours, comparator) = (median(during.iter().map(part)), median(idle.iter().map(part)));
        rows.push(serde_json::json!({
            "name": format!(
                "a paid request's time to its {what} during a sprint of proof of compute ({} requests) beside without one \
                 ({})",
                during.len(), idle.len(),
            ),
            "ours": rounded(ours), "comparator": rounded(comparator), "ratio": rounded(ours / comparator),
            "target": null, "unit": "ms", "holds": null,
        }));
    }
    for row in &rows {
        println!("{row}");
    }
    if let Some(path) = rest.get(1) {
        std::fs::write(path, serde_json::to_vec_pretty(&rows)?)?;
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
        times.push(millis(started));
    }
    std::fs::remove_file(path)?;
    Ok(times)
}
