//! Authenticated multistore: branches, versions, proofs, pruning and rollback.
//!
//! - [`MultiStore`] holds committed state, one version per block. [`MultiStore::prepare`] computes an
//!   app hash and writes nothing (FinalizeBlock); [`MultiStore::commit`] writes it (Commit).
//! - [`Snapshot`] is committed state at one version; [`Branch`] is a mutable overlay over it.
//! - [`Proof`] proves a key or its absence against an app hash, in the two levels that ibc-go expects.
//! - A failed read is a [`StoreError`]: no transaction can cause one, so the node must halt.
//!
//! State, history, tree and meta are rows of one ordered table; see `keys.rs` and
//! docs/adr/0008-state-layout.md.

pub mod backend;
mod branch;
mod commit;
mod commitment;
mod error;
mod head;
mod history;
mod keys;
mod multistore;
mod parallel;
mod prepare;
mod proof;
mod prune;
mod range;
mod restore;
mod rollback;
mod snapshot;
pub mod statesync;

pub use branch::Branch;
pub use commit::{CommitInfo, StoreRoot};
pub use commitment::{Kind, STORES, StoreSpec};
pub use error::{ProveError, SnapshotError, StoreError};
pub use multistore::{Config, FORMAT, MultiStore};
pub use prepare::Pending;
pub use proof::{Proof, jellyfish_spec};
pub use prune::Pruning;
pub use range::{Order, Range, prefix_end};
pub use restore::Restore;
pub use snapshot::Snapshot;

use std::collections::BTreeMap;

/// A state key: any bytes but none at all, ordered lexicographically.
pub type Key = Vec<u8>;

/// A state value: any bytes.
pub type Value = Vec<u8>;

/// Writes in key order: `Some` sets a key, `None` deletes it.
pub type ChangeSet = BTreeMap<Key, Option<Value>>;
