//! The folder of a node's snapshots: `HEIGHT/FORMAT/` with one file a chunk and the chunks' hashes.

use super::{CHUNK_BYTES, Description, SyncError};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// File with the chunks' hashes. A snapshot without it is not whole.
const METADATA: &str = "metadata";
/// Folder of what is being written. What a crash leaves there is removed on opening.
const STAGING: &str = "unfinished";

/// Snapshots on disk. A handle: clones share the folder.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Opens the folder, making it if it is missing, and removes what a crash left unfinished. One process
    /// at a time.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, SyncError> {
        let folder = Self { path: path.into() };
        fs::create_dir_all(&folder.path)?;
        let staging = folder.path.join(STAGING);
        if staging.exists() {
            fs::remove_dir_all(&staging)?;
        }
        Ok(folder)
    }

    /// The folder as it is, for reading beside the process that has it open.
    pub fn view(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Every whole snapshot, the highest first. One that cannot be read is passed over.
    pub fn list(&self) -> Result<Vec<Description>, SyncError> {
        let mut found = Vec::new();
        if !self.path.exists() {
            return Ok(found);
        }
        for height in numbered::<u64>(&self.path)? {
            // It may be removed just now.
            for format in numbered::<u32>(&self.path.join(height.to_string())).unwrap_or_default() {
                found.extend(self.find(height, format).ok());
            }
        }
        found.sort_by_key(|found| std::cmp::Reverse((found.height, found.format)));
        Ok(found)
    }

    /// The snapshot of `height` in `format`.
    ///
    /// # Errors
    /// [`SyncError::NotFound`].
    pub fn find(&self, height: u64, format: u32) -> Result<Description, SyncError> {
        let missing = || SyncError::NotFound { height, format };
        let metadata = fs::read(self.place(height, format).join(METADATA)).map_err(|_| missing())?;
        let (chunks, rest) = metadata.as_chunks::<32>();
        if chunks.is_empty() || !rest.is_empty() {
            return Err(missing());
        }
        Ok(Description {
            height,
            format,
            chunks: chunks.to_vec(),
        })
    }

    /// The bytes of a chunk.
    ///
    /// # Errors
    /// [`SyncError::NotFound`] if there is no such chunk, and failures of the disk.
    pub fn chunk(&self, height: u64, format: u32, index: u32) -> Result<Vec<u8>, SyncError> {
        let description = self.find(height, format)?;
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if index >= description.chunks.len() {
            return Err(SyncError::NotFound { height, format });
        }
        Ok(fs::read(self.place(height, format).join(index.to_string()))?)
    }

    /// Removes a snapshot.
    ///
    /// # Errors
    /// [`SyncError::NotFound`], and failures of the disk.
    pub fn delete(&self, height: u64, format: u32) -> Result<(), SyncError> {
        let place = self.place(height, format);
        if !place.is_dir() {
            return Err(SyncError::NotFound { height, format });
        }
        // Without its metadata it is none any more, whatever happens to the rest.
        let metadata = place.join(METADATA);
        if metadata.exists() {
            fs::remove_file(metadata)?;
        }
        fs::remove_dir_all(&place)?;
        let parent = self.path.join(height.to_string());
        if fs::read_dir(&parent)?.next().is_none() {
            fs::remove_dir(&parent)?;
        }
        Ok(())
    }

    /// Removes all but the snapshots of the `keep` greatest heights; 0 keeps all.
    ///
    /// # Errors
    /// Failures of the disk.
    pub fn keep_recent(&self, keep: u32) -> Result<(), SyncError> {
        if keep == 0 {
            return Ok(());
        }
        let mut heights = numbered::<u64>(&self.path)?;
        heights.sort_unstable_by_key(|height| std::cmp::Reverse(*height));
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        heights
            .into_iter()
            .skip(keep)
            .try_for_each(|height| self.remove(height))
    }

    /// Removes the snapshots above `height`: of states that are to be no more.
    ///
    /// # Errors
    /// Failures of the disk.
    pub fn delete_above(&self, height: u64) -> Result<(), SyncError> {
        let heights = numbered::<u64>(&self.path)?;
        heights
            .into_iter()
            .filter(|found| *found > height)
            .try_for_each(|height| self.remove(height))
    }

    /// Removes all of a height.
    fn remove(&self, height: u64) -> Result<(), SyncError> {
        let place = self.path.join(height.to_string());
        for format in numbered::<u32>(&place)? {
            self.delete(height, format)?;
        }
        match fs::remove_dir_all(place) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Takes in a snapshot chunk by chunk, such as from an archive, each checked against `description`.
    ///
    /// # Errors
    /// [`SyncError::Exists`], [`SyncError::Chunk`] for other bytes, and failures of the disk.
    pub fn take_in(
        &self,
        description: &Description,
        mut chunk: impl FnMut(u32) -> Result<Vec<u8>, SyncError>,
    ) -> Result<(), SyncError> {
        let staged = self.stage(description.height, description.format)?;
        for (index, expected) in (0u32..).zip(&description.chunks) {
            let bytes = chunk(index)?;
            if bytes.len() > CHUNK_BYTES || <[u8; 32]>::from(Sha256::digest(&bytes)) != *expected {
                return Err(SyncError::Chunk(index));
            }
            let mut file = staged.chunk_file(usize::try_from(index).unwrap_or(usize::MAX))?;
            std::io::Write::write_all(&mut file, &bytes)?;
            file.sync_all()?;
        }
        staged.finish(description)
    }

    /// A place to write a snapshot at, which appears in the folder once it is whole.
    pub(super) fn stage(&self, height: u64, format: u32) -> Result<Staged, SyncError> {
        let target = self.place(height, format);
        if target.exists() {
            return Err(SyncError::Exists(height));
        }
        let staging = self.path.join(STAGING);
        let path = staging.join(format!("{height}-{format}"));
        if path.exists() {
            return Err(SyncError::Exists(height));
        }
        fs::create_dir_all(&path)?;
        Ok(Staged {
            path,
            target,
            root: self.path.clone(),
            finished: false,
        })
    }

    fn place(&self, height: u64, format: u32) -> PathBuf {
        self.path.join(height.to_string()).join(format.to_string())
    }
}

/// A snapshot that is being written. Dropping it removes it.
pub(super) struct Staged {
    path: PathBuf,
    target: PathBuf,
    root: PathBuf,
    finished: bool,
}

impl Staged {
    /// A new file for a chunk.
    pub fn chunk_file(&self, index: usize) -> Result<fs::File, SyncError> {
        Ok(fs::File::create_new(self.path.join(index.to_string()))?)
    }

    /// Makes the snapshot appear, whole.
    pub fn finish(mut self, description: &Description) -> Result<(), SyncError> {
        let metadata = self.path.join(METADATA);
        fs::write(&metadata, description.metadata())?;
        fs::File::open(&metadata)?.sync_all()?;
        fs::File::open(&self.path)?.sync_all()?;
        if let Some(parent) = self.target.parent() {
            fs::create_dir_all(parent)?;
            fs::rename(&self.path, &self.target)?;
            fs::File::open(parent)?.sync_all()?;
        }
        fs::File::open(&self.root)?.sync_all()?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The folders within `path` whose names are numbers.
fn numbered<T: std::str::FromStr>(path: &Path) -> Result<Vec<T>, SyncError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(entry.file_name().to_str().and_then(|name| name.parse().ok()));
        }
    }
    Ok(found)
}
