//! Sum trees: every proof holds, and nothing else passes for one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use quern_protocol::{Amount, Bytes, Hash, Node, Proof, SumTree};

fn digest(n: u64) -> Hash {
    quern_protocol::hash_fields(&[b"a test's leaf", &n.to_be_bytes()])
}

fn leaf(n: u64) -> Node {
    Node::leaf(&digest(n), Amount(u128::from(n % 97) + 1))
}

fn tree(count: u64) -> SumTree {
    SumTree::new((0..count).map(leaf).collect()).unwrap()
}

fn siblings(count: u32) -> u32 {
    u32::BITS - (count - 1).leading_zeros()
}

#[test]
fn every_proof_of_every_tree_up_to_70_leaves_leads_to_the_root_and_to_no_other_place() {
    for count in 1..=70 {
        let tree = tree(u64::from(count));
        let root = tree.root().unwrap();
        let sum: u128 = (0..u64::from(count)).map(|n| leaf(n).sum.0).sum();
        assert_eq!(root.sum, Amount(sum));
        for index in 0..count {
            let proof = tree.prove(index).unwrap();
            assert!(proof.siblings.len() as u32 <= siblings(count));
            assert_eq!(proof.root(leaf(index.into())), Some(root), "{index} of {count}");
            let near = [index.wrapping_sub(1), index + 1, index ^ 2, count - 1, count, 0];
            let all = if count <= 20 {
                (0..count + 2).collect()
            } else {
                near.to_vec()
            };
            for other in all.into_iter().filter(|other| *other != index) {
                let moved = Proof {
                    index: other,
                    ..proof.clone()
                };
                assert_ne!(
                    moved.root(leaf(index.into())),
                    Some(root),
                    "{index} as {other} of {count}"
                );
                assert_ne!(proof.root(leaf(other.into())), Some(root));
            }
        }
        assert_eq!(tree.prove(count), None);
    }
    assert!(SumTree::new(vec![]).is_none());
}

#[test]
fn truncated_extended_swapped_and_altered_proofs_are_refused() {
    for count in (2..=18).chain([31, 32, 33]) {
        let tree = tree(u64::from(count));
        let root = tree.root().unwrap();
        for index in 0..count {
            let good = tree.prove(index).unwrap();
            let refused = |change: &dyn Fn(&mut Proof)| {
                let mut bad = good.clone();
                change(&mut bad);
                bad == good || bad.root(leaf(index.into())) != Some(root)
            };
            assert!(refused(&|p| p.siblings.truncate(p.siblings.len() - 1)));
            assert!(refused(&|p| p.siblings = p.siblings[1..].to_vec()));
            assert!(refused(&|p| p.siblings.push(root)));
            assert!(refused(&|p| p.siblings.insert(0, leaf(0))));
            assert!(refused(&|p| p.siblings.reverse()));
            assert!(refused(&|p| p.siblings.clear()));
            for place in 0..good.siblings.len() {
                assert!(refused(&|p| p.siblings[place].sum.0 += 1));
                assert!(refused(&|p| p.siblings[place].sum.0 -= 1));
                assert!(refused(&|p| p.siblings[place].hash.0[31] ^= 1));
                assert!(refused(&|p| p.siblings[place].sum = Amount(u128::MAX)));
            }
            let richer = Node {
                sum: Amount(leaf(index.into()).sum.0 + 1),
                ..leaf(index.into())
            };
            assert_ne!(good.root(richer), Some(root));
        }
    }
}

#[test]
fn an_inner_node_passes_for_no_leaf_and_a_leaf_for_no_inner_node() {
    let four = tree(4);
    let root = four.root().unwrap();
    let left = Node::parent(&leaf(0), &leaf(1)).unwrap();
    let right = Node::parent(&leaf(2), &leaf(3)).unwrap();
    // the left half shown as a leaf of a tree of two
    let shorter = Proof {
        index: 0,
        count: 2,
        siblings: vec![right],
    };
    // only whoever hashes a leaf's digest and amount makes a leaf, and that hash is another one
    assert_eq!(shorter.root(left), Some(root));
    assert_ne!(shorter.root(Node::leaf(&left.hash, left.sum)), Some(root));
    // a "digest" chosen to be an inner node's preimage does not fit: it has 32 bytes, and another prefix
    for digest in [left.hash, root.hash, Bytes::new([1; 32])] {
        assert_ne!(Node::leaf(&digest, left.sum), left);
        assert_ne!(Node::leaf(&digest, root.sum).hash, root.hash);
    }
    // a whole tree is no leaf of itself
    let alone = Proof {
        index: 0,
        count: 1,
        siblings: vec![],
    };
    assert_ne!(alone.root(Node::leaf(&root.hash, root.sum)), Some(root));
}

#[test]
fn sums_that_overflow_make_no_tree_and_no_root() {
    let huge = Node::leaf(&digest(1), Amount(u128::MAX));
    assert!(SumTree::new(vec![huge, leaf(1)]).is_none());
    assert!(Node::parent(&huge, &leaf(1)).is_none());
    let proof = Proof {
        index: 0,
        count: 2,
        siblings: vec![huge],
    };
    assert_eq!(proof.root(leaf(1)), None);
}

#[test]
fn no_proof_makes_the_verifier_work_for_long_or_panic() {
    let long = Proof {
        index: u32::MAX - 1,
        count: u32::MAX,
        siblings: vec![leaf(1); 5_000],
    };
    assert_eq!(long.root(leaf(0)), None);
    for (index, count) in [(0, 0), (1, 1), (5, 5), (u32::MAX, u32::MAX), (u32::MAX, 0)] {
        let proof = Proof {
            index,
            count,
            siblings: vec![],
        };
        assert_eq!(proof.root(leaf(0)), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn proofs_of_large_trees_hold(count in 71_u32..1_500, places in vec(any::<prop::sample::Index>(), 4)) {
        let tree = tree(u64::from(count));
        let root = tree.root().unwrap();
        for place in places {
            let index = place.index(count as usize) as u32;
            let proof = tree.prove(index).unwrap();
            prop_assert_eq!(proof.root(leaf(index.into())), Some(root));
            prop_assert!(proof.siblings.len() as u32 <= siblings(count));
        }
    }

    #[test]
    fn random_proofs_lead_to_no_root_of_ours(
        index in 0_u32..70, count in 1_u32..70, hashes in vec(any::<[u8; 32]>(), 0..8), sum in any::<u64>(),
    ) {
        let root = tree(33).root().unwrap();
        let siblings = hashes.into_iter().map(|hash| Node { hash: Bytes::new(hash), sum: Amount(sum.into()) });
        let proof = Proof { index, count, siblings: siblings.collect() };
        prop_assert_ne!(proof.root(leaf(0)), Some(root));
    }
}
