//! Forgetting old versions, a bounded amount per commit.
//!
//! The horizon, the oldest version that can be read, moves at once. Rows that only versions below it
//! needed go later: each commit sweeps on over a stretch of rows in proportion to what it wrote, so
//! garbage stays a fixed share of the state however fast it is written.

use crate::backend::{Backend, Batch, Bounds, ReadView};
use crate::commitment::STORES;
use crate::keys::{self, Meta};
use crate::{Key, Order, StoreError};

/// Which versions can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pruning {
    /// All.
    Nothing,
    /// The latest ones, this many; at least 2, so that one can be rolled back.
    KeepRecent(u64),
}

/// Journals that are kept, so how many versions in a row can be rolled back.
const JOURNALS: u64 = 128;

/// Records of commits and journals that one commit removes at most.
const RECORDS: usize = 64;

/// Rows that one commit sweeps for each row that it writes.
const SWEPT_PER_WRITTEN: usize = 3;

/// Rows that a commit sweeps even if it writes none.
const SWEPT_ALWAYS: usize = 256;

impl Pruning {
    /// The oldest version to keep once `latest` is committed, never less than `oldest`.
    pub(crate) fn horizon(self, latest: u64, oldest: u64) -> u64 {
        match self {
            Self::Nothing => oldest,
            Self::KeepRecent(count) => latest.saturating_add(1).saturating_sub(count.max(2)).max(oldest),
        }
    }
}

/// Adds to `batch`, which commits `latest`, the removals that are due. `rows` is the state before it.
pub(crate) fn prune(
    rows: &dyn ReadView,
    pruning: Pruning,
    latest: u64,
    horizon: u64,
    batch: &mut Batch,
) -> Result<(), StoreError> {
    let written = batch.len();
    let journals = keys::journals_below(latest.saturating_sub(JOURNALS).max(horizon));
    for bounds in [journals, keys::commits_below(horizon)] {
        let old = rows.scan_keys(&bounds, RECORDS)?;
        batch.extend(old.into_iter().map(|(key, _)| (key, None)));
    }
    for spec in STORES {
        // What the horizon reads begins at the last row of all upper nodes.
        let all = rows.scan(&keys::upper_all_through(spec.id, horizon), Order::Descending, 1)?;
        if let Some((all, _)) = all.first() {
            let changes = Bounds {
                start: keys::upper_changes(spec.id, 0),
                end: Some(keys::upper_changes_after(spec.id, all)?),
            };
            let older = Bounds {
                start: keys::upper_all(spec.id, 0),
                end: Some(all.clone()),
            };
            for bounds in [changes, older] {
                let old = rows.scan_keys(&bounds, RECORDS)?;
                batch.extend(old.into_iter().map(|(key, _)| (key, None)));
            }
        }
    }
    if pruning != Pruning::Nothing {
        let budget = written
            .saturating_mul(SWEPT_PER_WRITTEN)
            .saturating_add(SWEPT_ALWAYS);
        let cursor = rows.get(&keys::meta(Meta::Sweep))?.unwrap_or_default();
        let swept = sweep(rows, horizon, budget, &cursor)?;
        batch.extend(swept.garbage.into_iter().map(|key| (key, None)));
        batch.push((keys::meta(Meta::Sweep), Some(swept.cursor)));
    }
    Ok(())
}

/// Rows that are looked at, and removed, at once by [`prune_all`].
const STEP: usize = 8_192;

/// Removes all that nothing from `horizon` on reads; how many rows that were. `write` must let go of the view
/// that it replaces: rows that an old view can read keep their space.
pub(crate) fn prune_all(
    backend: &dyn Backend,
    latest: u64,
    horizon: u64,
    write: &dyn Fn(Batch) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    let mut removed = 0u64;
    let mut remove = |batch: Batch| {
        removed = removed.saturating_add(u64::try_from(batch.len()).unwrap_or(u64::MAX));
        write(batch)
    };
    loop {
        let mut records = Batch::new();
        prune(
            backend.view()?.as_ref(),
            Pruning::Nothing,
            latest,
            horizon,
            &mut records,
        )?;
        if records.is_empty() {
            break;
        }
        remove(records)?;
    }
    let mut cursor = Vec::new();
    loop {
        let swept = sweep(backend.view()?.as_ref(), horizon, STEP, &cursor)?;
        if !swept.garbage.is_empty() {
            remove(swept.garbage.into_iter().map(|key| (key, None)).collect())?;
        }
        cursor = swept.cursor;
        if cursor.is_empty() {
            return Ok(removed);
        }
    }
}

struct Swept {
    garbage: Vec<Key>,
    cursor: Vec<u8>,
}

/// Looks at `budget` rows from `cursor` on. In each group the newest row at or below the horizon is
/// what the horizon reads; those after it are garbage, and so is a deletion with none after it.
///
/// The cursor is the last row looked at, after a byte that says whether garbage follows in its group;
/// empty at the start of a round.
fn sweep(rows: &dyn ReadView, horizon: u64, budget: usize, cursor: &[u8]) -> Result<Swept, StoreError> {
    let (start, end) = keys::versioned_rows();
    let mut bounds = Bounds {
        start,
        end: Some(end),
    };
    let (mut group, mut settled) = (Key::new(), false);
    if let Some((flag, last)) = cursor.split_first() {
        group = keys::split_row(last)?.0.to_vec();
        settled = *flag == 1;
        bounds.start = [last, &[0]].concat();
    }
    let looked_at = rows.scan_keys(&bounds, budget)?;
    let mut garbage = Vec::new();
    let mut deletion: Option<&Key> = None;
    for (key, length) in &looked_at {
        let (this, version) = keys::split_row(key)?;
        if this != group {
            garbage.extend(deletion.take().cloned());
            group = this.to_vec();
            settled = false;
        }
        if settled {
            garbage.push(key.clone());
        } else if version <= horizon {
            settled = true;
            deletion = (*length == 0).then_some(key);
        }
    }
    let cursor = match looked_at.last() {
        Some((last, _)) if looked_at.len() >= budget => [&[u8::from(settled)], last.as_slice()].concat(),
        _ => {
            garbage.extend(deletion.cloned());
            Vec::new()
        }
    };
    Ok(Swept { garbage, cursor })
}
