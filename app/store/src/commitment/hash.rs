//! The hashes of a Jellyfish Merkle tree, as the `jmt` crate defines them.
//!
//! In the binary tree over key hashes, a subtree without a leaf hashes to a placeholder, a subtree
//! with one leaf to that leaf, and any other to the hash of its halves.

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

pub(crate) const LEAF_PREFIX: &[u8] = b"JMT::LeafNode";
pub(crate) const INNER_PREFIX: &[u8] = b"JMT::IntrnalNode";
pub(crate) const EMPTY: Hash = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// The hash of a leaf, which does not depend on where it stands.
pub(crate) fn leaf(key_hash: &Hash, value: &[u8]) -> Hash {
    let hasher = Sha256::new_with_prefix(LEAF_PREFIX);
    hasher
        .chain_update(key_hash)
        .chain_update(sha256(value))
        .finalize()
        .into()
}

fn inner(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix(INNER_PREFIX)
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// A subtree as its parent sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subtree {
    Empty,
    Leaf(Hash),
    Inner(Hash),
}

impl Subtree {
    pub fn hash(self) -> Hash {
        match self {
            Self::Empty => EMPTY,
            Self::Leaf(hash) | Self::Inner(hash) => hash,
        }
    }

    /// The subtree of two halves.
    pub fn join(left: Self, right: Self) -> Self {
        match (left, right) {
            (Self::Empty, Self::Empty) => Self::Empty,
            (Self::Leaf(hash), Self::Empty) | (Self::Empty, Self::Leaf(hash)) => Self::Leaf(hash),
            _ => Self::Inner(inner(&left.hash(), &right.hash())),
        }
    }

    /// The subtree over neighbouring subtrees, a power of two of them.
    pub fn fold(parts: impl Iterator<Item = Self>) -> Self {
        let mut parts: Vec<Self> = parts.collect();
        while parts.len() > 1 {
            parts = parts
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => Self::join(*left, *right),
                    [one] => *one,
                    _ => Self::Empty,
                })
                .collect();
        }
        parts.first().copied().unwrap_or(Self::Empty)
    }
}

/// The nibble of a key hash at `depth`, most significant first.
pub(crate) fn nibble(hash: &Hash, depth: usize) -> u8 {
    let byte = hash.get(depth / 2).copied().unwrap_or(0);
    if depth.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 0x0f
    }
}
