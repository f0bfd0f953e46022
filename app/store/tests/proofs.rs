//! Proofs as a counterparty verifies them, and roots against the `jmt` crate.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use ics23::{HostFunctionsManager, tendermint_spec, verify_membership, verify_non_membership};
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader};
use jmt::{KeyHash, Sha256Jmt};
use quern_store::{ChangeSet, Config, MultiStore, Proof, ProveError, Pruning, SnapshotError, jellyfish_spec};
use rand::Rng;
use sha2::{Digest, Sha256};
use support::{Model, apply, changes, commit, rng};

/// A tree without nodes, on which the reference builds a whole state at once.
struct Nothing;

impl TreeReader for Nothing {
    fn get_node_option(&self, _: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(None)
    }
    fn get_value_option(&self, _: u64, _: KeyHash) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(None)
    }
    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

fn reference_root(model: &Model) -> [u8; 32] {
    let entries = model
        .iter()
        .map(|(key, value)| (KeyHash(Sha256::digest(key).into()), Some(value.clone())));
    Sha256Jmt::new(&Nothing).put_value_set(entries, 0).unwrap().0.0
}

/// Follows a proof from a key up to the app hash.
fn verifies(proof: &Proof, app_hash: &[u8; 32], key: &[u8], value: Option<&[u8]>) -> bool {
    let root = proof.store_root.to_vec();
    let in_store = match value {
        Some(value) => {
            verify_membership::<HostFunctionsManager>(&proof.key, &jellyfish_spec(), &root, key, value)
        }
        None => verify_non_membership::<HostFunctionsManager>(&proof.key, &jellyfish_spec(), &root, key),
    };
    let app_hash = app_hash.to_vec();
    in_store
        && verify_membership::<HostFunctionsManager>(
            &proof.store,
            &tendermint_spec(),
            &app_hash,
            b"main",
            &root,
        )
}

#[test]
fn the_specification_is_the_jmt_crates() {
    assert_eq!(jellyfish_spec(), jmt::ics23_spec());
}

#[test]
fn roots_equal_the_jmt_crates_through_sets_and_deletes() {
    for seed in 0..40 {
        let mut rng = rng(seed);
        let store = MultiStore::in_memory(Pruning::KeepRecent(2)).unwrap();
        let mut model = Model::new();
        let keys = *[3, 30, 1_000].get(rng.gen_range(0..3)).unwrap();
        for version in 1..15 {
            let block = if version % 7 == 0 {
                // Everything goes.
                model.keys().map(|key| (key.clone(), None)).collect()
            } else {
                let count = rng.gen_range(0..400);
                changes(&mut rng, count, keys)
            };
            commit(&store, version, &block);
            apply(&mut model, &block);
            let info = store.latest().unwrap();
            assert_eq!(
                info.stores[0].root,
                reference_root(&model),
                "seed {seed} version {version}"
            );
        }
    }
}

#[test]
fn every_key_and_every_absence_is_proven_up_to_the_app_hash() {
    for seed in 0..12 {
        let mut rng = rng(seed);
        let store = MultiStore::in_memory(Pruning::Nothing).unwrap();
        let mut model = Model::new();
        let mut versions = Vec::new();
        for version in 1..6 {
            let count = [1, 2, 5, 40, 300][seed as usize % 5];
            let block: ChangeSet = changes(&mut rng, count, 200);
            let app_hash = commit(&store, version, &block);
            apply(&mut model, &block);
            versions.push((version, app_hash, model.clone()));
        }
        for (version, app_hash, model) in &versions {
            for index in 0..60 {
                let key = format!("k{}", index * 4).into_bytes();
                if model.is_empty() {
                    assert_eq!(store.prove("main", &key, *version), Err(ProveError::EmptyStore));
                    continue;
                }
                let (value, proof) = store.prove("main", &key, *version).unwrap();
                assert_eq!(value.as_ref(), model.get(&key));
                assert!(
                    verifies(&proof, app_hash, &key, value.as_deref()),
                    "seed {seed} version {version}"
                );

                // What is not so is not proven.
                assert!(!verifies(&proof, app_hash, &key, Some(b"another value")));
                assert!(!verifies(&proof, &[7; 32], &key, value.as_deref()));
                if value.is_some() {
                    assert!(!verifies(&proof, app_hash, &key, None));
                    assert!(!verifies(&proof, app_hash, b"another key", value.as_deref()));
                }
                for present in model.keys().filter(|present| **present != key) {
                    assert!(!verifies(&proof, app_hash, present, None));
                }
            }
        }
    }
}

