//! Versions on disk: reading old ones, pruning, going back, starting again.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use quern_store::{
    Branch, ChangeSet, Config, MultiStore, Order, Pruning, Snapshot, SnapshotError, StoreError,
};
use rand::{Rng, seq::SliceRandom};
use std::path::Path;
use support::{Model, apply, changes, commit, dump, rng};

fn open(path: &Path, pruning: Pruning) -> MultiStore {
    MultiStore::open(Config {
        path: path.to_owned(),
        pruning,
        verify: false,
    })
    .unwrap()
}

fn set(key: &[u8], value: &[u8]) -> ChangeSet {
    ChangeSet::from([(key.to_vec(), Some(value.to_vec()))])
}

/// Ranges of `snapshot` against `model`, both ways and with bounds.
fn compare(snapshot: &Snapshot, model: &Model, seed: u64) {
    assert_eq!(dump(snapshot), *model);
    let mut rng = rng(seed);
    for _ in 0..10 {
        let (a, b) = (
            format!("k{}", rng.gen_range(0..99)),
            format!("k{}", rng.gen_range(0..99)),
        );
        let (start, end) = (a.clone().min(b.clone()), a.max(b));
        let mut expected: Vec<_> = model
            .range(start.clone().into_bytes()..end.clone().into_bytes())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        for order in [Order::Ascending, Order::Descending] {
            let got: Vec<_> = snapshot
                .range(Some(start.as_bytes()), Some(end.as_bytes()), order)
                .collect::<Result<_, _>>()
                .unwrap();
            assert_eq!(got, expected);
            expected.reverse();
        }
        assert_eq!(
            snapshot.get(start.as_bytes()).unwrap().as_ref(),
            model.get(start.as_bytes())
        );
    }
}

#[test]
fn every_kept_version_reads_as_it_was_and_pruned_ones_are_refused() {
    for (seed, pruning) in [Pruning::Nothing, Pruning::KeepRecent(4), Pruning::KeepRecent(40)]
        .into_iter()
        .enumerate()
    {
        let store = MultiStore::in_memory(pruning).unwrap();
        let mut rng = rng(seed as u64);
        let mut models = vec![Model::new()];
        for version in 1..=120u64 {
            let count = rng.gen_range(0..30);
            let mut block = changes(&mut rng, count, 100);
            // A key with more versions than a scan has patience for.
            block.insert(b"k50".to_vec(), Some(version.to_be_bytes().to_vec()));
            commit(&store, version, &block);
            let mut model = models.last().unwrap().clone();
            apply(&mut model, &block);
            models.push(model);
        }
        let oldest = match pruning {
            Pruning::Nothing => 1,
            Pruning::KeepRecent(count) => 121 - count,
        };
        for version in 1..=120 {
            match store.snapshot_at(version) {
                Ok(snapshot) => {
                    assert!(version >= oldest);
                    assert_eq!(snapshot.version(), version);
                    compare(&snapshot, &models[version as usize], version);
                }
                Err(error) => assert_eq!(error, SnapshotError::Pruned { version, oldest }),
            }
        }
        assert_eq!(
            store.snapshot_at(121).unwrap_err(),
            SnapshotError::Future {
                version: 121,
                latest: 120
            }
        );
    }
}

#[test]
fn a_snapshot_that_is_held_shows_its_version_while_commits_and_pruning_go_on() {
    let store = MultiStore::in_memory(Pruning::KeepRecent(2)).unwrap();
    let mut rng = rng(1);
    let mut model = Model::new();
    let mut held: Vec<(Snapshot, Model)> = vec![(store.snapshot(), Model::new())];
    for version in 1..=60 {
        let block = changes(&mut rng, 20, 60);
        commit(&store, version, &block);
        apply(&mut model, &block);
        if version % 7 == 0 {
            held.push((store.snapshot(), model.clone()));
        }
        for (snapshot, model) in &held {
            compare(snapshot, model, version);
        }
    }
}

