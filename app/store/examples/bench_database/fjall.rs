//! fjall, a log-structured merge tree, behind the store's [`Backend`].

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot};
use quern_store::backend::{Backend, Batch, Bounds, ReadView};
use quern_store::{Key, Order, StoreError, Value};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

/// A fjall database of one keyspace.
pub struct FjallBackend {
    database: Database,
    rows: Keyspace,
}

fn failed(error: fjall::Error) -> StoreError {
    StoreError::Io {
        action: "use fjall",
        reason: error.to_string(),
    }
}

impl FjallBackend {
    /// Opens or creates the database in `folder`, with the cache that redb gets.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let database = Database::builder(folder)
            .cache_size(128 << 20)
            .open()
            .map_err(failed)?;
        let rows = database
            .keyspace("rows", KeyspaceCreateOptions::default)
            .map_err(failed)?;
        Ok(Self { database, rows })
    }
}

impl Backend for FjallBackend {
    fn view(&self) -> Result<Arc<dyn ReadView>, StoreError> {
        Ok(Arc::new(FjallView {
            snapshot: self.database.snapshot(),
            rows: self.rows.clone(),
        }))
    }

    fn write(&self, rows: Batch) -> Result<(), StoreError> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        for (key, row) in rows {
            match row {
                Some(row) => batch.insert(&self.rows, key, row),
                None => batch.remove(&self.rows, key),
            }
        }
        batch.commit().map_err(failed)
    }
}

struct FjallView {
    snapshot: Snapshot,
    rows: Keyspace,
}

impl ReadView for FjallView {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        let row = self.snapshot.get(&self.rows, key).map_err(failed)?;
        Ok(row.map(|row| row.to_vec()))
    }

    fn scan(&self, bounds: &Bounds, order: Order, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        if bounds.is_empty() {
            return Ok(Vec::new());
        }
        let start = Bound::Included(bounds.start.as_slice());
        let end = bounds.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rows = self.snapshot.range::<&[u8], _>(&self.rows, (start, end));
        let mut found = Vec::new();
        while found.len() < limit {
            let row = match order {
                Order::Ascending => rows.next(),
                Order::Descending => rows.next_back(),
            };
            let Some(row) = row else { break };
            let (key, value) = row.into_inner().map_err(failed)?;
            found.push((key.to_vec(), value.to_vec()));
        }
        Ok(found)
    }
}
