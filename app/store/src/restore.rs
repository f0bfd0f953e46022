//! Filling an empty state database with the entries of another node's state, a batch at a time.
//!
//! A mark in the database says that this goes on: what is found with it after a crash is thrown away.

use crate::backend::{Backend, Batch, Bounds, ReadView};
use crate::commit::{CommitInfo, StoreRoot};
use crate::commitment::hash::{EMPTY, Hash};
use crate::commitment::node::NodeReader;
use crate::commitment::update::{Leaf, update};
use crate::commitment::upper::{UPPER_DEPTH, Upper};
use crate::commitment::{STORES, route};
use crate::head::number;
use crate::history::{self, StateAt};
use crate::keys::{self, Meta};
use crate::multistore::Inner;
use crate::{Key, Snapshot, StoreError, Value};
use std::sync::Arc;

/// Rows that are removed at once.
const REMOVED: usize = 8_192;

/// A state that is being restored. Readers see none of it before [`Restore::finish`]; dropping it throws it
/// away.
pub struct Restore {
    inner: Arc<Inner>,
    version: u64,
    upper: Vec<Upper>,
    roots: Vec<Hash>,
    finished: bool,
}

impl Restore {
    pub(crate) fn begin(inner: Arc<Inner>, version: u64) -> Result<Self, StoreError> {
        {
            let mut restoring = inner.writer.lock();
            let latest = inner.head.read().info.as_ref().map_or(0, |info| info.version);
            if latest != 0 || version == 0 || *restoring {
                return Err(StoreError::Order { latest, got: version });
            }
            inner.backend.write(vec![number(Meta::Restoring, version)])?;
            *restoring = true;
        }
        Ok(Self {
            inner,
            version,
            upper: vec![Upper::default(); STORES.len()],
            roots: vec![EMPTY; STORES.len()],
            finished: false,
        })
    }

    /// Adds entries whose keys were not added before. All of them are in memory, with the tree nodes
    /// that they change: a batch of ten megabytes needs a few times as much.
    ///
    /// # Errors
    /// An empty key, or a failure of the database. The restoration is then of no use any more.
    pub fn put(&mut self, entries: Vec<(Key, Value)>) -> Result<(), StoreError> {
        let rows = self.inner.backend.view()?;
        let mut leaves = vec![Vec::new(); STORES.len()];
        let mut batch = Batch::with_capacity(entries.len().saturating_mul(2));
        for (key, value) in entries {
            let index = route(&key);
            let prefix = STORES.get(index).map_or(0, |spec| spec.prefix.len());
            let in_store = key.get(prefix..).unwrap_or_default();
            if in_store.is_empty() {
                return Err(StoreError::EmptyKey);
            }
            if let Some(leaves) = leaves.get_mut(index) {
                leaves.push(Leaf::new(in_store, Some(&value)));
            }
            let row = keys::row(&keys::value_group(&key), self.version);
            batch.push((row, Some(history::encode(Some(value)))));
        }
        let stores = STORES.iter().zip(leaves);
        for ((spec, leaves), (upper, root)) in stores.zip(self.upper.iter_mut().zip(&mut self.roots)) {
            if leaves.is_empty() {
                continue;
            }
            let reader = NodeReader {
                rows: rows.as_ref(),
                store: spec.id,
                version: self.version,
                upper,
            };
            let (changed, nodes) = update(&reader, leaves)?;
            *root = changed;
            for (path, node) in nodes.iter().filter(|(path, _)| path.len() >= UPPER_DEPTH) {
                let row = keys::row(&keys::node_group(spec.id, path), self.version);
                let node = node.as_ref().map(|node| node.encode());
                batch.push((row, Some(history::encode(node))));
            }
            upper.change(&nodes);
        }
        batch.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        self.inner.backend.write(batch)?;
        // The database reuses no page that an older view still shows: with the one from before the restoration
        // held on, the file would grow by every page of the tree that a batch rewrites.
        let rows = self.inner.backend.view()?;
        self.inner.head.write().rows = rows;
        Ok(())
    }

    /// The app hash of all entries so far.
    pub fn app_hash(&self) -> [u8; 32] {
        self.info().app_hash
    }

    /// What was restored so far.
    ///
    /// # Errors
    /// A failure of the database.
    pub fn state(&self) -> Result<Snapshot, StoreError> {
        let rows = self.inner.backend.view()?;
        let version = self.version;
        Ok(Snapshot::new(version, Arc::new(StateAt { rows, version })))
    }

    fn info(&self) -> CommitInfo {
        let stores = STORES.iter().zip(&self.roots).map(|(spec, root)| StoreRoot {
            name: spec.name,
            root: *root,
        });
        CommitInfo::new(self.version, stores.collect())
    }

    /// Makes the restored state the latest one, durable when this returns.
    ///
    /// # Errors
    /// A failure of the database, after which the node must stop: the next opening finds the whole state or an
    /// empty one.
    pub fn finish(mut self) -> Result<CommitInfo, StoreError> {
        let info = self.info();
        let mut batch = vec![
            (keys::meta(Meta::Restoring), None),
            (keys::commit(self.version), Some(info.encode())),
        ];
        for field in [Meta::Latest, Meta::Oldest, Meta::First] {
            batch.push(number(field, self.version));
        }
        for (spec, upper) in STORES.iter().zip(&mut self.upper) {
            batch.push((keys::upper_all(spec.id, self.version), Some(upper.all())));
        }
        let upper = std::mem::take(&mut self.upper);
        let mut restoring = self.inner.writer.lock();
        // After a failure nobody knows whether the version is on disk, so nothing is removed: the mark, if it
        // still stands, has the next opening do so, and until then nothing is committed.
        self.finished = true;
        self.inner.write(batch, Some(upper))?;
        *restoring = false;
        Ok(info)
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let mut restoring = self.inner.writer.lock();
        // Failing here, the mark stays: the next opening throws the rest away, and until then nothing is
        // committed.
        *restoring = clear(self.inner.backend.as_ref()).is_err();
    }
}

impl std::fmt::Debug for Restore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Restore")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Whether a restoration began and did not end.
pub(crate) fn unfinished(rows: &dyn ReadView) -> Result<bool, StoreError> {
    Ok(rows.get(&keys::meta(Meta::Restoring))?.is_some())
}

/// Removes what an unfinished restoration wrote, its mark last.
pub(crate) fn clear(backend: &dyn Backend) -> Result<(), StoreError> {
    let (start, end) = keys::versioned_rows();
    let bounds = Bounds {
        start,
        end: Some(end),
    };
    loop {
        let rows = backend.view()?.scan_keys(&bounds, REMOVED)?;
        if rows.is_empty() {
            return backend.write(vec![(keys::meta(Meta::Restoring), None)]);
        }
        backend.write(rows.into_iter().map(|(key, _)| (key, None)).collect())?;
    }
}
