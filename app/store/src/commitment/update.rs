//! Applies a sorted batch of changes to a Jellyfish Merkle tree, reading and hashing each touched
//! node once.
//!
//! The `jmt` crate gives the same roots (the tests compare them), but hashes a path per key where a
//! key is deleted, stores leaves and preimages as rows of their own, and keeps its node types
//! private: see docs/adr/0008-state-layout.md.

use super::hash::{self, EMPTY, Hash, Subtree, nibble};
use super::node::{Child, MAX_DEPTH, Node, NodeReader, NodeWrites, place};
use crate::{Key, StoreError, parallel};
use std::sync::Arc;

/// A change of one key, prepared for the tree.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    place: Hash,
    key: Key,
    /// `None` deletes.
    hash: Option<Hash>,
}

impl Leaf {
    pub fn new(key: &[u8], value: Option<&[u8]>) -> Self {
        let place = place(key);
        Self {
            place,
            key: key.to_vec(),
            hash: value.map(|value| hash::leaf(&place, value)),
        }
    }
}

/// The root hash of the store after `changes`, and the nodes to write.
pub(crate) fn update(reader: &NodeReader, mut changes: Vec<Leaf>) -> Result<(Hash, NodeWrites), StoreError> {
    changes.sort_unstable_by_key(|leaf| leaf.place);
    let old = reader.find(&[])?;
    let mut root = old.as_deref().cloned().unwrap_or_default();

    // The root's subtrees are independent of each other.
    let groups: Vec<&[Leaf]> = changes
        .chunk_by(|a, b| nibble(&a.place, 0) == nibble(&b.place, 0))
        .collect();
    let results = parallel::map(&groups, changes.len(), |group| {
        let mut writes = NodeWrites::new();
        let index = group.first().map_or(0, |leaf| nibble(&leaf.place, 0));
        let child = change_child(reader, root.child(index), &mut vec![index], group, &mut writes)?;
        Ok((index, child, writes))
    });

    let mut writes = NodeWrites::new();
    for result in results? {
        let (index, child, written) = result?;
        if let Some(slot) = root.children.get_mut(usize::from(index)) {
            *slot = child;
        }
        writes.extend(written);
    }
    let subtree = root.subtree();
    match (subtree, old) {
        (Subtree::Empty, None) => {}
        (Subtree::Empty, Some(_)) => drop(writes.insert(Vec::new(), None)),
        _ => drop(writes.insert(Vec::new(), Some(Arc::new(root)))),
    }
    Ok((
        if subtree == Subtree::Empty {
            EMPTY
        } else {
            subtree.hash()
        },
        writes,
    ))
}

/// What becomes of `child` at `path` under `changes`, all of which lie below it.
fn change_child(
    reader: &NodeReader,
    child: Option<&Child>,
    path: &mut Vec<u8>,
    changes: &[Leaf],
    writes: &mut NodeWrites,
) -> Result<Option<Child>, StoreError> {
    match child {
        Some(Child::Inner { .. }) => {
            let mut node = Arc::unwrap_or_clone(reader.load(path)?);
            change_children(reader, &mut node, path, changes, writes)?;
            Ok(settle(node, path, true, writes))
        }
        Some(Child::Leaf { hash, key }) => {
            let place = place(key);
            let mut leaves: Vec<Leaf> = changes
                .iter()
                .filter(|leaf| leaf.hash.is_some())
                .cloned()
                .collect();
            if let Err(index) = changes.binary_search_by_key(&place, |leaf| leaf.place) {
                let before = changes
                    .iter()
                    .take(index)
                    .filter(|leaf| leaf.hash.is_some())
                    .count();
                leaves.insert(
                    before,
                    Leaf {
                        place,
                        key: key.clone(),
                        hash: Some(*hash),
                    },
                );
            }
            build(reader, path, &leaves, writes)
        }
        None => {
            let leaves: Vec<Leaf> = changes
                .iter()
                .filter(|leaf| leaf.hash.is_some())
                .cloned()
                .collect();
            build(reader, path, &leaves, writes)
        }
    }
}

/// Applies `changes` to the children of `node`.
fn change_children(
    reader: &NodeReader,
    node: &mut Node,
    path: &mut Vec<u8>,
    changes: &[Leaf],
    writes: &mut NodeWrites,
) -> Result<(), StoreError> {
    let depth = path.len();
    if depth >= MAX_DEPTH {
        return Err(StoreError::Corrupt(
            "a tree path is longer than a key hash".into(),
        ));
    }
    for group in changes.chunk_by(|a, b| nibble(&a.place, depth) == nibble(&b.place, depth)) {
        let Some(index) = group.first().map(|leaf| nibble(&leaf.place, depth)) else {
            continue;
        };
        if let Some(slot) = node.children.get_mut(usize::from(index)) {
            path.push(index);
            *slot = change_child(reader, slot.as_ref(), path, group, writes)?;
            path.pop();
        }
    }
    Ok(())
}

/// A new subtree of `leaves`, where there was no node.
fn build(
    reader: &NodeReader,
    path: &mut Vec<u8>,
    leaves: &[Leaf],
    writes: &mut NodeWrites,
) -> Result<Option<Child>, StoreError> {
    match leaves {
        [] => Ok(None),
        [
            Leaf {
                key,
                hash: Some(hash),
                ..
            },
        ] => Ok(Some(Child::Leaf {
            hash: *hash,
            key: key.clone(),
        })),
        _ => {
            let mut node = Node::default();
            change_children(reader, &mut node, path, leaves, writes)?;
            Ok(settle(node, path, false, writes))
        }
    }
}

/// Writes `node`, unless it has shrunk to a leaf or to nothing.
fn settle(node: Node, path: &[u8], existed: bool, writes: &mut NodeWrites) -> Option<Child> {
    let mut children = node.children.iter().flatten();
    let only = match (children.next(), children.next()) {
        (None, _) => Some(None),
        (Some(leaf @ Child::Leaf { .. }), None) => Some(Some(leaf.clone())),
        _ => None,
    };
    match only {
        Some(rest) => {
            if existed {
                writes.insert(path.to_vec(), None);
            }
            rest
        }
        None => {
            let hash = node.subtree().hash();
            writes.insert(path.to_vec(), Some(Arc::new(node)));
            Some(Child::Inner { hash })
        }
    }
}