#[test]
fn readers_on_other_threads_never_see_a_mix_of_versions() {
    let store = MultiStore::in_memory(Pruning::KeepRecent(3)).unwrap();
    let block = |version: u64| -> ChangeSet {
        (0..50u8)
            .map(|key| (vec![key + 1], Some(version.to_be_bytes().to_vec())))
            .collect()
    };
    commit(&store, 1, &block(1));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0;
                    while last < 150 {
                        let snapshot = store.snapshot();
                        let expected = snapshot.version().to_be_bytes().to_vec();
                        assert!(snapshot.version() >= last);
                        last = snapshot.version();
                        let state = dump(&snapshot);
                        assert_eq!(state.len(), 50);
                        assert!(state.values().all(|value| *value == expected));
                    }
                })
            })
            .collect();
        for version in 2..=150 {
            commit(&store, version, &block(version));
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn the_app_hash_depends_on_state_alone() {
    let mut rng = rng(3);
    let blocks: Vec<ChangeSet> = (0..12).map(|_| changes(&mut rng, 40, 100)).collect();
    let mut hashes: Vec<Vec<[u8; 32]>> = Vec::new();
    for (index, pruning) in [Pruning::Nothing, Pruning::KeepRecent(2), Pruning::KeepRecent(5)]
        .into_iter()
        .enumerate()
    {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path(), pruning);
        let mut of_this = Vec::new();
        for (version, block) in (1..).zip(&blocks) {
            // The second run starts again before each block, the third writes in another order.
            if index == 1 {
                drop(store);
                store = open(folder.path(), pruning);
            }
            let mut writes: Vec<_> = block.iter().collect();
            if index == 2 {
                writes.shuffle(&mut rng);
            }
            let branch = Branch::new(store.snapshot());
            for (key, value) in writes {
                match value {
                    Some(value) => branch.set(key, value.clone()),
                    None => branch.delete(key),
                }
            }
            of_this.push(commit(&store, version, &branch.changes()));
        }
        hashes.push(of_this);
    }
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[0], hashes[2]);

    // The same state by another history.
    let mut model = Model::new();
    blocks.iter().for_each(|block| apply(&mut model, block));
    let store = MultiStore::in_memory(Pruning::Nothing).unwrap();
    let at_once: ChangeSet = model.into_iter().map(|(key, value)| (key, Some(value))).collect();
    assert_eq!(commit(&store, 900, &at_once), *hashes[0].last().unwrap());
}

#[test]
fn rolling_back_undoes_whole_versions_until_none_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut rng = rng(4);
    let mut store = open(folder.path(), Pruning::Nothing);
    let mut states = vec![];
    let mut model = Model::new();
    let blocks: Vec<_> = (0..6).map(|_| changes(&mut rng, 50, 80)).collect();
    for (version, block) in (10..).zip(&blocks) {
        let app_hash = commit(&store, version, block);
        apply(&mut model, block);
        states.push((model.clone(), app_hash));
    }
    for version in (10..15u64).rev() {
        let info = store.rollback_one().unwrap();
        let (model, app_hash) = &states[(version - 10) as usize];
        assert_eq!((info.version, info.app_hash), (version, *app_hash));
        drop(store);
        store = open(folder.path(), Pruning::Nothing);
        assert_eq!(store.latest().unwrap(), info);
        compare(&store.snapshot(), model, version);
    }
    assert_eq!(
        store.rollback_one().unwrap_err(),
        StoreError::NothingBefore { latest: 10 }
    );
    // Going on gives the same hashes.
    for (version, block) in (11..).zip(&blocks[1..]) {
        assert_eq!(commit(&store, version, block), states[(version - 10) as usize].1);
    }
}

#[test]
fn a_version_can_be_rolled_back_under_the_tightest_pruning() {
    let store = MultiStore::in_memory(Pruning::KeepRecent(1)).unwrap();
    let mut hashes = vec![];
    for version in 1..=20u8 {
        hashes.push(commit(&store, version.into(), &set(b"a", &[version])));
    }
    assert_eq!(store.rollback_one().unwrap().app_hash, hashes[18]);
    assert_eq!(store.snapshot().get(b"a").unwrap(), Some(vec![19]));
    assert_eq!(
        store.rollback_one().unwrap_err(),
        StoreError::NothingBefore { latest: 19 }
    );
    assert_eq!(commit(&store, 20, &set(b"a", &[20])), hashes[19]);
}

