//! Mutable overlays: what a transaction writes before anyone decides to keep it.

use crate::range::Range;
use crate::{ChangeSet, Key, Order, Snapshot, StoreError, Value};
use parking_lot::RwLock;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

/// A mutable overlay over a snapshot or over another branch.
///
/// A handle: clones share one layer. [`Branch::fork`] opens a layer above, [`Branch::merge`] folds a
/// layer into the one below, and dropping a layer discards its writes. It owns all that it needs, so
/// contract storage can be built on it.
#[derive(Clone)]
pub struct Branch {
    layer: Arc<Layer>,
}

struct Layer {
    parent: Parent,
    writes: RwLock<ChangeSet>,
}

enum Parent {
    Base(Snapshot),
    Layer(Arc<Layer>),
}

impl Branch {
    /// An empty overlay over committed state.
    pub fn new(base: Snapshot) -> Self {
        Self::over(Parent::Base(base))
    }

    /// An empty overlay over this branch. Writes below stay visible through it.
    pub fn fork(&self) -> Branch {
        Self::over(Parent::Layer(self.layer.clone()))
    }

    fn over(parent: Parent) -> Self {
        Self {
            layer: Arc::new(Layer {
                parent,
                writes: RwLock::default(),
            }),
        }
    }

    /// The value of `key`, if it has one.
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        match self.written(key) {
            Some(value) => Ok(value),
            None => self.base().get(key),
        }
    }

    /// Whether `key` has a value.
    pub fn has(&self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.get(key)?.is_some())
    }

    /// Sets `key` in this layer.
    pub fn set(&self, key: &[u8], value: Value) {
        self.layer.writes.write().insert(key.to_vec(), Some(value));
    }

    /// Deletes `key` in this layer.
    pub fn delete(&self, key: &[u8]) {
        self.layer.writes.write().insert(key.to_vec(), None);
    }

    /// Entries from `start` (inclusive) to `end` (exclusive) in `order`.
    ///
    /// Each step sees the branch as it is then: what is written ahead of the iterator appears, what
    /// is deleted ahead of it does not, and what lies behind it is not visited again.
    pub fn range(&self, start: Option<&[u8]>, end: Option<&[u8]>, order: Order) -> Range {
        Range::new(self.clone(), start, end, order)
    }

    /// Writes this layer into the branch that it was forked from. A branch made by [`Branch::new`]
    /// has none: commit its [`Branch::changes`] instead.
    pub fn merge(self) {
        if let Parent::Layer(parent) = &self.layer.parent {
            // Locks are taken from child to parent, here as everywhere.
            let mut writes = self.layer.writes.write();
            // Not `append`, which builds the whole map anew: a block's layer is large, a transaction's small.
            parent.writes.write().extend(std::mem::take(&mut *writes));
        }
    }

    /// What this layer alone wrote.
    pub fn changes(&self) -> ChangeSet {
        self.layer.writes.read().clone()
    }

    /// The committed state below all layers.
    pub(crate) fn base(&self) -> &Snapshot {
        let mut layer = &self.layer;
        loop {
            match &layer.parent {
                Parent::Base(base) => return base,
                Parent::Layer(parent) => layer = parent,
            }
        }
    }

    /// What the uppermost layer that touched `key` says of it.
    pub(crate) fn written(&self, key: &[u8]) -> Option<Option<Value>> {
        self.layers()
            .find_map(|layer| layer.writes.read().get(key).cloned())
    }

    /// The first written key within the bounds in `order`, deleted ones included.
    pub(crate) fn next_written(&self, bounds: &(Bound<Key>, Bound<Key>), order: Order) -> Option<Key> {
        let nearest = self.layers().filter_map(|layer| {
            let writes = layer.writes.read();
            let mut keys = writes.range::<Key, _>((bounds.0.as_ref(), bounds.1.as_ref()));
            let entry = match order {
                Order::Ascending => keys.next(),
                Order::Descending => keys.next_back(),
            };
            entry.map(|(key, _)| key.clone())
        });
        match order {
            Order::Ascending => nearest.min(),
            Order::Descending => nearest.max(),
        }
    }

    /// From this layer down.
    fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::successors(Some(self.layer.as_ref()), |layer| match &layer.parent {
            Parent::Base(_) => None,
            Parent::Layer(parent) => Some(parent.as_ref()),
        })
    }
}

impl fmt::Debug for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branch")
            .field("base", self.base())
            .field("layers", &self.layers().count())
            .field("writes", &self.layer.writes.read().len())
            .finish()
    }
}
