//! The stream of a snapshot, and its decoder.
//!
//! ```text
//! 0x01 key value      an entry of the state; keys rise strictly
//! 0x02 count          end of the state: entries so far, 8 bytes
//! 0x03 code           a contract code; SHA-256 rises strictly
//! 0x04 count          end of the snapshot: codes so far, 8 bytes
//! ```
//!
//! Keys, values and codes follow their length in 4 bytes. Numbers are big-endian.

use super::{MOST_FIELD, SyncError};
use crate::{Key, Value};
use sha2::{Digest, Sha256};

const ENTRY: u8 = 1;
const STATE_END: u8 = 2;
const CODE: u8 = 3;
const END: u8 = 4;

/// A part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// An entry of the state.
    Entry(Key, Value),
    /// All entries were there.
    StateEnd,
    /// A contract code with its SHA-256.
    Code([u8; 32], Vec<u8>),
    /// All codes were there.
    End,
}

fn field(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), SyncError> {
    let length = u32::try_from(bytes.len())
        .ok()
        .filter(|_| bytes.len() <= MOST_FIELD);
    out.extend(length.ok_or(SyncError::TooLong(bytes.len()))?.to_be_bytes());
    out.extend(bytes);
    Ok(())
}

pub(super) fn entry(key: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), SyncError> {
    out.push(ENTRY);
    field(key, out)?;
    field(value, out)
}

pub(super) fn code(code: &[u8], out: &mut Vec<u8>) -> Result<(), SyncError> {
    out.push(CODE);
    field(code, out)
}

pub(super) fn state_end(entries: u64, out: &mut Vec<u8>) {
    out.push(STATE_END);
    out.extend(entries.to_be_bytes());
}

pub(super) fn end(codes: u64, out: &mut Vec<u8>) {
    out.push(END);
    out.extend(codes.to_be_bytes());
}

/// Reads a stream piece by piece. It holds no more than a piece and one unfinished record.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    buffer: Vec<u8>,
    at: usize,
    entries: u64,
    codes: u64,
    last_key: Key,
    last_code: Option<[u8; 32]>,
    state_ended: bool,
    ended: bool,
}

impl Decoder {
    /// Adds the next piece.
    pub fn feed(&mut self, piece: &[u8]) {
        self.buffer.drain(..self.at.min(self.buffer.len()));
        self.at = 0;
        self.buffer.extend(piece);
    }

    /// Whether the stream came to its end with nothing after it.
    pub fn ended(&self) -> bool {
        self.ended && self.at == self.buffer.len()
    }

    /// The next whole record; `None` if more bytes are needed.
    ///
    /// # Errors
    /// If the bytes are no stream that a node wrote.
    pub fn next(&mut self) -> Result<Option<Record>, SyncError> {
        let Some((tag, rest)) = self.buffer.get(self.at..).and_then(<[u8]>::split_first) else {
            return Ok(None);
        };
        if self.ended {
            return Err(SyncError::Malformed("bytes after the end"));
        }
        let found = match *tag {
            ENTRY if !self.state_ended => {
                let Some((key, after)) = take(rest)? else {
                    return Ok(None);
                };
                let Some((value, after)) = take(after)? else {
                    return Ok(None);
                };
                if key.is_empty() || key <= self.last_key.as_slice() {
                    return Err(SyncError::Malformed("keys do not rise"));
                }
                self.last_key = key.to_vec();
                self.entries = self.entries.saturating_add(1);
                (Record::Entry(key.to_vec(), value.to_vec()), after.len())
            }
            CODE if self.state_ended => {
                let Some((code, after)) = take(rest)? else {
                    return Ok(None);
                };
                let hash = <[u8; 32]>::from(Sha256::digest(code));
                if self.last_code.is_some_and(|last| hash <= last) {
                    return Err(SyncError::Malformed("codes are out of order"));
                }
                self.last_code = Some(hash);
                self.codes = self.codes.saturating_add(1);
                (Record::Code(hash, code.to_vec()), after.len())
            }
            STATE_END if !self.state_ended => {
                let Some((count, after)) = rest.split_first_chunk() else {
                    return Ok(None);
                };
                if u64::from_be_bytes(*count) != self.entries {
                    return Err(SyncError::Malformed("entries are missing"));
                }
                self.state_ended = true;
                (Record::StateEnd, after.len())
            }
            END if self.state_ended => {
                let Some((count, after)) = rest.split_first_chunk() else {
                    return Ok(None);
                };
                if u64::from_be_bytes(*count) != self.codes {
                    return Err(SyncError::Malformed("codes are missing"));
                }
                self.ended = true;
                (Record::End, after.len())
            }
            _ => return Err(SyncError::Malformed("an unknown record")),
        };
        let (record, left) = found;
        self.at = self.buffer.len().saturating_sub(left);
        Ok(Some(record))
    }
}

