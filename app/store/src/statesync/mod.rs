//! State-sync snapshots: the state of one version in files of ten megabytes, for nodes that join late.
//!
//! A snapshot is a stream of entries in key order and of contract codes in order of their hashes, uncompressed
//! and cut every [`CHUNK_BYTES`]: every node that has the version writes the same bytes, and no chunk can
//! unpack to more than it is. See docs/adr/0013-state-sync-snapshots.md.

mod create;
mod folder;
mod format;
mod receive;

pub use create::create;
pub use folder::Folder;
pub use receive::{Codes, Received, Receiver};

use crate::StoreError;
use sha2::{Digest, Sha256};

/// The format that this program writes and reads.
pub const FORMAT: u32 = 1;

/// Bytes of a chunk; the last one may have fewer. CometBFT carries at most 16 MiB.
pub const CHUNK_BYTES: usize = 10_000_000;

/// Most chunks of a snapshot, so that its list of hashes stays below CometBFT's 4 MB of metadata.
pub const MOST_CHUNKS: usize = 100_000;

/// Longest key, value or code in a snapshot, in bytes.
pub const MOST_FIELD: usize = 8 << 20;

/// What identifies a snapshot among nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Version of the state.
    pub height: u64,
    /// See [`FORMAT`].
    pub format: u32,
    /// SHA-256 of each chunk, in order.
    pub chunks: Vec<[u8; 32]>,
}

impl Description {
    /// What nodes compare: the hash of [`Description::metadata`].
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.metadata()).into()
    }

    /// The chunks' hashes, one after the other.
    pub fn metadata(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    /// A description as a peer gives it.
    ///
    /// # Errors
    /// If its parts contradict one another or a bound.
    pub fn read(
        height: u64,
        format: u32,
        chunks: u32,
        hash: &[u8],
        metadata: &[u8],
    ) -> Result<Self, SyncError> {
        if format != FORMAT {
            return Err(SyncError::Format(format));
        }
        let (hashes, rest) = metadata.as_chunks::<32>();
        let description = Self {
            height,
            format,
            chunks: hashes.to_vec(),
        };
        let counted = usize::try_from(chunks).is_ok_and(|count| count == hashes.len());
        let bounded = (1..=MOST_CHUNKS).contains(&hashes.len());
        if height == 0 || !rest.is_empty() || !counted || !bounded || description.hash() != hash {
            return Err(SyncError::Description);
        }
        Ok(description)
    }
}

/// Why a snapshot cannot be made, found or taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// Written by another version of the program.
    #[error("the snapshot has format {0}, this program reads format {FORMAT}")]
    Format(u32),
    /// Its description contradicts itself.
    #[error("the description of the snapshot contradicts itself")]
    Description,
    /// A chunk is not the one that was described.
    #[error("chunk {0} has another length or hash than the snapshot says")]
    Chunk(u32),
    /// The chunks are as described and hold no state.
    #[error("the snapshot is malformed: {0}")]
    Malformed(&'static str),
    /// The chunks hold another state.
    #[error("the snapshot's app hash is {found}, the chain's is {expected}")]
    AppHash {
        /// Of the entries, in hexadecimal.
        found: String,
        /// Of the chain, in hexadecimal.
        expected: String,
    },
    /// There is no room for it.
    #[error("the snapshot has {bytes} bytes, and there is room for {room}; make room and start again")]
    NoRoom {
        /// Most bytes of its chunks.
        bytes: u64,
        /// Bytes that a snapshot may have.
        room: u64,
    },
    /// No such snapshot.
    #[error(
        "there is no snapshot of height {height} in format {format}; `quernd snapshots list` shows what is there"
    )]
    NotFound {
        /// Version of the state.
        height: u64,
        /// Format.
        format: u32,
    },
    /// Another one is there.
    #[error("a snapshot of height {0} is there already")]
    Exists(u64),
    /// Something in the state is too long for the format.
    #[error("an entry of {0} bytes is too long for a snapshot")]
    TooLong(usize),
    /// The folder or its files.
    #[error("snapshot folder: {0}; check the disk and its free space")]
    Io(String),
    /// The state itself.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<std::io::Error> for SyncError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error.to_string())
    }
}
