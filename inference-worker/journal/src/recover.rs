//! Opening: every record is checked, and a torn tail is cut off.

use crate::cipher::{Cipher, Tag};
use crate::error::JournalError;
use crate::index::{Entry, Index, damaged};
use crate::segment::{self, HEADER, Header};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

/// What a crash left half-written at the end: never acknowledged, and cut off now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The segment.
    pub path: PathBuf,
    /// Where it was cut, in bytes.
    pub offset: u64,
    /// How many bytes were cut off.
    pub bytes: u64,
    /// Number of the record that would have begun there.
    pub record: u64,
}

/// Where a journal goes on.
pub(crate) struct Recovered {
    pub(crate) index: Index,
    pub(crate) next: u64,
    pub(crate) before: Tag,
    pub(crate) torn: Option<Torn>,
}

/// Reads all segments; `each` is given number and payload of every record.
pub(crate) fn recover(
    folder: &Path,
    cipher: &Cipher,
    each: &mut dyn FnMut(u64, Vec<u8>),
) -> Result<Recovered, JournalError> {
    let paths = segment::list(folder).map_err(|e| JournalError::io(folder, e))?;
    let mut state = Recovered {
        index: Index::default(),
        next: 0,
        before: Tag::default(),
        torn: None,
    };
    let last = paths.len().saturating_sub(1);
    for (turn, (first, path)) in paths.into_iter().enumerate() {
        let bytes = std::fs::read(&path).map_err(|e| JournalError::io(&path, e))?;
        // What lies before the first segment that is kept was discarded on purpose.
        let expected = (turn > 0).then_some(Header {
            first: state.next,
            before: state.before,
        });
        let header = Header::decode(cipher, &bytes)
            .filter(|header| header.first == first && expected.is_none_or(|expected| expected == *header));
        match header {
            Some(header) => state.segment(cipher, header, &path, &bytes, turn == last, each)?,
            // Made but never synced: a record can only follow a header that is durable.
            None if turn == last && (turn > 0 || first == 0) && bytes.len() <= HEADER => {
                std::fs::remove_file(&path).map_err(|e| JournalError::io(&path, e))?;
                state.torn = Some(Torn {
                    path,
                    offset: 0,
                    bytes: bytes.len() as u64,
                    record: first,
                });
            }
            None => return Err(damaged(&path, 0, first)),
        }
    }
    Ok(state)
}

impl Recovered {
    fn segment(
        &mut self,
        cipher: &Cipher,
        header: Header,
        path: &Path,
        bytes: &[u8],
        last: bool,
        each: &mut dyn FnMut(u64, Vec<u8>),
    ) -> Result<(), JournalError> {
        (self.next, self.before) = (header.first, header.before);
        let (mut at, mut ends) = (HEADER, VecDeque::new());
        while at < bytes.len() {
            let found = segment::read_record(cipher, header, bytes, at, &self.before);
            let Some(found) = found.filter(|found| found.number == self.next) else {
                self.cut(cipher, header, path, bytes, at, last)?;
                break;
            };
            at = found.place.end;
            ends.push_back(at as u64);
            (self.next, self.before) = (found.number + 1, found.tag);
            each(found.number, found.payload);
        }
        let entry = Entry {
            path: path.to_owned(),
            header,
            ends,
        };
        self.index.segments.insert(header.first, entry);
        Ok(())
    }

    /// Cuts the segment at `at`, unless something acknowledged would go with it.
    fn cut(
        &mut self,
        cipher: &Cipher,
        header: Header,
        path: &Path,
        bytes: &[u8],
        at: usize,
        last: bool,
    ) -> Result<(), JournalError> {
        let mut from = at + 1;
        while let Some(later) = segment::find_later(cipher, header, bytes, from, self.next + 1) {
            // It was written when the unreadable record was already durable.
            if later.synced > self.next {
                return Err(damaged(path, at as u64, self.next));
            }
            from = later.place.end;
        }
        if !last {
            return Err(damaged(path, at as u64, self.next));
        }
        let io = |error| JournalError::io(path, error);
        let file: File = OpenOptions::new().write(true).open(path).map_err(io)?;
        file.set_len(at as u64)
            .and_then(|()| file.sync_all())
            .map_err(io)?;
        self.torn = Some(Torn {
            path: path.to_owned(),
            offset: at as u64,
            bytes: (bytes.len() - at) as u64,
            record: self.next,
        });
        Ok(())
    }
}