/// A field, and what follows it.
type Field<'a> = (&'a [u8], &'a [u8]);

/// The field that `bytes` begin with, after its length; `None` if it is not all there yet.
fn take(bytes: &[u8]) -> Result<Option<Field<'_>>, SyncError> {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > MOST_FIELD {
        return Err(SyncError::Malformed("a field is too long"));
    }
    Ok(rest.split_at_checked(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn stream(entries: &[(Key, Value)], codes: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        for (key, value) in entries {
            entry(key, value, &mut out).unwrap();
        }
        state_end(entries.len() as u64, &mut out);
        for bytes in codes {
            code(bytes, &mut out).unwrap();
        }
        end(codes.len() as u64, &mut out);
        out
    }

    fn decode(bytes: &[u8], piece: usize) -> Result<(Vec<Record>, bool), SyncError> {
        let mut decoder = Decoder::default();
        let mut records = Vec::new();
        for piece in bytes.chunks(piece) {
            decoder.feed(piece);
            while let Some(record) = decoder.next()? {
                records.push(record);
            }
        }
        Ok((records, decoder.ended()))
    }

    proptest! {
        #[test]
        fn a_stream_reads_back_whatever_its_pieces_are(
            entries in proptest::collection::btree_map(vec(any::<u8>(), 1..5), vec(any::<u8>(), 0..9), 0..9),
            piece in 1..40usize,
        ) {
            let entries: Vec<_> = entries.into_iter().collect();
            let bytes = stream(&entries, &[b"code".to_vec()]);
            let (records, ended) = decode(&bytes, piece).unwrap();
            prop_assert!(ended);
            prop_assert_eq!(records.len(), entries.len() + 3);
            let read: Vec<_> = records.into_iter().filter_map(|record| match record {
                Record::Entry(key, value) => Some((key, value)),
                _ => None,
            }).collect();
            prop_assert_eq!(read, entries);
        }

        #[test]
        fn no_bytes_make_the_decoder_panic_or_hold_more_than_it_was_given(bytes in vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, 7);
        }
    }

    #[test]
    fn what_no_node_writes_is_refused() {
        let a = |key: &[u8]| (key.to_vec(), b"v".to_vec());
        assert!(decode(&stream(&[a(b"k"), a(b"k")], &[]), 9).is_err());
        assert!(decode(&stream(&[a(b"l"), a(b"k")], &[]), 9).is_err());
        assert!(decode(&stream(&[], &[b"x".to_vec(), b"x".to_vec()]), 9).is_err());
        let mut long = stream(&[a(b"k")], &[]);
        long.push(0);
        assert!(decode(&long, 9).is_err());
        // A length that promises gigabytes is refused before they come.
        assert!(decode(&[ENTRY, 0xff, 0xff, 0xff, 0xff], 9).is_err());
        let short = stream(&[a(b"k")], &[]);
        assert!(!decode(&short[..short.len() - 1], 9).unwrap().1);
    }
}
