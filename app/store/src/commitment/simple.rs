//! The SDK's simple Merkle tree over store roots, whose root is the app hash.
//!
//! A leaf is `SHA-256(0x00 ‖ len(name) ‖ name ‖ 32 ‖ SHA-256(root))`, an inner node
//! `SHA-256(0x01 ‖ left ‖ right)`, and the left half holds the greatest power of two below the count
//! (RFC 6962). `ics23::tendermint_spec` verifies it.

use super::hash::{Hash, sha256};
use ics23::commitment_proof::Proof;
use ics23::{CommitmentProof, ExistenceProof, HashOp, InnerOp, LeafOp, LengthOp};
use sha2::{Digest, Sha256};

const LEAF: &[u8] = &[0];
const INNER: u8 = 1;

/// The app hash of `stores`, pairs of name and root sorted by name.
pub(crate) fn root(stores: &[(&str, Hash)]) -> Hash {
    fold(stores, None, &mut Vec::new())
}

/// Proves the root of the store at `index`.
pub(crate) fn prove(stores: &[(&str, Hash)], index: usize) -> Option<CommitmentProof> {
    let (name, root) = stores.get(index)?;
    let mut path = Vec::new();
    fold(stores, Some(index), &mut path);
    let leaf = LeafOp {
        hash: HashOp::Sha256.into(),
        prehash_key: HashOp::NoHash.into(),
        prehash_value: HashOp::Sha256.into(),
        length: LengthOp::VarProto.into(),
        prefix: LEAF.to_vec(),
    };
    let proof = ExistenceProof {
        key: name.as_bytes().to_vec(),
        value: root.to_vec(),
        leaf: Some(leaf),
        path,
    };
    Some(CommitmentProof {
        proof: Some(Proof::Exist(proof)),
    })
}

/// The root of `stores`, and in `path` the steps from the leaf at `index`, bottom up.
fn fold(stores: &[(&str, Hash)], index: Option<usize>, path: &mut Vec<InnerOp>) -> Hash {
    match stores {
        [] => sha256(&[]),
        [(name, root)] => leaf(name, root),
        _ => {
            let (left, right) = stores.split_at(stores.len().next_power_of_two() / 2);
            let (in_left, in_right) = match index {
                Some(index) if index < left.len() => (Some(index), None),
                Some(index) => (None, index.checked_sub(left.len())),
                None => (None, None),
            };
            let left = fold(left, in_left, path);
            let right = fold(right, in_right, path);
            let op = |prefix, suffix| InnerOp {
                hash: HashOp::Sha256.into(),
                prefix,
                suffix,
            };
            if in_left.is_some() {
                path.push(op(vec![INNER], right.to_vec()));
            } else if in_right.is_some() {
                path.push(op([&[INNER], left.as_slice()].concat(), Vec::new()));
            }
            Sha256::new_with_prefix([INNER])
                .chain_update(left)
                .chain_update(right)
                .finalize()
                .into()
        }
    }
}

fn leaf(name: &str, root: &Hash) -> Hash {
    // Both lengths are below 128, so that each varint is one byte; a test holds names to that.
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    let leaf = [LEAF, &[length], name.as_bytes(), &[32], &sha256(root)].concat();
    sha256(&leaf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ics23::{HostFunctionsManager, tendermint_spec, verify_membership};

    #[test]
    fn every_store_of_any_number_of_stores_is_proven_and_no_other_root_is() {
        let names = [
            "acc", "bank", "gov", "ibc", "main", "params", "staking", "upgrade", "wasm",
        ];
        for count in 1..=names.len() {
            let stores: Vec<_> = names[..count]
                .iter()
                .enumerate()
                .map(|(i, name)| (*name, [i as u8; 32]))
                .collect();
            let app_hash = root(&stores).to_vec();
            for (index, (name, root)) in stores.iter().enumerate() {
                let proof = prove(&stores, index).unwrap();
                let verifies = |name: &str, root: &Hash| {
                    verify_membership::<HostFunctionsManager>(
                        &proof,
                        &tendermint_spec(),
                        &app_hash,
                        name.as_bytes(),
                        root,
                    )
                };
                assert!(verifies(name, root));
                assert!(!verifies(name, &[0xff; 32]));
                assert!(!verifies("other", root));
            }
            assert!(prove(&stores, count).is_none());
        }
    }
}
