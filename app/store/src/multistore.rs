//! The multistore: versions of the state on disk, one per block.

use crate::backend::{Backend, Batch, Bounds, RedbBackend};
use crate::commit::{self, CommitInfo};
use crate::commitment::node::NodeReader;
use crate::commitment::upper::{Upper, UpperRow};
use crate::commitment::{STORES, prove, simple};
use crate::head::{Head, number, read_number};
use crate::history::{self, StateAt};
use crate::keys::{self, Meta};
use crate::prepare::Pending;
use crate::prune::{Pruning, prune, prune_all};
use crate::restore::{Restore, clear, unfinished};
use crate::rollback;
use crate::snapshot::View;
use crate::{ChangeSet, Key, Proof, ProveError, Snapshot, SnapshotError, StoreError, Value};
use parking_lot::{Mutex, RwLock};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The on-disk format. A change of anything in `keys.rs` or of a row's content needs a new one.
pub const FORMAT: u32 = 1;

/// Name of the database file in its folder.
const FILE: &str = "state.redb";
const UNFINISHED: &str = "state.redb.new";

/// How to open a [`MultiStore`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the database, made if missing.
    pub path: PathBuf,
    /// Which versions to keep.
    pub pruning: Pruning,
    /// Whether to check every page on opening, which reads the whole file.
    pub verify: bool,
}

/// Committed state of all kept versions. A handle: clones share it.
#[derive(Clone)]
pub struct MultiStore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub backend: Arc<dyn Backend>,
    pruning: Pruning,
    pub head: RwLock<Head>,
    /// Held by whoever commits, rolls back or restores; whether a restoration goes on.
    pub writer: Mutex<bool>,
}

impl MultiStore {
    /// Opens the state database, or makes an empty one.
    pub fn open(config: Config) -> Result<Self, StoreError> {
        let failed = |action, error: std::io::Error| StoreError::Io {
            action,
            reason: error.to_string(),
        };
        std::fs::create_dir_all(&config.path).map_err(|error| failed("make its folder", error))?;
        let file = config.path.join(FILE);
        if !file.exists() {
            // Made whole under another name first: a power cut here leaves nothing half made.
            let unfinished = config.path.join(UNFINISHED);
            if unfinished.exists() {
                std::fs::remove_file(&unfinished)
                    .map_err(|error| failed("remove an unfinished file", error))?;
            }
            drop(Self::on_backend(
                Arc::new(RedbBackend::open(&unfinished, false)?),
                config.pruning,
            )?);
            std::fs::rename(&unfinished, &file).map_err(|error| failed("name its file", error))?;
            let folder = std::fs::File::open(&config.path);
            folder
                .and_then(|folder| folder.sync_all())
                .map_err(|error| failed("sync its folder", error))?;
        }
        // redb would take an empty file for a new database, and the state would be gone unnoticed.
        if file
            .metadata()
            .map_err(|error| failed("open its file", error))?
            .len()
            == 0
        {
            return Err(StoreError::Corrupt("its file is empty".into()));
        }
        let backend = RedbBackend::open(&file, config.verify)?;
        if unfinished(backend.view()?.as_ref())? {
            // A crash interrupted a restoration. The file may be large, so it goes as a whole.
            drop(backend);
            std::fs::remove_file(&file).map_err(|error| failed("remove an unfinished file", error))?;
            return Self::open(config);
        }
        Self::on_backend(Arc::new(backend), config.pruning)
    }

    /// A multistore that lives as long as the process, for tests.
    pub fn in_memory(pruning: Pruning) -> Result<Self, StoreError> {
        Self::on_backend(Arc::new(RedbBackend::in_memory()?), pruning)
    }

