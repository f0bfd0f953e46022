//! The seam to the embedded database: an ordered map with atomic, durable batches.

mod redb;

pub use self::redb::{RedbBackend, StorageBackend};

use crate::{Key, Order, StoreError, Value};
use std::sync::Arc;

/// Rows to put (`Some`) or remove (`None`), each key at most once, sorted by key.
pub type Batch = Vec<(Key, Option<Value>)>;

/// An ordered key-value database.
pub trait Backend: Send + Sync {
    /// A view of the last written batch, which later batches do not change.
    fn view(&self) -> Result<Arc<dyn ReadView>, StoreError>;

    /// Writes all of `batch` or nothing, durable when it returns. One writer at a time.
    fn write(&self, batch: Batch) -> Result<(), StoreError>;
}

/// A consistent view of a [`Backend`].
pub trait ReadView: Send + Sync {
    /// The row at `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError>;

    /// At most `limit` rows of `bounds` in `order`; fewer means that there are no more.
    fn scan(&self, bounds: &Bounds, order: Order, limit: usize) -> Result<Vec<(Key, Value)>, StoreError>;

    /// The content of the first row of `bounds`.
    fn first(&self, bounds: &Bounds) -> Result<Option<Value>, StoreError> {
        Ok(self
            .scan(bounds, Order::Ascending, 1)?
            .pop()
            .map(|(_, value)| value))
    }

    /// As [`ReadView::scan`] in ascending order, with the length of each row for its content.
    fn scan_keys(&self, bounds: &Bounds, limit: usize) -> Result<Vec<(Key, usize)>, StoreError> {
        let rows = self.scan(bounds, Order::Ascending, limit)?;
        Ok(rows.into_iter().map(|(key, value)| (key, value.len())).collect())
    }
}

/// What a scan covers.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// First key, inclusive.
    pub start: Key,
    /// End key, exclusive; `None` reaches to the last key.
    pub end: Option<Key>,
}

impl Bounds {
    /// All keys that start with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self {
            start: prefix.to_vec(),
            end: crate::prefix_end(prefix),
        }
    }

    /// Whether no key can lie within.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}