#[test]
fn a_prepared_version_leaves_no_trace_unless_committed_in_order() {
    let store = MultiStore::in_memory(Pruning::Nothing).unwrap();
    assert_eq!(
        store.prepare(0, &set(b"a", b"1")).err(),
        Some(StoreError::Order { latest: 0, got: 0 })
    );
    commit(&store, 7, &set(b"a", b"1"));
    let forgotten = store.prepare(8, &set(b"a", b"2")).unwrap();
    let kept = store.prepare(8, &set(b"a", b"3")).unwrap();
    assert_eq!(store.snapshot().get(b"a").unwrap(), Some(b"1".to_vec()));
    assert_eq!((kept.version(), store.latest().unwrap().version), (8, 7));
    store.commit(kept).unwrap();
    assert_eq!(store.snapshot().get(b"a").unwrap(), Some(b"3".to_vec()));
    assert_eq!(
        store.commit(forgotten).err(),
        Some(StoreError::Order { latest: 8, got: 8 })
    );
    for got in [7, 8, 10] {
        assert_eq!(
            store.prepare(got, &set(b"a", b"4")).err(),
            Some(StoreError::Order { latest: 8, got })
        );
    }
    assert_eq!(
        store.prepare(9, &set(b"", b"4")).err(),
        Some(StoreError::EmptyKey)
    );
    assert_eq!(store.snapshot_at(6).unwrap_err(), SnapshotError::NotFound(6));
}

#[test]
fn an_empty_block_keeps_the_app_hash() {
    let store = MultiStore::in_memory(Pruning::KeepRecent(2)).unwrap();
    let empty = commit(&store, 1, &ChangeSet::new());
    let one = commit(&store, 2, &set(b"a", b"1"));
    assert_ne!(one, empty);
    assert_eq!(commit(&store, 3, &ChangeSet::new()), one);
    assert_eq!(commit(&store, 4, &set(b"a", b"1")), one);
    assert_eq!(
        commit(
            &store,
            5,
            &ChangeSet::from([(b"a".to_vec(), None), (b"absent".to_vec(), None)])
        ),
        empty
    );
}

#[test]
fn pruning_keeps_the_database_from_growing_with_the_chain() {
    let rows = |versions: u64| {
        let backend = std::sync::Arc::new(quern_store::backend::RedbBackend::in_memory().unwrap());
        let store = MultiStore::on_backend(backend.clone(), Pruning::KeepRecent(3)).unwrap();
        let mut rng = rng(5);
        for version in 1..=versions {
            commit(&store, version, &changes(&mut rng, 50, 400));
        }
        drop(store);
        use quern_store::backend::{Backend, Bounds};
        let all = Bounds {
            start: vec![],
            end: None,
        };
        backend.view().unwrap().scan_keys(&all, usize::MAX).unwrap().len()
    };
    let (short, long) = (rows(60), rows(600));
    assert!(
        long < short * 2,
        "{short} rows after 60 versions, {long} after 600"
    );
}

#[test]
fn another_format_is_refused_with_what_to_do() {
    use quern_store::backend::{Backend, RedbBackend};
    let backend = std::sync::Arc::new(RedbBackend::in_memory().unwrap());
    MultiStore::on_backend(backend.clone(), Pruning::Nothing).unwrap();
    backend
        .write(vec![(vec![1, 1], Some(99u64.to_be_bytes().to_vec()))])
        .unwrap();
    let error = MultiStore::on_backend(backend, Pruning::Nothing).err().unwrap();
    assert_eq!(
        error,
        StoreError::Format {
            found: 99,
            supported: 1
        }
    );
    assert!(
        error.to_string().contains("run the program that wrote it"),
        "{error}"
    );

    let foreign = std::sync::Arc::new(RedbBackend::in_memory().unwrap());
    foreign.write(vec![(vec![9, 9], Some(vec![]))]).unwrap();
    let error = MultiStore::on_backend(foreign, Pruning::Nothing).err();
    assert_eq!(
        error,
        Some(StoreError::Format {
            found: 0,
            supported: 1
        })
    );
}

#[test]
fn two_processes_cannot_open_one_database() {
    let folder = tempfile::tempdir().unwrap();
    let _held = open(folder.path(), Pruning::Nothing);
    let config = Config {
        path: folder.path().to_owned(),
        pruning: Pruning::Nothing,
        verify: false,
    };
    assert_eq!(MultiStore::open(config).err(), Some(StoreError::InUse));
}
