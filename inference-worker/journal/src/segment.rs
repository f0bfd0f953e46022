//! The bytes of a segment.
//!
//! ```text
//! header  "QRNJRNL1" | first record u64 | tag of the record before u128 | nonce | tag
//! record  length of what follows u32 | number u64 | nonce | ciphertext of (synced u64 | payload) | tag
//! ```
//! Integers are big-endian. `synced` is the number below which every record was durable when this one was written: a
//! damaged record below it was acknowledged, one above it may be what a crash left.

use crate::cipher::{Cipher, NONCE, TAG, Tag, last_tag};
use std::ops::Range;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 8] = b"QRNJRNL1";
const FIXED: usize = 8 + 8 + TAG;
/// Bytes of a header.
pub(crate) const HEADER: usize = FIXED + NONCE + TAG;
/// Bytes of a record beside its payload.
pub(crate) const OVERHEAD: usize = 4 + 8 + NONCE + 8 + TAG;
/// Largest payload, in bytes.
pub(crate) const MAX_PAYLOAD: usize = 1 << 26;
const SUFFIX: &str = "seg";

/// What a segment follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) first: u64,
    pub(crate) before: Tag,
}

impl Header {
    fn fixed(self) -> Vec<u8> {
        [&MAGIC[..], &self.first.to_be_bytes(), &self.before].concat()
    }

    pub(crate) fn encode(self, cipher: &Cipher) -> std::io::Result<Vec<u8>> {
        let mut out = self.fixed();
        let bound = out.clone();
        cipher.seal(&[], &bound, &mut out)?;
        Ok(out)
    }

    pub(crate) fn decode(cipher: &Cipher, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER)?;
        let (fixed, sealed) = bytes.split_at(FIXED);
        let rest = fixed.strip_prefix(MAGIC)?;
        let (first, before) = rest.split_at(8);
        cipher.open(sealed, fixed)?;
        Some(Self {
            first: u64::from_be_bytes(first.try_into().ok()?),
            before: before.try_into().ok()?,
        })
    }
}

/// A record that was read.
pub(crate) struct Found {
    pub(crate) number: u64,
    pub(crate) synced: u64,
    pub(crate) payload: Vec<u8>,
    /// The whole record's place in the segment.
    pub(crate) place: Range<usize>,
    pub(crate) tag: Tag,
}

fn bound(header: Header, number: u64, before: &Tag) -> Vec<u8> {
    [&header.fixed()[..], &number.to_be_bytes(), before].concat()
}

/// Appends a record to `out` and returns its tag.
pub(crate) fn write_record(
    cipher: &Cipher,
    header: Header,
    number: u64,
    before: &Tag,
    synced: u64,
    payload: &[u8],
    out: &mut Vec<u8>,
) -> std::io::Result<Tag> {
    let length = (OVERHEAD - 4 + payload.len()) as u32;
    let text = [&synced.to_be_bytes()[..], payload].concat();
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&number.to_be_bytes());
    cipher.seal(&text, &bound(header, number, before), out)?;
    Ok(last_tag(out))
}

/// Where the record at `at` ends and what number it claims; nothing of it is checked but its length.
pub(crate) fn frame(bytes: &[u8], at: usize) -> Option<(u64, Range<usize>)> {
    let length = u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize;
    if !(OVERHEAD - 4..=OVERHEAD - 4 + MAX_PAYLOAD).contains(&length) {
        return None;
    }
    let end = at.checked_add(4)?.checked_add(length)?;
    let number = u64::from_be_bytes(bytes.get(at + 4..at + 12)?.try_into().ok()?);
    (end <= bytes.len()).then_some((number, at..end))
}

/// Reads the record at `at`, if it is whole and follows the record that ended in `before`.
pub(crate) fn read_record(
    cipher: &Cipher,
    header: Header,
    bytes: &[u8],
    at: usize,
    before: &Tag,
) -> Option<Found> {
    let (number, place) = frame(bytes, at)?;
    let sealed = bytes.get(at + 12..place.end)?;
    let text = cipher.open(sealed, &bound(header, number, before))?;
    let (synced, payload) = text.split_at_checked(8)?;
    Some(Found {
        number,
        synced: u64::from_be_bytes(synced.try_into().ok()?),
        payload: payload.to_vec(),
        tag: last_tag(sealed),
        place,
    })
}

/// The next readable record after damage: the sixteen bytes before a record are the tag of the one before it.
pub(crate) fn find_later(
    cipher: &Cipher,
    header: Header,
    bytes: &[u8],
    from: usize,
    least: u64,
) -> Option<Found> {
    // A damaged record may have lost its number and its length, but numbers only grow, and by less than bytes do.
    let most = least.saturating_add(bytes.len() as u64);
    (from.max(HEADER)..bytes.len()).find_map(|at| {
        let (number, _) = frame(bytes, at)?;
        if number < least || number > most {
            return None;
        }
        read_record(cipher, header, bytes, at, &last_tag(&bytes[..at]))
    })
}

/// Path of the segment that begins with a record.
pub(crate) fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:016x}.{SUFFIX}"))
}

/// The segments in a folder, in order.
pub(crate) fn list(folder: &Path) -> std::io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str());
        if let (Some(name), Some(true)) = (name, path.extension().map(|end| end == SUFFIX))
            && let Ok(first) = u64::from_str_radix(name, 16)
        {
            found.push((first, path));
        }
    }
    found.sort();
    Ok(found)
}
