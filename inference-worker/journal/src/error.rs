//! What can go wrong.

use quern_keyfile::KeyFileError;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the journal cannot do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk, the quota or the largest file size is exhausted. Nothing was recorded; make room and go on.
    #[error("no space for the journal in {0}; make room, then it goes on by itself")]
    Full(PathBuf),
    /// The system failed.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: Arc<std::io::Error>,
    },
    /// The key file is of no use.
    #[error("{0}")]
    Key(Arc<KeyFileError>),
    /// There are records, but the key that reads them is gone.
    #[error(
        "{0} is missing, and without it the journal beside it cannot be read; restore it, or move the folder away"
    )]
    KeyMissing(PathBuf),
    /// Another process has the journal open.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// Acknowledged records are damaged or missing.
    #[error(
        "{path} is damaged at byte {offset} (record {record}); restore it from a copy, or set the journal aside"
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// Number of the first record that cannot be read.
        record: u64,
    },
    /// No such record: never written, or discarded.
    #[error("the journal has no record {0}")]
    NoRecord(u64),
    /// A payload over the limit.
    #[error("a record of {0} bytes is larger than the journal takes")]
    TooLarge(usize),
    /// The writing thread has ended.
    #[error("the journal is closed")]
    Closed,
}

impl JournalError {
    /// Sorts an error of the system.
    pub(crate) fn io(path: &Path, error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::Full(path.to_owned())
            }
            _ => Self::Io {
                path: path.to_owned(),
                error: Arc::new(error),
            },
        }
    }
}
