//! Physical rows: every key of the database is built and parsed here.
//!
//! ```text
//! 0x01 field                              meta, see Meta
//! 0x02 version                            commit: app hash and store roots
//! 0x03 version                            journal: the groups that this version wrote
//! 0x04 store, version                     what the version changed of the upper tree nodes
//! 0x05 store, version                     all upper tree nodes
//! 0x10 escaped key, terminator, !version  state value
//! 0x20 store, depth, packed path, !version  tree node, not an upper one
//! ```
//!
//! Versions are 8 bytes, big-endian; `!version` is the complement, so that the newest row of a group
//! comes first. A group is a row key without its version; no group is a prefix of another.

use crate::backend::Bounds;
use crate::{Key, StoreError};

const META: u8 = 0x01;
const COMMITS: u8 = 0x02;
const JOURNAL: u8 = 0x03;
const UPPER_CHANGES: u8 = 0x04;
const UPPER_ALL: u8 = 0x05;
const VALUES: u8 = 0x10;
const NODES: u8 = 0x20;

/// Bytes of a version at the end of a row key.
pub(crate) const VERSION_BYTES: usize = 8;

/// Meta rows.
#[derive(Clone, Copy)]
pub(crate) enum Meta {
    /// On-disk format.
    Format = 1,
    /// Latest committed version.
    Latest = 2,
    /// Oldest version that can be read.
    Oldest = 3,
    /// First version ever committed.
    First = 4,
    /// Where pruning goes on.
    Sweep = 5,
    /// A restoration of this version has begun and not ended.
    Restoring = 6,
    /// A rollback to this version has begun and not ended.
    Rollback = 7,
}

pub(crate) fn meta(field: Meta) -> Key {
    vec![META, field as u8]
}

pub(crate) fn commit(version: u64) -> Key {
    versioned(vec![COMMITS], version)
}

pub(crate) fn journal(version: u64) -> Key {
    versioned(vec![JOURNAL], version)
}

/// The records of commits below `version`.
pub(crate) fn commits_below(version: u64) -> Bounds {
    Bounds {
        start: commit(0),
        end: Some(commit(version)),
    }
}

/// The journals below `version`.
pub(crate) fn journals_below(version: u64) -> Bounds {
    Bounds {
        start: journal(0),
        end: Some(journal(version)),
    }
}

/// What `version` changed of the upper nodes of `store`.
pub(crate) fn upper_changes(store: u8, version: u64) -> Key {
    versioned(vec![UPPER_CHANGES, store], version)
}

/// All upper nodes of `store` as of `version`.
pub(crate) fn upper_all(store: u8, version: u64) -> Key {
    versioned(vec![UPPER_ALL, store], version)
}

/// The changes of the upper nodes of `store` up to `version`.
pub(crate) fn upper_changes_through(store: u8, version: u64) -> Bounds {
    Bounds {
        start: upper_changes(store, 0),
        end: Some(upper_changes(store, version.saturating_add(1))),
    }
}

/// Where the changes after the row `all` begin, which is one of [`upper_all`].
pub(crate) fn upper_changes_after(store: u8, all: &[u8]) -> Result<Key, StoreError> {
    let version = all
        .last_chunk::<VERSION_BYTES>()
        .map(|version| u64::from_be_bytes(*version));
    let version = version.ok_or_else(|| StoreError::Corrupt("a row key is too short".into()))?;
    Ok(upper_changes(store, version.saturating_add(1)))
}

/// The rows of all upper nodes of `store` up to `version`.
pub(crate) fn upper_all_through(store: u8, version: u64) -> Bounds {
    Bounds {
        start: upper_all(store, 0),
        end: Some(upper_all(store, version.saturating_add(1))),
    }
}

/// The row of `group` at `version`.
pub(crate) fn row(group: &[u8], version: u64) -> Key {
    versioned(group.to_vec(), !version)
}

/// Splits a row key of values or nodes.
pub(crate) fn split_row(row: &[u8]) -> Result<(&[u8], u64), StoreError> {
    row.split_last_chunk::<VERSION_BYTES>()
        .map(|(group, version)| (group, !u64::from_be_bytes(*version)))
        .ok_or_else(|| StoreError::Corrupt("a row key is too short".into()))
}

/// The first row key of values and nodes, and the first key after them.
pub(crate) fn versioned_rows() -> (Key, Key) {
    (vec![VALUES], vec![NODES.saturating_add(1)])
}

/// Where the group of state key `key` starts, and every group of a greater key after it.
pub(crate) fn value_start(key: &[u8]) -> Key {
    let mut start = Vec::with_capacity(key.len().saturating_add(16));
    start.push(VALUES);
    for byte in key {
        start.push(*byte);
        // 0x00 becomes 0x00 0x01, above the terminator 0x00 0x00, so that order is kept.
        if *byte == 0 {
            start.push(1);
        }
    }
    start
}

/// Where the values end.
pub(crate) fn values_end() -> Key {
    vec![VALUES.saturating_add(1)]
}

/// The group of state key `key`.
pub(crate) fn value_group(key: &[u8]) -> Key {
    let mut group = value_start(key);
    group.extend([0, 0]);
    group
}

/// The state key of a group.
pub(crate) fn value_key(group: &[u8]) -> Result<Key, StoreError> {
    let corrupt = || StoreError::Corrupt("a value row has a malformed key".into());
    let escaped = group
        .strip_prefix(&[VALUES])
        .and_then(|rest| rest.strip_suffix(&[0, 0]))
        .ok_or_else(corrupt)?;
    let mut key = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(byte) = bytes.next() {
        if *byte == 0 && bytes.next() != Some(&1) {
            return Err(corrupt());
        }
        key.push(*byte);
    }
    Ok(key)
}

/// The group of the tree node of `store` at `path`, a list of nibbles.
pub(crate) fn node_group(store: u8, path: &[u8]) -> Key {
    let mut group = Vec::with_capacity(path.len().saturating_add(16));
    group.extend([NODES, store]);
    // At most 64 nibbles.
    group.push(u8::try_from(path.len()).unwrap_or(u8::MAX));
    group.extend(path.chunks(2).map(|pair| match pair {
        [high, low] => (high << 4) | (low & 0x0f),
        [high] => high << 4,
        _ => 0,
    }));
    group
}

fn versioned(mut prefix: Key, version: u64) -> Key {
    prefix.extend(version.to_be_bytes());
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = Key> {
        vec(prop_oneof![Just(0u8), Just(1), Just(0xff), any::<u8>()], 0..6)
    }

    proptest! {
        #[test]
        fn rows_sort_by_key_and_then_newest_first(a in key(), b in key(), v in any::<u64>(), w in any::<u64>()) {
            let rows = row(&value_group(&a), v).cmp(&row(&value_group(&b), w));
            prop_assert_eq!(rows, a.cmp(&b).then(w.cmp(&v)));
            prop_assert_eq!(value_start(&a).cmp(&row(&value_group(&b), v)).is_le(), a <= b);
        }

        #[test]
        fn rows_parse_back(key in key(), version in any::<u64>()) {
            let row = row(&value_group(&key), version);
            let (group, parsed) = split_row(&row).unwrap();
            prop_assert_eq!(parsed, version);
            prop_assert_eq!(value_key(group).unwrap(), key);
        }
    }
}
