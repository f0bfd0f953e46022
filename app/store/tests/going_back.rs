//! Rolling back and pruning by hand.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed unwrap is a failed test"
)]

mod support;

use quern_store::backend::RedbBackend;
use quern_store::{ChangeSet, Config, MultiStore, Pruning, SnapshotError, StoreError};
use std::sync::Arc;
use support::disk::Disk;
use support::{Model, apply, changes, commit, dump, rng};

/// Blocks, and the state and app hash after each, from version 1.
struct History {
    blocks: Vec<ChangeSet>,
    states: Vec<(Model, [u8; 32])>,
}

fn history(store: &MultiStore, versions: u64) -> History {
    let mut rng = rng(versions);
    let mut model = Model::new();
    let (mut blocks, mut states) = (Vec::new(), Vec::new());
    for version in 1..=versions {
        let block = changes(&mut rng, 12, 60);
        let app_hash = commit(store, version, &block);
        apply(&mut model, &block);
        blocks.push(block);
        states.push((model.clone(), app_hash));
    }
    History { blocks, states }
}

impl History {
    fn check(&self, store: &MultiStore, version: u64) {
        let (model, app_hash) = &self.states[version as usize - 1];
        assert_eq!(store.latest().unwrap().version, version);
        assert_eq!(store.latest().unwrap().app_hash, *app_hash);
        assert_eq!(dump(&store.snapshot()), *model);
        for earlier in [1, version / 2 + 1] {
            assert_eq!(
                dump(&store.snapshot_at(earlier).unwrap()),
                self.states[earlier as usize - 1].0
            );
        }
    }

    fn replay(&self, store: &MultiStore) {
        let from = store.latest().unwrap().version;
        for version in from + 1..=self.blocks.len() as u64 {
            let app_hash = commit(store, version, &self.blocks[version as usize - 1]);
            assert_eq!(app_hash, self.states[version as usize - 1].1);
        }
        self.check(store, self.blocks.len() as u64);
    }
}

#[test]
fn any_kept_version_can_be_gone_back_to_and_replayed_from() {
    let store = MultiStore::in_memory(Pruning::Nothing).unwrap();
    let history = history(&store, 400);
    for target in [399, 390, 280, 272, 271, 200, 2, 1] {
        store.rollback_to(target).unwrap();
        history.check(&store, target);
        history.replay(&store);
    }
    assert!(matches!(store.rollback_to(400), Err(StoreError::Order { .. })));
    assert!(matches!(
        store.rollback_to(0),
        Err(StoreError::NothingBefore { .. })
    ));
}

#[test]
fn a_power_cut_in_a_rollback_leaves_a_version_that_can_be_gone_on_from() {
    let open = |disk: &Disk| -> Result<MultiStore, StoreError> {
        MultiStore::on_backend(Arc::new(RedbBackend::on_storage(disk.clone())?), Pruning::Nothing)
    };
    let full = Disk::new(Vec::new());
    let store = open(&full).unwrap();
    let history = history(&store, 160);
    drop(store);
    let whole = Disk::new(full.content());
    let store = open(&whole).unwrap();
    let opened = whole.operations();
    store.rollback_to(5).unwrap();
    let (mut before, mut after) = (0, 0);
    for cut in 0..whole.operations() - opened {
        let disk = Disk::new(full.content());
        let store = open(&disk).unwrap();
        disk.cut_after(opened + cut);
        let _ = store.rollback_to(5);
        drop(store);
        let disk = Disk::new(disk.after_power_cut(cut));
        let store = open(&disk).unwrap();
        match store.latest().unwrap().version {
            160 => before += 1,
            5 => {
                after += 1;
                history.check(&store, 5);
                history.replay(&store);
            }
            other => assert_eq!(other, 5),
        }
    }
    assert!(before > 0 && after > 3, "{before} {after}");
}

#[test]
fn pruning_by_hand_keeps_what_is_asked_for_and_shrinks_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        MultiStore::open(Config {
            path: dir.path().to_owned(),
            pruning: Pruning::Nothing,
            verify: true,
        })
        .unwrap()
    };
    let store = open();
    let history = history(&store, 300);
    assert!(store.prune(10).unwrap() > 3_000);
    assert_eq!(store.oldest(), 291);
    for version in 291..=300 {
        assert_eq!(
            dump(&store.snapshot_at(version).unwrap()),
            history.states[version as usize - 1].0
        );
    }
    assert!(matches!(
        store.snapshot_at(290),
        Err(SnapshotError::Pruned { .. })
    ));
    assert_eq!(store.prune(10).unwrap(), 0);
    assert!(store.rollback_to(290).is_err());
    drop(store);
    let (before, after) = MultiStore::compact(dir.path()).unwrap();
    assert!(after < before, "{before} {after}");
    let store = open();
    assert_eq!(store.latest().unwrap().app_hash, history.states[299].1);
    store.rollback_to(295).unwrap();
    for version in 296..=300 {
        let app_hash = commit(&store, version, &history.blocks[version as usize - 1]);
        assert_eq!(app_hash, history.states[version as usize - 1].1);
    }
}
