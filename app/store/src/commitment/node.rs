//! Tree nodes as they are stored: four levels of the binary tree in one row.
//!
//! A node exists at a path of nibbles if two leaves or more lie below it; the root exists if one
//! does. Leaves stand in their parent's row with their key, so they need no row of their own, and a
//! proof finds the key that a hash stands for without a table of preimages.

use super::hash::{Hash, Subtree, sha256};
use super::upper::{UPPER_DEPTH, Upper};
use crate::backend::ReadView;
use crate::{Key, StoreError, Value, history, keys};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Nibbles of a key hash.
pub(crate) const MAX_DEPTH: usize = 64;

/// What stands under one nibble of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Child {
    /// The only leaf below.
    Leaf { hash: Hash, key: Key },
    /// A node of its own.
    Inner { hash: Hash },
}

/// Sixteen children, by nibble.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub children: [Option<Child>; 16],
}

impl Node {
    /// The child under `nibble`.
    pub fn child(&self, nibble: u8) -> Option<&Child> {
        self.children.get(usize::from(nibble))?.as_ref()
    }

    /// Each child as a subtree, in order of nibbles.
    pub fn subtrees(&self) -> impl Iterator<Item = Subtree> + '_ {
        self.children.iter().map(|child| match child {
            None => Subtree::Empty,
            Some(Child::Leaf { hash, .. }) => Subtree::Leaf(*hash),
            Some(Child::Inner { hash }) => Subtree::Inner(*hash),
        })
    }

    pub fn subtree(&self) -> Subtree {
        Subtree::fold(self.subtrees())
    }

    /// Two bitmaps of nibbles, those with a child and those with a leaf, then the children's hashes,
    /// each leaf followed by its key with a length.
    pub fn encode(&self) -> Value {
        let (mut existing, mut leaves, mut body) = (0u16, 0u16, Vec::with_capacity(600));
        for (bit, child) in (0..16).map(|nibble| 1u16 << nibble).zip(&self.children) {
            match child {
                None => {}
                Some(Child::Inner { hash }) => {
                    existing |= bit;
                    body.extend(hash);
                }
                Some(Child::Leaf { hash, key }) => {
                    existing |= bit;
                    leaves |= bit;
                    body.extend(hash);
                    // Keys are below 4 GiB: the database takes no longer ones.
                    body.extend(u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes());
                    body.extend(key);
                }
            }
        }
        [&existing.to_be_bytes(), &leaves.to_be_bytes(), body.as_slice()].concat()
    }

    pub fn decode(row: &[u8]) -> Result<Self, StoreError> {
        Self::parse(row).ok_or_else(|| StoreError::Corrupt("a tree node is malformed".into()))
    }

    fn parse(row: &[u8]) -> Option<Self> {
        let (existing, row) = row.split_first_chunk()?;
        let (leaves, mut row) = row.split_first_chunk()?;
        let (existing, leaves) = (u16::from_be_bytes(*existing), u16::from_be_bytes(*leaves));
        let mut node = Self::default();
        for (bit, child) in (0..16).map(|nibble| 1u16 << nibble).zip(&mut node.children) {
            if existing & bit == 0 {
                continue;
            }
            let (hash, rest) = row.split_first_chunk()?;
            row = rest;
            *child = Some(if leaves & bit == 0 {
                Child::Inner { hash: *hash }
            } else {
                let (length, rest) = row.split_first_chunk()?;
                let (key, rest) =
                    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
                row = rest;
                Child::Leaf {
                    hash: *hash,
                    key: key.to_vec(),
                }
            });
        }
        row.is_empty().then_some(node)
    }
}

/// New nodes by path, `None` for those that are gone.
pub(crate) type NodeWrites = BTreeMap<Vec<u8>, Option<Arc<Node>>>;

/// Reads the nodes of one store at one version.
#[derive(Clone, Copy)]
pub(crate) struct NodeReader<'a> {
    pub rows: &'a dyn ReadView,
    pub store: u8,
    pub version: u64,
    pub upper: &'a Upper,
}

impl NodeReader<'_> {
    /// The node at `path`, if it exists.
    pub fn find(&self, path: &[u8]) -> Result<Option<Arc<Node>>, StoreError> {
        if path.len() < UPPER_DEPTH {
            return Ok(self.upper.get(path).cloned());
        }
        let row = history::read(self.rows, &keys::node_group(self.store, path), self.version)?;
        row.map(|row| Node::decode(&row).map(Arc::new)).transpose()
    }

    /// The node at `path`, which its parent says exists.
    pub fn load(&self, path: &[u8]) -> Result<Arc<Node>, StoreError> {
        self.find(path)?
            .ok_or_else(|| StoreError::Corrupt(format!("tree node {path:?} is missing")))
    }
}

/// The hash by which a key is placed in the tree.
pub(crate) fn place(key: &[u8]) -> Hash {
    sha256(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn child() -> impl Strategy<Value = Option<Child>> {
        prop_oneof![
            Just(None),
            any::<Hash>().prop_map(|hash| Some(Child::Inner { hash })),
            (any::<Hash>(), vec(any::<u8>(), 0..9)).prop_map(|(hash, key)| Some(Child::Leaf { hash, key })),
        ]
    }

    proptest! {
        #[test]
        fn nodes_decode_to_what_was_encoded(children in vec(child(), 16)) {
            let node = Node { children: children.try_into().unwrap() };
            prop_assert_eq!(Node::decode(&node.encode()).unwrap(), node);
        }

        #[test]
        fn malformed_nodes_are_errors(row in vec(any::<u8>(), 0..80)) {
            if let Ok(node) = Node::decode(&row) {
                // Bits of the second bitmap without a child mean nothing, and are not written.
                prop_assert_eq!(Node::decode(&node.encode()).unwrap(), node);
            }
        }
    }
}
