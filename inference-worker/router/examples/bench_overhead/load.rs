//! The load generator: a thread and a kept-alive connection for each stream, as client libraries hold them.

use crate::Failure;
use crate::upstream::{MODEL, PACE, WORD};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Requests before those that count, on each connection.
const WARM: usize = 2;
/// Seconds without a byte after which a server is taken for hung.
const PATIENCE: Duration = Duration::from_secs(60);
/// How a whole answer ends: the last chunk is empty.
const END: &[u8] = b"\r\n0\r\n\r\n";

/// Where requests go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    host: &'a str,
    path: &'a str,
}

impl<'a> Target<'a> {
    pub(crate) fn new(url: &'a str, path: &'a str) -> Result<Self, Failure> {
        let host = url.strip_prefix("http://");
        let host = host.ok_or("URLs must begin with http://")?;
        Ok(Self { host, path })
    }

    fn request(&self, words: usize) -> Vec<u8> {
        let body = serde_json::json!({
            "model": MODEL, "max_tokens": words, "temperature": 0, "stream": true,
            "messages": [{"role": "user", "content": "And it came to pass"}],
        });
        let body = body.to_string();
        format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAuthorization: Bearer unused\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.path,
            self.host,
            body.len(),
        )
        .into_bytes()
    }
}

/// What one target answered.
#[derive(Debug, Default)]
pub(crate) struct Phase {
    /// Milliseconds to the first word of each answer, in order.
    firsts: Vec<f64>,
    /// Words of all streams a second, from the first stream's start to the last one's end.
    pub(crate) words_per_s: f64,
}

impl Phase {
    /// The time to the first word at a share of all answers.
    pub(crate) fn first(&self, share: f64) -> f64 {
        let rank = (self.firsts.len() as f64 * share).ceil() as usize;
        let place = rank.clamp(1, self.firsts.len().max(1)) - 1;
        self.firsts.get(place).copied().unwrap_or(f64::NAN)
    }
}

/// So many streams at once, with so many requests each, for answers of so many words.
pub(crate) fn phase(
    target: &Target<'_>,
    streams: usize,
    requests: usize,
    words: usize,
) -> Result<Phase, Failure> {
    let request = target.request(words);
    let results: Vec<Result<Stream, Failure>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..streams)
            .map(|index| {
                // Streams begin apart, or all would ask at once.
                let wait = PACE * words as u32 * index as u32 / streams as u32;
                let request = &request;
                scope.spawn(move || stream(target.host, request, wait, requests, words))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a stream panicked".into())))
            .collect()
    });
    let mut firsts = Vec::new();
    let mut time: Option<(Instant, Instant)> = None;
    for result in results {
        let stream = result?;
        firsts.extend(stream.firsts);
        let (from, to) = time.unwrap_or((stream.from, stream.to));
        time = Some((from.min(stream.from), to.max(stream.to)));
    }
    firsts.sort_by(f64::total_cmp);
    let seconds = time.map_or(f64::NAN, |(from, to)| (to - from).as_secs_f64());
    let words_per_s = (firsts.len() * words) as f64 / seconds;
    Ok(Phase { firsts, words_per_s })
}

struct Stream {
    firsts: Vec<f64>,
    from: Instant,
    to: Instant,
}

fn stream(
    host: &str,
    request: &[u8],
    wait: Duration,
    requests: usize,
    words: usize,
) -> Result<Stream, Failure> {
    let mut connection = connect(host)?;
    std::thread::sleep(wait);
    // Servers close kept connections at will: a request is sent again once, over another, as client libraries do.
    let mut once = || {
        ask(&mut connection, request, words).or_else(|_| {
            connection = connect(host)?;
            ask(&mut connection, request, words).map_err(|error| Failure::from(format!("{host}: {error}")))
        })
    };
    for _ in 0..WARM {
        once()?;
    }
    let from = Instant::now();
    let firsts: Result<_, _> = (0..requests).map(|_| once()).collect();
    Ok(Stream {
        firsts: firsts?,
        from,
        to: Instant::now(),
    })
}

fn connect(host: &str) -> Result<TcpStream, Failure> {
    let connection = TcpStream::connect(host)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    Ok(connection)
}

fn count(seen: &[u8]) -> usize {
    seen.windows(WORD.len())
        .filter(|window| *window == WORD.as_bytes())
        .count()
}

/// Milliseconds to the first word; the whole answer is read, and has to have every word.
fn ask(connection: &mut TcpStream, request: &[u8], words: usize) -> Result<f64, Failure> {
    let started = Instant::now();
    connection.write_all(request)?;
    let (mut seen, mut buffer, mut first) = (Vec::new(), [0_u8; 8192], None);
    while !seen.ends_with(END) {
        let n = connection.read(&mut buffer)?;
        seen.extend_from_slice(buffer.get(..n).unwrap_or_default());
        if n == 0 || (seen.len() > 12 && !seen.starts_with(b"HTTP/1.1 200")) {
            return Err(format!("not an answer: {}", String::from_utf8_lossy(&seen)).into());
        }
        if first.is_none() && count(&seen) > 0 {
            first = Some(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    match (first, count(&seen)) {
        (Some(first), seen) if seen == words => Ok(first),
        (_, seen) => Err(format!("an answer has {seen} words of {words}").into()),
    }
}
