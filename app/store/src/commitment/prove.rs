//! ICS-23 proofs that a key is in a Jellyfish Merkle tree, or is not.

use super::hash::{EMPTY, Hash, INNER_PREFIX, LEAF_PREFIX, Subtree, nibble};
use super::node::{Child, MAX_DEPTH, NodeReader, place};
use crate::{Key, ProveError, StoreError, Value};
use ics23::commitment_proof::Proof;
use ics23::{
    CommitmentProof, ExistenceProof, HashOp, InnerOp, InnerSpec, LeafOp, LengthOp, NonExistenceProof,
    ProofSpec,
};

/// The ICS-23 specification of a store of [`crate::Kind::Jellyfish`], the same as the `jmt` crate's.
pub fn jellyfish_spec() -> ProofSpec {
    let prefix_length = i32::try_from(INNER_PREFIX.len()).unwrap_or_default();
    ProofSpec {
        leaf_spec: Some(leaf_op()),
        inner_spec: Some(InnerSpec {
            child_order: vec![0, 1],
            child_size: 32,
            min_prefix_length: prefix_length,
            max_prefix_length: prefix_length,
            empty_child: EMPTY.to_vec(),
            hash: HashOp::Sha256.into(),
        }),
        max_depth: 64,
        min_depth: 0,
        prehash_key_before_comparison: true,
    }
}

fn leaf_op() -> LeafOp {
    LeafOp {
        hash: HashOp::Sha256.into(),
        prehash_key: HashOp::Sha256.into(),
        prehash_value: HashOp::Sha256.into(),
        length: LengthOp::NoPrefix.into(),
        prefix: LEAF_PREFIX.to_vec(),
    }
}

/// The side of a key to search for its neighbour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Proves `key` by its value, or its absence. `value_of` reads the state that the nodes commit to.
pub(crate) fn prove(
    reader: &NodeReader,
    key: &[u8],
    value_of: impl Fn(&[u8]) -> Result<Option<Value>, StoreError>,
) -> Result<(Option<Value>, CommitmentProof), ProveError> {
    if key.is_empty() {
        return Err(ProveError::Unprovable);
    }
    if let Some(value) = value_of(key)? {
        let proof = existence(reader, key, value.clone())?;
        return Ok((
            Some(value),
            CommitmentProof {
                proof: Some(Proof::Exist(proof)),
            },
        ));
    }
    let target = place(key);
    let neighbour = |side| -> Result<Option<ExistenceProof>, ProveError> {
        let Some(key) = nearest(reader, &mut Vec::new(), Some(&target), side)? else {
            return Ok(None);
        };
        let value = value_of(&key)?.ok_or_else(|| missing(&key))?;
        existence(reader, &key, value).map(Some)
    };
    let (left, right) = (neighbour(Side::Left)?, neighbour(Side::Right)?);
    if left.is_none() && right.is_none() {
        return Err(ProveError::EmptyStore);
    }
    let proof = NonExistenceProof {
        key: key.to_vec(),
        left,
        right,
    };
    Ok((
        None,
        CommitmentProof {
            proof: Some(Proof::Nonexist(proof)),
        },
    ))
}

/// The path from the leaf of `key` to the root. The leaf must be there.
fn existence(reader: &NodeReader, key: &[u8], value: Value) -> Result<ExistenceProof, ProveError> {
    if value.is_empty() || key.is_empty() {
        return Err(ProveError::Unprovable);
    }
    let target = place(key);
    let mut steps = Vec::new();
    descend(reader, &target, &mut steps)?
        .filter(|found| found == key)
        .ok_or_else(|| missing(key))?;
    let path = steps
        .into_iter()
        .rev()
        .map(|(right, sibling)| inner_op(right, &sibling))
        .collect();
    Ok(ExistenceProof {
        key: key.to_vec(),
        value,
        leaf: Some(leaf_op()),
        path,
    })
}

/// Walks from the root to the one leaf left on the way to `target`, noting at each level whether
/// the way is the right half, and the hash of the other half.
fn descend(
    reader: &NodeReader,
    target: &Hash,
    steps: &mut Vec<(bool, Hash)>,
) -> Result<Option<Key>, StoreError> {
    let mut path = Vec::new();
    while path.len() < MAX_DEPTH {
        let Some(node) = reader.find(&path)? else {
            return Ok(None);
        };
        let index = nibble(target, path.len());
        // Four levels, halving the subtrees that are still in the running.
        let mut way: Vec<Subtree> = node.subtrees().collect();
        let mut way_index = usize::from(index);
        while way.len() > 1 && !matches!(Subtree::fold(way.iter().copied()), Subtree::Leaf(_)) {
            let right_half = way.split_off(way.len() / 2);
            let right = way_index >= way.len();
            let (taken, other) = if right {
                (right_half, way)
            } else {
                (way, right_half)
            };
            way_index %= taken.len().max(1);
            steps.push((right, Subtree::fold(other.into_iter()).hash()));
            way = taken;
        }
        match node.child(index) {
            Some(Child::Inner { .. }) => path.push(index),
            Some(Child::Leaf { key, .. }) => return Ok(Some(key.clone())),
            None => return Ok(None),
        }
    }
    Err(StoreError::Corrupt(
        "a tree path is longer than a key hash".into(),
    ))
}

fn inner_op(right: bool, sibling: &Hash) -> InnerOp {
    let (prefix, suffix) = if right {
        ([INNER_PREFIX, sibling].concat(), Vec::new())
    } else {
        (INNER_PREFIX.to_vec(), sibling.to_vec())
    };
    InnerOp {
        hash: HashOp::Sha256.into(),
        prefix,
        suffix,
    }
}

/// The key of the leaf next to `target` below `path`; without a target, the outermost one.
fn nearest(
    reader: &NodeReader,
    path: &mut Vec<u8>,
    target: Option<&Hash>,
    side: Side,
) -> Result<Option<Key>, StoreError> {
    let Some(node) = reader.find(path)? else {
        return Ok(None);
    };
    let limit = target.map(|target| nibble(target, path.len()));
    let nibbles: Vec<u8> = match side {
        Side::Left => (0..=limit.unwrap_or(15)).rev().collect(),
        Side::Right => (limit.unwrap_or(0)..16).collect(),
    };
    for index in nibbles {
        // Only the child on the way to the target can hold leaves on both sides of it.
        let target = target.filter(|_| limit == Some(index));
        match node.child(index) {
            None => {}
            Some(Child::Leaf { key, .. }) => {
                let beside = target.is_none_or(|target| match side {
                    Side::Left => place(key) < *target,
                    Side::Right => place(key) > *target,
                });
                if beside {
                    return Ok(Some(key.clone()));
                }
            }
            Some(Child::Inner { .. }) if path.len() < MAX_DEPTH => {
                path.push(index);
                let found = nearest(reader, path, target, side)?;
                path.pop();
                if found.is_some() {
                    return Ok(found);
                }
            }
            Some(Child::Inner { .. }) => {
                return Err(StoreError::Corrupt(
                    "a tree path is longer than a key hash".into(),
                ));
            }
        }
    }
    Ok(None)
}

fn missing(key: &[u8]) -> StoreError {
    StoreError::Corrupt(format!("state and tree disagree on key {key:02x?}"))
}
