//! What can still be read of a damaged journal.

use crate::cipher::Cipher;
use crate::error::JournalError;
use crate::journal::{KEY, Record};
use crate::segment::{self, HEADER, Header};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The readable part of a damaged journal.
#[derive(Debug, Default)]
pub struct Salvage {
    /// Records that are whole, in order.
    pub records: Vec<Record>,
    /// Numbers between them of records that are lost; the end of the last is not known.
    pub lost: Vec<Range<u64>>,
}

/// Reads the whole records of a journal, damaged or not, and changes nothing.
///
/// # Errors
/// When the key or a segment cannot be read at all.
pub fn salvage(folder: &Path) -> Result<Salvage, JournalError> {
    let key = quern_keyfile::load(&folder.join(KEY)).map_err(|e| JournalError::Key(Arc::new(e)))?;
    let cipher = Cipher::new(&key);
    let mut result = Salvage::default();
    let mut next = None;
    for (first, path) in segment::list(folder).map_err(|e| JournalError::io(folder, e))? {
        let bytes = std::fs::read(&path).map_err(|e| JournalError::io(&path, e))?;
        let Some(header) = Header::decode(&cipher, &bytes) else {
            tracing::warn!(segment = %path.display(), first, "a segment's header is damaged; its records are lost");
            continue;
        };
        result.gap(next, header.first);
        next = Some(header.first);
        let (mut at, mut before) = (HEADER, header.before);
        while at < bytes.len() {
            let expected = next.unwrap_or(header.first);
            let found = segment::read_record(&cipher, header, &bytes, at, &before)
                .or_else(|| segment::find_later(&cipher, header, &bytes, at + 1, expected + 1));
            let Some(found) = found else {
                tracing::warn!(segment = %path.display(), at, "the rest of a segment is damaged");
                break;
            };
            result.gap(next, found.number);
            (at, before) = (found.place.end, found.tag);
            next = Some(found.number + 1);
            result.records.push(Record {
                number: found.number,
                payload: found.payload,
            });
        }
    }
    Ok(result)
}

impl Salvage {
    fn gap(&mut self, expected: Option<u64>, found: u64) {
        if let Some(expected) = expected.filter(|expected| *expected < found) {
            self.lost.push(expected..found);
        }
    }
}

/// Moves a journal's folder out of the way, so that a new one can begin; returns where it lies now.
///
/// # Errors
/// When the folder cannot be renamed.
pub fn set_aside(folder: &Path) -> Result<PathBuf, JournalError> {
    let name = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let free = (1..).map(|n| folder.with_file_name(format!("{name}.damaged-{n}")));
    for aside in free {
        if !aside.exists() {
            std::fs::rename(folder, &aside).map_err(|e| JournalError::io(folder, e))?;
            return Ok(aside);
        }
    }
    Err(JournalError::Closed)
}