#[test]
fn a_long_chain_proves_every_kept_height_also_after_a_restart_and_a_rollback() {
    for pruning in [
        Pruning::Nothing,
        Pruning::KeepRecent(280),
        Pruning::KeepRecent(20),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let path = folder.path().to_owned();
            MultiStore::open(Config {
                path,
                pruning,
                verify: false,
            })
            .unwrap()
        };
        let store = open();
        let mut rng = rng(9);
        let mut model = Model::new();
        let mut versions = Vec::new();
        for version in 1..=700 {
            let count = rng.gen_range(0..12);
            let block = changes(&mut rng, count, 500);
            let app_hash = commit(&store, version, &block);
            apply(&mut model, &block);
            versions.push((version, app_hash, model.clone()));
        }
        let check = |store: &MultiStore, latest: u64| {
            let oldest = match pruning {
                Pruning::Nothing => 1,
                Pruning::KeepRecent(count) => 701 - count,
            };
            for (version, app_hash, model) in &versions {
                if *version < oldest || *version > latest || (version % 7 != 0 && *version != oldest) {
                    continue;
                }
                for index in [1, 77, 200, 450, 9_999] {
                    let key = format!("k{index}").into_bytes();
                    match store.prove("main", &key, *version) {
                        Ok((value, proof)) => {
                            assert_eq!(value.as_ref(), model.get(&key));
                            assert!(
                                verifies(&proof, app_hash, &key, value.as_deref()),
                                "version {version}"
                            );
                        }
                        Err(error) => assert!(error == ProveError::EmptyStore && model.is_empty(), "{error}"),
                    }
                }
            }
        };
        check(&store, 700);
        drop(store);
        let store = open();
        check(&store, 700);
        for latest in (690..700).rev() {
            assert_eq!(store.rollback_one().unwrap().version, latest);
        }
        check(&store, 690);
        // Going on from there gives the roots of the state again.
        let mut model = versions[689].2.clone();
        for version in 691..=960 {
            let block = changes(&mut rng, 5, 500);
            commit(&store, version, &block);
            apply(&mut model, &block);
        }
        assert_eq!(store.latest().unwrap().stores[0].root, reference_root(&model));
    }
}

#[test]
fn what_has_no_proof_is_refused_by_name() {
    let store = MultiStore::in_memory(Pruning::KeepRecent(2)).unwrap();
    assert!(matches!(
        store.prove("main", b"a", 1),
        Err(ProveError::Version(SnapshotError::Future {
            version: 1,
            latest: 0
        }))
    ));
    for version in 1..6 {
        let block = ChangeSet::from([
            (b"a".to_vec(), Some(vec![version as u8])),
            (b"empty".to_vec(), Some(vec![])),
        ]);
        commit(&store, version, &block);
    }
    assert_eq!(
        store.prove("ibc", b"a", 5),
        Err(ProveError::UnknownStore("ibc".into()))
    );
    assert_eq!(store.prove("main", b"", 5), Err(ProveError::Unprovable));
    assert_eq!(store.prove("main", b"empty", 5), Err(ProveError::Unprovable));
    assert!(matches!(
        store.prove("main", b"a", 3),
        Err(ProveError::Version(SnapshotError::Pruned {
            version: 3,
            oldest: 4
        }))
    ));
    assert!(store.prove("main", b"a", 4).is_ok());
}
