//! Where each record lies.

use crate::cipher::{Cipher, Tag};
use crate::error::JournalError;
use crate::segment::{self, HEADER, Header, OVERHEAD};
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// One segment's records.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    pub(crate) header: Header,
    /// Where each record ends; the first begins after the header.
    pub(crate) ends: VecDeque<u64>,
}

impl Entry {
    /// Number that the next record of this segment has or would have.
    pub(crate) fn next(&self) -> u64 {
        self.header.first + self.ends.len() as u64
    }

    /// Bytes of the segment that are in use.
    pub(crate) fn size(&self) -> u64 {
        self.ends.back().copied().unwrap_or(HEADER as u64)
    }
}

/// All segments by the number of their first record.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) segments: BTreeMap<u64, Entry>,
}

impl Index {
    /// Number of the first record that is kept.
    pub(crate) fn first(&self) -> u64 {
        self.segments.keys().next().copied().unwrap_or(0)
    }

    /// Reads one record.
    pub(crate) fn read(&self, cipher: &Cipher, number: u64) -> Result<Vec<u8>, JournalError> {
        let missing = JournalError::NoRecord(number);
        let Some((first, entry)) = self.segments.range(..=number).next_back() else {
            return Err(missing);
        };
        let slot = (number - first) as usize;
        let Some(end) = entry.ends.get(slot).copied() else {
            return Err(missing);
        };
        let start = match slot.checked_sub(1) {
            Some(before) => entry.ends.get(before).copied().unwrap_or(HEADER as u64),
            None => HEADER as u64,
        };
        let damaged = || damaged(&entry.path, start, number);
        // The tag before the record comes with it; before the first stands the header's own.
        let lead = if slot == 0 { 0 } else { size_of::<Tag>() };
        let mut bytes = vec![0; lead + (end - start) as usize];
        let file = File::open(&entry.path).map_err(|e| JournalError::io(&entry.path, e))?;
        file.read_exact_at(&mut bytes, start - lead as u64)
            .map_err(|e| JournalError::io(&entry.path, e))?;
        let before = match bytes.first_chunk::<{ size_of::<Tag>() }>() {
            Some(tag) if slot > 0 => *tag,
            _ => entry.header.before,
        };
        debug_assert!(bytes.len() >= lead + OVERHEAD);
        let found = segment::read_record(cipher, entry.header, &bytes, lead, &before).ok_or_else(damaged)?;
        if found.number == number {
            Ok(found.payload)
        } else {
            Err(damaged())
        }
    }
}

/// The error for damage to acknowledged records.
pub(crate) fn damaged(path: &Path, offset: u64, record: u64) -> JournalError {
    JournalError::Damaged {
        path: path.to_owned(),
        offset,
        record,
    }
}
