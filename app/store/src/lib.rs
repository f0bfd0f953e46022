//! Authenticated multistore: branches, versions, proofs, pruning and rollback.
//!
//! - [`Snapshot`] is committed state at one version; [`Branch`] is a mutable overlay over it.
//! - A failed read is a [`StoreError`]: no transaction can cause one, so the node must halt.

mod branch;
mod error;
mod range;
mod snapshot;

pub use branch::Branch;
pub use error::StoreError;
pub use range::{Order, Range, prefix_end};
pub use snapshot::Snapshot;

use std::collections::BTreeMap;

/// A state key: any bytes, ordered lexicographically.
pub type Key = Vec<u8>;

/// A state value: any bytes.
pub type Value = Vec<u8>;

/// Writes in key order: `Some` sets a key, `None` deletes it.
pub type ChangeSet = BTreeMap<Key, Option<Value>>;
