//! Going back to an earlier version.

use crate::backend::{Backend, Batch, Bounds};
use crate::commit::{self, CommitInfo};
use crate::commitment::STORES;
use crate::head::{number, read_number};
use crate::keys::{self, Meta};
use crate::{Key, MultiStore, SnapshotError, StoreError};

/// Rows that are looked at, and removed, at once.
const STEP: usize = 8_192;

impl MultiStore {
    /// Removes the latest version, as if it had never been committed.
    pub fn rollback_one(&self) -> Result<CommitInfo, StoreError> {
        let latest = self.latest().map_or(0, |info| info.version);
        self.rollback_to(latest.saturating_sub(1))
    }

    /// Removes every version above `target`, as if none had been committed. The last 128 versions are undone
    /// by their journals; further back, every row of the database is looked at.
    ///
    /// # Errors
    /// If `target` is not a kept version before the latest.
    pub fn rollback_to(&self, target: u64) -> Result<CommitInfo, StoreError> {
        let _writer = self.inner.writer.lock();
        let head = self.head();
        let latest = head.info.as_ref().map_or(0, |info| info.version);
        if target >= latest {
            return Err(StoreError::Order { latest, got: target });
        }
        let info = match head.commit(target) {
            Ok(info) => info,
            Err(SnapshotError::Store(error)) => return Err(error),
            Err(_) => return Err(StoreError::NothingBefore { latest }),
        };
        let first = target.saturating_add(1);
        if head.rows.get(&keys::journal(first))?.is_none() {
            // At once nothing shows the removed versions any more; their rows go step by step.
            self.inner.write(
                vec![number(Meta::Latest, target), number(Meta::Rollback, target)],
                None,
            )?;
            resume(self.inner.backend.as_ref())?;
            self.inner.write(Batch::new(), None)?;
            return Ok(info);
        }
        for version in (first..=latest).rev() {
            let journal = self.head().rows.get(&keys::journal(version))?;
            let journal = journal.ok_or(StoreError::NothingBefore { latest: version })?;
            let groups = commit::decode_journal(&journal)?;
            let mut batch: Batch = groups
                .iter()
                .map(|group| (keys::row(group, version), None))
                .collect();
            batch.push((keys::journal(version), None));
            batch.push((keys::commit(version), None));
            batch.push(number(Meta::Latest, version.saturating_sub(1)));
            for spec in STORES {
                batch.push((keys::upper_changes(spec.id, version), None));
                batch.push((keys::upper_all(spec.id, version), None));
            }
            self.inner.write(batch, None)?;
        }
        Ok(info)
    }
}

/// Removes the rows above the version that a rollback went to, if one did not end.
pub(crate) fn resume(backend: &dyn Backend) -> Result<(), StoreError> {
    let Some(target) = read_number(backend.view()?.as_ref(), Meta::Rollback)? else {
        return Ok(());
    };
    let first = target.saturating_add(1);
    let mut records = vec![
        (keys::journal(first), keys::journal(u64::MAX)),
        (keys::commit(first), keys::commit(u64::MAX)),
    ];
    for spec in STORES {
        records.push((
            keys::upper_changes(spec.id, first),
            keys::upper_changes(spec.id, u64::MAX),
        ));
        records.push((
            keys::upper_all(spec.id, first),
            keys::upper_all(spec.id, u64::MAX),
        ));
    }
    for (start, end) in records {
        remove(backend, start, end, |_| Ok(true))?;
    }
    let (start, end) = keys::versioned_rows();
    remove(backend, start, end, |row| Ok(keys::split_row(row)?.1 > target))?;
    backend.write(vec![(keys::meta(Meta::Rollback), None)])
}

/// Removes the rows from `start` to `end` that `goes` picks.
fn remove(
    backend: &dyn Backend,
    mut start: Key,
    end: Key,
    goes: impl Fn(&[u8]) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    loop {
        let bounds = Bounds {
            start,
            end: Some(end.clone()),
        };
        let rows = backend.view()?.scan_keys(&bounds, STEP)?;
        let mut batch = Batch::new();
        for (key, _) in &rows {
            if goes(key)? {
                batch.push((key.clone(), None));
            }
        }
        if !batch.is_empty() {
            backend.write(batch)?;
        }
        match rows.last() {
            Some((last, _)) if rows.len() == STEP => start = [last.as_slice(), &[0]].concat(),
            _ => return Ok(()),
        }
    }
}
