//! Taking in a snapshot chunk by chunk.

use super::format::{Decoder, Record};
use super::{CHUNK_BYTES, Description, SyncError};
use crate::{Key, MultiStore, Restore, Snapshot, StoreError, Value};
use sha2::{Digest, Sha256};

/// Bytes of entries that go into the state at once.
const BATCH_BYTES: usize = CHUNK_BYTES;
/// What an entry takes in memory besides its bytes, about: many small ones must not add up unseen.
const ENTRY_BYTES: usize = 128;

/// A snapshot on its way into an empty state. Dropping it throws away what came so far.
#[derive(Debug)]
pub struct Receiver {
    description: Description,
    /// The chain's, if somebody who is trusted told it.
    app_hash: Option<[u8; 32]>,
    next: u32,
    decoder: Decoder,
    restore: Restore,
    batch: Vec<(Key, Value)>,
    batch_bytes: usize,
    /// Once all entries are there and have the chain's app hash.
    state: Option<Snapshot>,
}

/// What a chunk brought.
#[derive(Debug)]
pub enum Received {
    /// More chunks are to come.
    More,
    /// The last one: [`Receiver::finish`] may be called.
    Last,
}

/// Who takes in contract codes.
pub trait Codes {
    /// A code with its SHA-256, of a state that was found to have the chain's app hash.
    ///
    /// # Errors
    /// If the state names no such code, or it cannot be stored.
    fn take(&mut self, state: &Snapshot, hash: [u8; 32], code: Vec<u8>) -> Result<(), SyncError>;
}

impl Receiver {
    /// Begins to fill `store` with what `description` names. `app_hash` is the chain's at that height, from a
    /// source that is trusted.
    ///
    /// # Errors
    /// If the store is not empty.
    pub fn begin(
        store: &MultiStore,
        description: Description,
        app_hash: [u8; 32],
    ) -> Result<Self, SyncError> {
        Self::new(store, description, Some(app_hash))
    }

    /// As [`Receiver::begin`] for a snapshot of one's own, whose state is believed.
    ///
    /// # Errors
    /// As [`Receiver::begin`].
    pub fn trusting(store: &MultiStore, description: Description) -> Result<Self, SyncError> {
        Self::new(store, description, None)
    }

    fn new(
        store: &MultiStore,
        description: Description,
        app_hash: Option<[u8; 32]>,
    ) -> Result<Self, SyncError> {
        Ok(Self {
            restore: store.restore(description.height)?,
            description,
            app_hash,
            next: 0,
            decoder: Decoder::default(),
            batch: Vec::new(),
            batch_bytes: 0,
            state: None,
        })
    }

    /// The snapshot.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The restored state, once all of it is there and has the chain's app hash.
    pub fn state(&self) -> Option<&Snapshot> {
        self.state.as_ref()
    }

    /// The chunk that is to come next.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Takes in the next chunk.
    ///
    /// # Errors
    /// [`SyncError::Chunk`] if the chunk is not the one that was described: another peer may have the right
    /// one, and nothing was taken in. Any other error means that the snapshot itself is of no use, or the disk.
    pub fn chunk(&mut self, bytes: &[u8], codes: &mut impl Codes) -> Result<Received, SyncError> {
        let wrong = SyncError::Chunk(self.next);
        let index = usize::try_from(self.next).unwrap_or(usize::MAX);
        let last = index.saturating_add(1) == self.description.chunks.len();
        let whole = bytes.len() == CHUNK_BYTES || (last && !bytes.is_empty() && bytes.len() < CHUNK_BYTES);
        // The length comes first: nothing is hashed that cannot be right.
        let right = |expected: &[u8; 32]| <[u8; 32]>::from(Sha256::digest(bytes)) == *expected;
        if !whole || !self.description.chunks.get(index).is_some_and(right) {
            return Err(wrong);
        }
        self.decoder.feed(bytes);
        while let Some(record) = self.decoder.next()? {
            match record {
                Record::Entry(key, value) => {
                    let bytes = key.len().saturating_add(value.len()).saturating_add(ENTRY_BYTES);
                    self.batch_bytes = self.batch_bytes.saturating_add(bytes);
                    self.batch.push((key, value));
                    if self.batch_bytes >= BATCH_BYTES {
                        self.write()?;
                    }
                }
                Record::StateEnd => {
                    self.write()?;
                    let found = self.restore.app_hash();
                    if let Some(expected) = self.app_hash.filter(|expected| *expected != found) {
                        return Err(SyncError::AppHash {
                            found: hex(&found),
                            expected: hex(&expected),
                        });
                    }
                    self.state = Some(self.restore.state()?);
                }
                Record::Code(hash, code) => {
                    let state = self.state.as_ref();
                    let state = state.ok_or(SyncError::Malformed("a code before the state"))?;
                    codes.take(state, hash, code)?;
                }
                Record::End => {}
            }
        }
        if last && !self.decoder.ended() {
            return Err(SyncError::Malformed("it ends too early"));
        }
        self.next = self.next.saturating_add(1);
        Ok(if last { Received::Last } else { Received::More })
    }

    /// Makes the state that was received the latest one. Only after [`Received::Last`].
    ///
    /// # Errors
    /// If chunks are missing, or the disk fails.
    pub fn finish(self) -> Result<crate::CommitInfo, SyncError> {
        if !self.decoder.ended() {
            return Err(SyncError::Malformed("chunks are missing"));
        }
        Ok(self.restore.finish()?)
    }

    fn write(&mut self) -> Result<(), SyncError> {
        self.batch_bytes = 0;
        if self.batch.is_empty() {
            return Ok(());
        }
        match self.restore.put(std::mem::take(&mut self.batch)) {
            Err(StoreError::EmptyKey) => Err(SyncError::Malformed("a key names a store alone")),
            other => Ok(other?),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
