//! Server-sent events of bounded size, read as they come.

use crate::error::UpstreamError;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::timeout;

/// Largest event that is read, in bytes.
pub const MAX_EVENT: usize = 1024 * 1024;

/// The data of events in a body.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    lines: Lines,
}

impl Events {
    /// Events of a body.
    pub fn new(body: Incoming) -> Self {
        Self {
            body,
            lines: Lines::default(),
        }
    }

    /// Data of the next event, for which it waits so long; none at the end of the body.
    ///
    /// # Errors
    /// When the engine pauses for too long, breaks off or sends an event that is too long.
    pub async fn next(&mut self, patience: Duration) -> Result<Option<Vec<u8>>, UpstreamError> {
        // Comments and crumbs do not put off the end of patience.
        match timeout(patience, self.read()).await {
            Ok(read) => read,
            Err(_) => Err(UpstreamError::Timeout("between two pieces of an answer")),
        }
    }

    async fn read(&mut self) -> Result<Option<Vec<u8>>, UpstreamError> {
        loop {
            if let Some(data) = self.lines.ready.pop_front() {
                return Ok(Some(data));
            }
            match self.body.frame().await {
                None => return Ok(self.lines.rest()),
                Some(Err(error)) => return Err(UpstreamError::Broken(super::reason(&error))),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.lines.push(&data)?;
                }
            }
        }
    }
}

/// Lines as they come, in pieces of any size.
#[derive(Debug, Default)]
struct Lines {
    line: Vec<u8>,
    /// Data of the event that is being read.
    data: Option<Vec<u8>>,
    ready: VecDeque<Vec<u8>>,
    /// The last byte was a carriage return, which a line feed may complete.
    returned: bool,
}

impl Lines {
    fn push(&mut self, bytes: &Bytes) -> Result<(), UpstreamError> {
        let mut rest: &[u8] = bytes;
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, after) = rest.split_at(end);
            let empty = line.is_empty() && self.line.is_empty();
            let feed = after.first() == Some(&b'\n');
            rest = after.get(1..).unwrap_or_default();
            if std::mem::take(&mut self.returned) && feed && empty {
                continue;
            }
            self.returned = !feed;
            self.extend(line)?;
            self.end_line()?;
        }
        if !rest.is_empty() {
            self.returned = false;
        }
        self.extend(rest)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), UpstreamError> {
        let held = self.line.len() + self.data.as_ref().map_or(0, Vec::len);
        if held.saturating_add(bytes.len()) > MAX_EVENT {
            return Err(UpstreamError::TooLong {
                what: "an event",
                limit: MAX_EVENT,
            });
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), UpstreamError> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            self.ready.extend(self.data.take());
            return Ok(());
        }
        // Comments, names and ids of events say nothing here.
        let Some(value) = line.strip_prefix(b"data:") else {
            return Ok(());
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &mut self.data {
            None => self.data = Some(value.to_vec()),
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
        }
        Ok(())
    }

    /// What a body that ends without an empty line leaves.
    fn rest(&mut self) -> Option<Vec<u8>> {
        let _ = self.end_line();
        self.data.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        for piece in pieces {
            lines.push(&Bytes::copy_from_slice(piece)).unwrap();
        }
        let rest = lines.rest();
        let all = lines.ready.into_iter().chain(rest);
        all.map(|data| String::from_utf8(data).unwrap()).collect()
    }

    #[test]
    fn events_are_the_same_in_pieces_of_any_size() {
        let text = b": hello\r\n\r\ndata: {\"a\":1}\r\n\r\nevent: x\ndata:one\ndata: two\n\ndata: [DONE]";
        let wanted = ["{\"a\":1}", "one\ntwo", "[DONE]"];
        assert_eq!(read(&[text]), wanted);
        for size in 1..text.len() {
            let pieces: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(read(&pieces), wanted, "{size}");
        }
        assert_eq!(read(&[b"data: a\r\rdata: b\r\r"]), ["a", "b"]);
    }

    #[test]
    fn neither_a_line_nor_many_of_one_event_grow_without_bound() {
        let mut lines = Lines::default();
        let piece = Bytes::from(vec![b'a'; MAX_EVENT / 4]);
        let results: Vec<_> = (0..5).map(|_| lines.push(&piece)).collect();
        assert!(results[3].is_ok() && results[4].is_err());
        let mut lines = Lines::default();
        let line = Bytes::from(format!("data: {}\n", "a".repeat(MAX_EVENT / 4)));
        let results: Vec<_> = (0..5).map(|_| lines.push(&line)).collect();
        assert!(results[2].is_ok() && results[4].is_err());
    }
}
