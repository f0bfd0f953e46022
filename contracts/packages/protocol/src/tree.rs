//! Merkle trees whose hashes cover the sums of their leaves.
//!
//! The shape and the prefixes are RFC 6962's: a leaf is hashed behind 0x00, an inner node behind 0x01, and a
//! tree of n leaves splits at the largest power of two below n. Each node carries the sum of the amounts
//! below it, inside the hash of its parent, so a root fixes the total.

use crate::{Amount, Hash};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A node: its hash and the sum of the amounts below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Hash.
    pub hash: Hash,
    /// Sum.
    pub sum: Amount,
}

impl Node {
    /// A leaf: the digest of what it stands for, and its amount.
    pub fn leaf(digest: &Hash, amount: Amount) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([0]);
        hasher.update(digest);
        hasher.update(amount.0.to_be_bytes());
        Self {
            hash: Hash::new(hasher.finalize().into()),
            sum: amount,
        }
    }

    /// The parent of two nodes; none if the sum does not fit.
    pub fn parent(left: &Self, right: &Self) -> Option<Self> {
        let sum = left.sum.checked_add(right.sum)?;
        let mut hasher = Sha256::new();
        hasher.update([1]);
        for child in [left, right] {
            hasher.update(child.hash);
            hasher.update(child.sum.0.to_be_bytes());
        }
        Some(Self {
            hash: Hash::new(hasher.finalize().into()),
            sum,
        })
    }
}

/// That a leaf is the `index`-th of `count`: siblings from the leaf upwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Position of the leaf, from 0.
    pub index: u32,
    /// Leaves of the tree.
    pub count: u32,
    /// Siblings from the leaf upwards; at most 32.
    pub siblings: Vec<Node>,
}

impl Proof {
    /// The root that follows from the proof; none if the proof has the wrong length, an index outside the
    /// tree, or sums that do not fit.
    pub fn root(&self, leaf: Node) -> Option<Node> {
        if self.index >= self.count {
            return None;
        }
        let mut siblings = self.siblings.iter();
        // RFC 9162, 2.1.3.2: walk up with the positions of the node and of the last one in its row.
        let (mut position, mut last, mut node) = (self.index, self.count - 1, leaf);
        while last > 0 {
            if position % 2 == 1 || position == last {
                if position % 2 == 1 {
                    node = Node::parent(siblings.next()?, &node)?;
                }
                // a right edge without sibling rises unhashed
                while position % 2 == 0 && position != 0 {
                    position >>= 1;
                    last >>= 1;
                    if position % 2 == 1 {
                        node = Node::parent(siblings.next()?, &node)?;
                    }
                }
            } else {
                node = Node::parent(&node, siblings.next()?)?;
            }
            position >>= 1;
            last >>= 1;
        }
        siblings.next().is_none().then_some(node)
    }
}

/// A tree in memory, for who makes proofs.
#[derive(Clone, Debug)]
pub struct SumTree {
    leaves: Vec<Node>,
}

impl SumTree {
    /// A tree over leaves in order; none if there is no leaf, there are more than `u32::MAX`, or the total
    /// does not fit.
    pub fn new(leaves: Vec<Node>) -> Option<Self> {
        u32::try_from(leaves.len()).ok()?;
        Amount::sum(leaves.iter().map(|leaf| leaf.sum))?;
        (!leaves.is_empty()).then_some(Self { leaves })
    }

    /// Leaves.
    pub fn count(&self) -> u32 {
        self.leaves.len() as u32
    }

    /// The root; none never, as `new` checked the total.
    pub fn root(&self) -> Option<Node> {
        subtree(&self.leaves)
    }

    /// The proof of a leaf; none outside the tree.
    pub fn prove(&self, index: u32) -> Option<Proof> {
        let mut siblings = Vec::new();
        let mut part = self.leaves.as_slice();
        let mut position = usize::try_from(index).ok()?;
        if position >= part.len() {
            return None;
        }
        while part.len() > 1 {
            let (left, right) = part.split_at(split(part.len()));
            if position < left.len() {
                siblings.push(subtree(right)?);
                part = left;
            } else {
                siblings.push(subtree(left)?);
                position -= left.len();
                part = right;
            }
        }
        siblings.reverse();
        Some(Proof {
            index,
            count: self.count(),
            siblings,
        })
    }
}

/// Largest power of two below `n`, for n ≥ 2.
fn split(n: usize) -> usize {
    1 << (usize::BITS - 1 - (n - 1).leading_zeros())
}

fn subtree(leaves: &[Node]) -> Option<Node> {
    match leaves {
        [] => None,
        [leaf] => Some(*leaf),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            Node::parent(&subtree(left)?, &subtree(right)?)
        }
    }
}
