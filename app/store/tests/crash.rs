//! Power cuts at every kind of moment between FinalizeBlock and the end of Commit.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap is a failed test"
)]

mod support;

use quern_store::backend::RedbBackend;
use quern_store::{ChangeSet, MultiStore, Pruning, StoreError};
use rand::Rng;
use std::sync::Arc;
use support::disk::Disk;
use support::{Model, apply, changes, commit, dump, rng};

const SEEDS: u64 = 1_200;
const VERSIONS: u64 = 7;
const FIRST: u64 = 5;

/// Blocks, and what an uninterrupted twin has after each.
struct Twin {
    blocks: Vec<ChangeSet>,
    states: Vec<(Model, [u8; 32])>,
}

impl Twin {
    fn run(seed: u64) -> Self {
        let store = MultiStore::in_memory(Pruning::Nothing).unwrap();
        let mut rng = rng(seed);
        let mut model = Model::new();
        let (mut blocks, mut states) = (Vec::new(), Vec::new());
        for version in FIRST..FIRST + VERSIONS {
            let count = *[0, 3, 20, 60].get(rng.gen_range(0..4)).unwrap();
            let block = changes(&mut rng, count, 90);
            let app_hash = commit(&store, version, &block);
            apply(&mut model, &block);
            assert_eq!(dump(&store.snapshot()), model);
            blocks.push(block);
            states.push((model.clone(), app_hash));
        }
        Self { blocks, states }
    }

    fn block(&self, version: u64) -> &ChangeSet {
        &self.blocks[(version - FIRST) as usize]
    }

    fn state(&self, version: u64) -> &(Model, [u8; 32]) {
        &self.states[(version - FIRST) as usize]
    }
}

fn open(disk: &Disk, pruning: Pruning) -> Result<MultiStore, StoreError> {
    MultiStore::on_backend(Arc::new(RedbBackend::on_storage(disk.clone())?), pruning)
}

/// Commits blocks until the power goes. The last version that was acknowledged.
fn run(store: &MultiStore, twin: &Twin) -> u64 {
    let mut acknowledged = store.latest().map_or(FIRST - 1, |info| info.version);
    for version in acknowledged + 1..FIRST + VERSIONS {
        let done = store
            .prepare(version, twin.block(version))
            .and_then(|pending| store.commit(pending));
        match done {
            Ok(_) => acknowledged = version,
            Err(_) => break,
        }
    }
    acknowledged
}

/// The latest version, after a check that all that it shows equals the twin's.
fn check(store: &MultiStore, twin: &Twin, seed: u64) -> u64 {
    let Some(latest) = store.latest() else {
        assert_eq!(dump(&store.snapshot()), Model::new(), "seed {seed}");
        return FIRST - 1;
    };
    let (state, app_hash) = twin.state(latest.version);
    assert_eq!(latest.app_hash, *app_hash, "seed {seed}");
    assert_eq!(dump(&store.snapshot()), *state, "seed {seed}");
    if latest.version > FIRST {
        let before = dump(&store.snapshot_at(latest.version - 1).unwrap());
        assert_eq!(before, twin.state(latest.version - 1).0, "seed {seed}");
    }
    latest.version
}

#[test]
fn a_power_cut_leaves_the_last_or_the_in_flight_version_and_replay_goes_on_from_it() {
    let twins: Vec<Twin> = (0..8).map(Twin::run).collect();
    let (mut in_flight, mut last, mut second_cuts) = (0, 0, 0);
    for seed in 0..SEEDS {
        let twin = &twins[(seed % 8) as usize];
        let mut rng = rng(seed);
        let pruning = if seed % 3 == 0 {
            Pruning::Nothing
        } else {
            Pruning::KeepRecent(2)
        };

        // An empty database, closed in order: MultiStore::open makes it under another name first.
        let empty = Disk::new(Vec::new());
        drop(open(&empty, pruning).unwrap());

        // How many operations the whole run takes, to cut anywhere in it.
        let whole = Disk::new(empty.content());
        let store = open(&whole, pruning).unwrap();
        assert_eq!(run(&store, twin), FIRST + VERSIONS - 1);
        drop(store);

        let disk = Disk::new(empty.content());
        disk.cut_after(rng.gen_range(0..whole.operations()));
        let acknowledged = match open(&disk, pruning) {
            Ok(store) => run(&store, twin),
            Err(_) => FIRST - 1,
        };

        // Recovery may be cut short as well.
        let mut disk = Disk::new(disk.after_power_cut(seed));
        if rng.gen_bool(0.3) {
            disk.cut_after(rng.gen_range(0..12));
            drop(open(&disk, pruning));
            disk = Disk::new(disk.after_power_cut(!seed));
            second_cuts += 1;
        }

        let store = open(&disk, pruning).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let recovered = check(&store, twin, seed);
        assert!(
            recovered == acknowledged || recovered == acknowledged + 1,
            "seed {seed}: acknowledged {acknowledged}, recovered {recovered}"
        );
        if recovered == acknowledged {
            last += 1
        } else {
            in_flight += 1
        }

        assert_eq!(run(&store, twin), FIRST + VERSIONS - 1, "seed {seed}");
        check(&store, twin, seed);
    }
    // The cuts met what they were meant to meet.
    assert!(
        in_flight > 10 && last > 10 && second_cuts > 100,
        "{in_flight} {last} {second_cuts}"
    );
}
