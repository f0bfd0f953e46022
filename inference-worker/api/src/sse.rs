//! Server-sent events, taken apart without changing a byte.

use bytes::{Bytes, BytesMut};

/// Longest event that is waited for, in bytes.
const MAX_EVENT: usize = 1 << 20;

/// One event, or a comment, with the empty line that ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// As it came.
    pub raw: Bytes,
    /// The value of its `event` field.
    pub name: String,
    /// Its data, lines joined by a line feed.
    pub data: String,
}

/// Cuts a stream into events.
#[derive(Debug, Default)]
pub struct Splitter {
    buffer: BytesMut,
    searched: usize,
}

impl Splitter {
    /// Adds bytes. False when an event is longer than any should be.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        self.buffer.extend_from_slice(bytes);
        self.buffer.len() <= MAX_EVENT
    }

    /// The next whole event.
    #[allow(clippy::should_implement_trait, reason = "more may come after none")]
    pub fn next(&mut self) -> Option<Event> {
        let from = self.searched.saturating_sub(3);
        let rest = self.buffer.get(from..)?;
        let end = find(rest, b"\n\n")
            .map(|at| at + 2)
            .into_iter()
            .chain(find(rest, b"\r\n\r\n").map(|at| at + 4))
            .min();
        let Some(end) = end else {
            self.searched = self.buffer.len();
            return None;
        };
        self.searched = 0;
        Some(parse(self.buffer.split_to(from + end).freeze()))
    }

    /// What is left at the end of the stream.
    pub fn rest(&mut self) -> Bytes {
        self.searched = 0;
        self.buffer.split().freeze()
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Reads the bytes of one event.
pub fn parse(raw: Bytes) -> Event {
    let (mut name, mut data) = (String::new(), Vec::new());
    for line in String::from_utf8_lossy(&raw).lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut name),
            "data" => data.push(value.to_owned()),
            _ => {}
        }
    }
    let data = data.join("\n");
    Event { raw, name, data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &[u8] =
        b": hello\n\ndata: {\"choices\":[{\"text\":\"a\"}]}\n\nevent: quern.receipt\r\ndata: x\r\n\r\n\
        data: one\ndata: two\n\ndata: [DONE]\n\ntail";

    proptest! {
        #[test]
        fn events_are_the_same_however_the_stream_is_cut(cuts in prop::collection::vec(0_usize..120, 0..20)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(STREAM.len())).collect();
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let (mut splitter, mut events) = (Splitter::default(), Vec::new());
            for pair in cuts.windows(2) {
                splitter.push(&STREAM[pair[0]..pair[1]]);
                while let Some(event) = splitter.next() {
                    events.push(event);
                }
            }
            let raw: Vec<u8> = events.iter().flat_map(|event| event.raw.to_vec()).collect();
            prop_assert_eq!([&raw[..], &splitter.rest()].concat(), STREAM);
            let data: Vec<&str> = events.iter().map(|event| event.data.as_str()).collect();
            prop_assert_eq!(data[2..].to_vec(), vec!["x", "one\ntwo", "[DONE]"]);
            prop_assert_eq!(&events[2].name, "quern.receipt");
        }
    }
}
