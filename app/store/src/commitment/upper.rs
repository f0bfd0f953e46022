//! The nodes near the root, which nearly every version changes: kept decoded, and on disk as what
//! each version changed, in one row, with all of them in one row from time to time.
//!
//! A row for each such node would cost a commit a page for each, a third of all it touches.

use super::hash::Hash;
use super::node::{Child, Node, NodeWrites};
use crate::backend::{Bounds, ReadView};
use crate::{Order, StoreError, Value, keys};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Depth below which nodes belong here: at most 4,369 nodes of a store.
pub(crate) const UPPER_DEPTH: usize = 4;

/// Versions after which all nodes are written again.
const MOST_ROWS: usize = 256;

/// About the length of a full node, in bytes.
const NODE_BYTES: usize = 600;

/// Changes that may pile up beside those of the nodes' own length, in bytes.
const SLACK_BYTES: usize = 1 << 16;

/// Rows that are read at once.
const CHUNK: usize = 16;

const NOTHING: u8 = 0;
const INNER: u8 = 1;
const LEAF: u8 = 2;

/// The upper nodes of one store at one version, by path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upper {
    nodes: BTreeMap<Vec<u8>, Arc<Node>>,
    /// Rows of changes since all nodes were written, and their bytes.
    rows: usize,
    bytes: usize,
}

/// What a version writes of the upper nodes.
pub(crate) enum UpperRow {
    /// The children that changed.
    Changes(Value),
    /// All nodes.
    All(Value),
}

impl Upper {
    /// The node at `path`.
    pub fn get(&self, path: &[u8]) -> Option<&Arc<Node>> {
        self.nodes.get(path)
    }

    /// As they were at `version`: the last row of all nodes, and the changes since.
    pub fn load(rows: &dyn ReadView, store: u8, version: u64) -> Result<Self, StoreError> {
        let mut upper = Self::default();
        let mut bounds = keys::upper_changes_through(store, version);
        let all = rows.scan(&keys::upper_all_through(store, version), Order::Descending, 1)?;
        if let Some((key, row)) = all.first() {
            upper.apply(row)?;
            bounds.start = keys::upper_changes_after(store, key)?;
        }
        loop {
            let changes = rows.scan(&bounds, Order::Ascending, CHUNK)?;
            for (_, row) in &changes {
                upper.apply(row)?;
                upper.count(row);
            }
            match changes.last() {
                Some((last, _)) if changes.len() == CHUNK => {
                    bounds = Bounds {
                        start: [last.as_slice(), &[0]].concat(),
                        end: bounds.end,
                    };
                }
                _ => return Ok(upper),
            }
        }
    }

    /// Takes in the upper ones of `writes`; the row for it, if there is a change.
    pub fn change(&mut self, writes: &NodeWrites) -> Option<UpperRow> {
        let mut row = Value::new();
        for (path, new) in writes.iter().filter(|(path, _)| path.len() < UPPER_DEPTH) {
            let absent = Node::default();
            let old = self.nodes.get(path).map_or(&absent, |node| node.as_ref());
            let new_children = &new.as_deref().unwrap_or(&absent).children;
            for (nibble, (old, new)) in (0..16).zip(old.children.iter().zip(new_children)) {
                if old != new {
                    encode(&mut row, path, nibble, new.as_ref());
                }
            }
        }
        for (path, new) in writes.iter().filter(|(path, _)| path.len() < UPPER_DEPTH) {
            match new {
                Some(node) => self.nodes.insert(path.clone(), node.clone()),
                None => self.nodes.remove(path),
            };
        }
        if row.is_empty() {
            return None;
        }
        self.count(&row);
        let due = self
            .nodes
            .len()
            .saturating_mul(NODE_BYTES)
            .saturating_add(SLACK_BYTES);
        if self.rows < MOST_ROWS && self.bytes < due {
            return Some(UpperRow::Changes(row));
        }
        Some(UpperRow::All(self.all()))
    }

    /// The row of all nodes, from which changes are counted anew.
    pub fn all(&mut self) -> Value {
        (self.rows, self.bytes) = (0, 0);
        let mut all = Value::new();
        for (path, node) in &self.nodes {
            for (nibble, child) in (0..16).zip(&node.children) {
                if child.is_some() {
                    encode(&mut all, path, nibble, child.as_ref());
                }
            }
        }
        all
    }

    fn count(&mut self, row: &[u8]) {
        self.rows = self.rows.saturating_add(1);
        self.bytes = self.bytes.saturating_add(row.len());
    }

    fn apply(&mut self, row: &[u8]) -> Result<(), StoreError> {
        let mut rest = row;
        while !rest.is_empty() {
            let malformed = || StoreError::Corrupt("a row of upper tree nodes is malformed".into());
            let (Entry { path, nibble, child }, after) = decode(rest).ok_or_else(malformed)?;
            rest = after;
            let node = Arc::make_mut(self.nodes.entry(path.to_vec()).or_default());
            *node.children.get_mut(usize::from(nibble)).ok_or_else(malformed)? = child;
            if node.children.iter().all(Option::is_none) {
                self.nodes.remove(path);
            }
        }
        Ok(())
    }
}

/// Path with its length, nibble, what stands there, its hash, and for a leaf its key with a length.
fn encode(row: &mut Value, path: &[u8], nibble: u8, child: Option<&Child>) {
    row.push(u8::try_from(path.len()).unwrap_or(u8::MAX));
    row.extend(path);
    row.push(nibble);
    match child {
        None => row.push(NOTHING),
        Some(Child::Inner { hash }) => {
            row.push(INNER);
            row.extend(hash);
        }
        Some(Child::Leaf { hash, key }) => {
            row.push(LEAF);
            row.extend(hash);
            row.extend(u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes());
            row.extend(key);
        }
    }
}

/// A child as a row has it.
struct Entry<'a> {
    path: &'a [u8],
    nibble: u8,
    child: Option<Child>,
}

/// The first entry of `row`, and what follows it.
fn decode(row: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    let (length, row) = row.split_first()?;
    let (path, row) = row.split_at_checked(usize::from(*length))?;
    let (nibble, row) = row.split_first()?;
    let (tag, row) = row.split_first()?;
    let entry = |child| Entry {
        path,
        nibble: *nibble,
        child,
    };
    if *tag == NOTHING {
        return Some((entry(None), row));
    }
    let (hash, row): (&Hash, _) = row.split_first_chunk()?;
    match *tag {
        INNER => Some((entry(Some(Child::Inner { hash: *hash })), row)),
        LEAF => {
            let (length, row) = row.split_first_chunk()?;
            let (key, row) = row.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
            Some((
                entry(Some(Child::Leaf {
                    hash: *hash,
                    key: key.to_vec(),
                })),
                row,
            ))
        }
        _ => None,
    }
}
