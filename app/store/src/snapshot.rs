//! Immutable views of committed state.

use crate::backend::Bounds;
use crate::branch::Branch;
use crate::range::Range;
use crate::{Key, Order, StoreError, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Reads of one fixed version, however stored.
pub(crate) trait View: Send + Sync {
    /// The value of `key`, if it has one.
    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError>;

    /// At most `limit` entries of `bounds` in `order`; fewer means that there are no more.
    fn scan(&self, bounds: &Bounds, order: Order, limit: usize) -> Result<Vec<(Key, Value)>, StoreError>;
}

/// An immutable view of committed state at one version. Cheap to clone.
#[derive(Clone)]
pub struct Snapshot {
    version: u64,
    view: Arc<dyn View>,
}

impl Snapshot {
    pub(crate) fn new(version: u64, view: Arc<dyn View>) -> Self {
        Self { version, view }
    }

    /// State held in memory alone, for tests and for a chain's first block.
    pub fn in_memory(version: u64, entries: BTreeMap<Key, Value>) -> Self {
        Self::new(version, Arc::new(entries))
    }

    /// The version that this view shows; 0 before the first commit.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The value of `key`, if it has one.
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        self.view.get(key)
    }

    /// Entries from `start` (inclusive) to `end` (exclusive) in `order`.
    pub fn range(&self, start: Option<&[u8]>, end: Option<&[u8]>, order: Order) -> Range {
        Branch::new(self.clone()).range(start, end, order)
    }

    pub(crate) fn scan(
        &self,
        bounds: &Bounds,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(Key, Value)>, StoreError> {
        self.view.scan(bounds, order, limit)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl View for BTreeMap<Key, Value> {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        Ok(BTreeMap::get(self, key).cloned())
    }

    fn scan(&self, bounds: &Bounds, order: Order, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        if bounds.is_empty() {
            return Ok(Vec::new());
        }
        let entries = match &bounds.end {
            Some(end) => self.range::<Key, _>(&bounds.start..end),
            None => self.range::<Key, _>(&bounds.start..),
        };
        let owned = |(key, value): (&Key, &Value)| (key.clone(), value.clone());
        Ok(match order {
            Order::Ascending => entries.take(limit).map(owned).collect(),
            Order::Descending => entries.rev().take(limit).map(owned).collect(),
        })
    }
}