    /// Opens the multistore in any database.
    pub fn on_backend(backend: Arc<dyn Backend>, pruning: Pruning) -> Result<Self, StoreError> {
        let mut rows = backend.view()?;
        match read_number(rows.as_ref(), Meta::Format)? {
            Some(found) if found == u64::from(FORMAT) => {}
            Some(found) => {
                let found = u32::try_from(found).unwrap_or(u32::MAX);
                return Err(StoreError::Format {
                    found,
                    supported: FORMAT,
                });
            }
            None => {
                let all = Bounds {
                    start: Key::new(),
                    end: None,
                };
                if !rows.scan_keys(&all, 1)?.is_empty() {
                    return Err(StoreError::Format {
                        found: 0,
                        supported: FORMAT,
                    });
                }
                backend.write(vec![number(Meta::Format, u64::from(FORMAT))])?;
                rows = backend.view()?;
            }
        }
        if unfinished(rows.as_ref())? {
            clear(backend.as_ref())?;
        }
        rollback::resume(backend.as_ref())?;
        let head = RwLock::new(Head::read(backend.view()?, None)?);
        Ok(Self {
            inner: Arc::new(Inner {
                backend,
                pruning,
                head,
                writer: Mutex::new(false),
            }),
        })
    }

    /// The latest committed version, if there is one.
    pub fn latest(&self) -> Option<CommitInfo> {
        self.inner.head.read().info.clone()
    }

    /// The latest committed state; version 0, empty, before the first commit.
    pub fn snapshot(&self) -> Snapshot {
        self.head().snapshot()
    }

    /// State at `version`. It stays readable for as long as it is held, whatever is pruned meanwhile;
    /// the database cannot reuse the space of what it shows, so hold it briefly.
    pub fn snapshot_at(&self, version: u64) -> Result<Snapshot, SnapshotError> {
        let head = self.head();
        if version == 0 && head.info.is_none() {
            return Ok(head.snapshot());
        }
        head.commit(version)?;
        Ok(Snapshot::new(
            version,
            Arc::new(StateAt {
                rows: head.rows,
                version,
            }),
        ))
    }

    /// What was committed as `version`.
    pub fn commit_info(&self, version: u64) -> Result<CommitInfo, SnapshotError> {
        self.head().commit(version)
    }

    /// Computes the app hash of `changes` as `version`, and writes nothing.
    ///
    /// `version` follows the latest one; the first may be any height from 1.
    pub fn prepare(&self, version: u64, changes: &ChangeSet) -> Result<Pending, StoreError> {
        let head = self.head();
        let latest = head.info.as_ref().map_or(0, |info| info.version);
        if version <= latest || (head.info.is_some() && version != latest.saturating_add(1)) {
            return Err(StoreError::Order { latest, got: version });
        }

        Pending::compute(head, version, changes)
    }

    /// Writes `pending`, durable when this returns, and forgets a bounded amount of old state.
    /// After an error the node must stop: what is on disk is either version, whole.
    pub fn commit(&self, pending: Pending) -> Result<CommitInfo, StoreError> {
        let restoring = self.inner.writer.lock();
        if *restoring {
            return Err(StoreError::Restoring);
        }
        let head = self.head();
        let Pending {
            base,
            info,
            writes,
            upper,
            upper_rows,
        } = pending;
        if head.info != base {
            let latest = head.info.map_or(0, |info| info.version);
            return Err(StoreError::Order {
                latest,
                got: info.version,
            });
        }
        let version = info.version;
        let mut batch = Batch::with_capacity(writes.len().saturating_mul(2));
        if base.is_some() {
            let journal = commit::encode_journal(writes.iter().map(|(group, _)| group));
            batch.push((keys::journal(version), Some(journal)));
        } else {
            batch.push(number(Meta::First, version));
        }
        for (group, value) in writes {
            batch.push((keys::row(&group, version), Some(history::encode(value))));
        }
        for (store, row) in upper_rows {
            batch.push(match row {
                UpperRow::Changes(row) => (keys::upper_changes(store, version), Some(row)),
                UpperRow::All(row) => (keys::upper_all(store, version), Some(row)),
            });
        }
        let oldest = if base.is_some() { head.oldest } else { version };
        let horizon = self.inner.pruning.horizon(version, oldest);
        prune(
            head.rows.as_ref(),
            self.inner.pruning,
            version,
            horizon,
            &mut batch,
        )?;
        batch.push((keys::commit(version), Some(info.encode())));
        batch.push(number(Meta::Latest, version));
        batch.push(number(Meta::Oldest, horizon));
        self.inner.write(batch, Some(upper))?;
        Ok(info)
    }

