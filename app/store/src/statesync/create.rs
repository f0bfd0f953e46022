//! Writing a snapshot.

use super::folder::{Folder, Staged};
use super::{CHUNK_BYTES, Description, FORMAT, MOST_CHUNKS, SyncError, format};
use crate::{Order, Snapshot};
use sha2::{Digest, Sha256};
use std::io::Write;

/// Writes the snapshot of `state` with the contract codes that `codes` loads, in order of their hashes and
/// without repetition, into `folder`. `state` pins its version, so blocks go on meanwhile; memory holds one
/// chunk's worth of buffers at most. `stop` is asked now and then and ends the work.
///
/// # Errors
/// [`SyncError::Exists`] if the folder has it, and failures of the disk or the state.
pub fn create(
    folder: &Folder,
    state: &Snapshot,
    codes: impl IntoIterator<Item = Result<Vec<u8>, SyncError>>,
    stop: impl Fn() -> bool,
) -> Result<Description, SyncError> {
    let height = state.version();
    let mut writer = Writer {
        staged: folder.stage(height, FORMAT)?,
        chunk: None,
        hashes: Vec::new(),
    };
    let mut record = Vec::new();
    let mut entries = 0u64;
    for row in state.range(None, None, Order::Ascending) {
        let (key, value) = row?;
        record.clear();
        format::entry(&key, &value, &mut record)?;
        writer.write(&record)?;
        entries = entries.saturating_add(1);
        if entries.is_multiple_of(1024) && stop() {
            return Err(SyncError::Io("the node is stopping".to_owned()));
        }
    }
    record.clear();
    format::state_end(entries, &mut record);
    writer.write(&record)?;
    let mut count = 0u64;
    for code in codes {
        record.clear();
        format::code(&code?, &mut record)?;
        writer.write(&record)?;
        count = count.saturating_add(1);
    }
    record.clear();
    format::end(count, &mut record);
    writer.write(&record)?;
    writer.close()?;
    let description = Description {
        height,
        format: FORMAT,
        chunks: writer.hashes,
    };
    writer.staged.finish(&description)?;
    Ok(description)
}

/// Cuts a stream into chunk files.
struct Writer {
    staged: Staged,
    chunk: Option<Chunk>,
    hashes: Vec<[u8; 32]>,
}

struct Chunk {
    file: std::io::BufWriter<std::fs::File>,
    hash: Sha256,
    left: usize,
}

impl Writer {
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), SyncError> {
        while !bytes.is_empty() {
            let chunk = match &mut self.chunk {
                Some(chunk) => chunk,
                None => {
                    if self.hashes.len() >= MOST_CHUNKS {
                        return Err(SyncError::Malformed("the state needs too many chunks"));
                    }
                    let file = self.staged.chunk_file(self.hashes.len())?;
                    self.chunk.insert(Chunk {
                        file: std::io::BufWriter::with_capacity(1 << 18, file),
                        hash: Sha256::new(),
                        left: CHUNK_BYTES,
                    })
                }
            };
            let (now, later) = bytes.split_at(bytes.len().min(chunk.left));
            chunk.file.write_all(now)?;
            chunk.hash.update(now);
            chunk.left = chunk.left.saturating_sub(now.len());
            bytes = later;
            if chunk.left == 0 {
                self.close()?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), SyncError> {
        let Some(mut chunk) = self.chunk.take() else {
            return Ok(());
        };
        chunk.file.flush()?;
        chunk.file.get_ref().sync_all()?;
        self.hashes.push(chunk.hash.finalize().into());
        Ok(())
    }
}