    /// Proves `key` of the store called `store` at `version`: its value, or that it has none. `key`
    /// is without the store's prefix.
    pub fn prove(&self, store: &str, key: &[u8], version: u64) -> Result<(Option<Value>, Proof), ProveError> {
        let unknown = || ProveError::UnknownStore(store.to_owned());
        let known = STORES.iter().enumerate().find(|(_, spec)| spec.name == store);
        let (position, spec) = known.ok_or_else(unknown)?;
        let head = self.head();
        let info = head.commit(version)?;
        let roots = info.named_roots();
        let index = roots
            .iter()
            .position(|(name, _)| *name == store)
            .ok_or_else(unknown)?;
        let state = StateAt {
            rows: head.rows.clone(),
            version,
        };
        let loaded;
        let upper = match head.upper.get(position) {
            Some(upper) if head.info.as_ref() == Some(&info) => upper,
            _ => {
                loaded = Upper::load(head.rows.as_ref(), spec.id, version)?;
                &loaded
            }
        };
        let reader = NodeReader {
            rows: head.rows.as_ref(),
            store: spec.id,
            version,
            upper,
        };
        let (value, key) = prove::prove(&reader, key, |key| state.get(&[spec.prefix, key].concat()))?;
        let proof = simple::prove(&roots, index).ok_or_else(unknown)?;
        Ok((
            value,
            Proof {
                key,
                store: proof,
                store_root: info.root_of(store),
            },
        ))
    }

    /// Begins to fill this database, which must be empty, with the state of `version`.
    ///
    /// # Errors
    /// If the database has a version, or is being restored already.
    pub fn restore(&self, version: u64) -> Result<Restore, StoreError> {
        Restore::begin(self.inner.clone(), version)
    }

    /// Forgets every version but the latest `keep` (at least 2) and all rows that only they needed; how many
    /// rows that were. For a stopped node: a running one forgets as it commits.
    ///
    /// # Errors
    /// A failure of the database. What was removed until then was not needed.
    pub fn prune(&self, keep: u64) -> Result<u64, StoreError> {
        let _writer = self.inner.writer.lock();
        // Without the rows: this view would keep the space of all that is removed.
        let Head {
            info, oldest, upper, ..
        } = self.head();
        let Some(info) = info else { return Ok(0) };
        let horizon = Pruning::KeepRecent(keep).horizon(info.version, oldest);
        let write = |batch| self.inner.write(batch, Some(upper.as_ref().clone()));
        write(vec![number(Meta::Oldest, horizon)])?;
        prune_all(self.inner.backend.as_ref(), info.version, horizon, &write)
    }

    /// Oldest version that can be read, 0 before the first commit.
    pub fn oldest(&self) -> u64 {
        self.inner.head.read().oldest
    }

    /// Gives the free space in the file of a closed database back to the disk; the bytes of the file before
    /// and after.
    ///
    /// # Errors
    /// If the database is in use, or corrupt.
    pub fn compact(path: &Path) -> Result<(u64, u64), StoreError> {
        let file = path.join(FILE);
        let length = || {
            file.metadata()
                .map(|data| data.len())
                .map_err(|error| StoreError::Io {
                    action: "open its file",
                    reason: error.to_string(),
                })
        };
        let before = length()?;
        RedbBackend::compact(&file)?;
        Ok((before, length()?))
    }

    pub(crate) fn head(&self) -> Head {
        self.inner.head.read().clone()
    }
}

impl Inner {
    /// Writes `batch` and shows its result to readers.
    pub(crate) fn write(&self, mut batch: Batch, upper: Option<Vec<Upper>>) -> Result<(), StoreError> {
        batch.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        self.backend.write(batch)?;
        let head = Head::read(self.backend.view()?, upper)?;
        *self.head.write() = head;
        Ok(())
    }
}
