//! Damaged database files: an error that says what to do, never a panic or a wrong value.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use quern_store::{Config, MultiStore, Pruning, StoreError};
use rand::Rng;
use std::fs;
use std::path::Path;
use support::{Model, apply, changes, commit, dump, rng};

fn open(folder: &Path, verify: bool) -> Result<MultiStore, StoreError> {
    MultiStore::open(Config {
        path: folder.to_owned(),
        pruning: Pruning::KeepRecent(2),
        verify,
    })
}

/// A database file of some blocks, and its state.
fn sound(folder: &Path) -> (Vec<u8>, Model) {
    let store = open(folder, false).unwrap();
    let mut rng = rng(0);
    let mut model = Model::new();
    for version in 1..20 {
        let block = changes(&mut rng, 60, 300);
        commit(&store, version, &block);
        apply(&mut model, &block);
    }
    drop(store);
    (fs::read(folder.join("state.redb")).unwrap(), model)
}

fn assert_clear(error: &StoreError) {
    let message = error.to_string();
    assert!(message.contains("state database"), "{message}");
    let advice = [
        "restore the data directory",
        "check the disk",
        "remove the data directory",
    ];
    assert!(advice.iter().any(|advice| message.contains(advice)), "{message}");
}

#[test]
fn flipped_bytes_are_found_when_the_file_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (file, model) = sound(folder.path());
    let mut rng = rng(1);
    let mut refused = 0;
    for _ in 0..150 {
        let mut damaged = file.clone();
        for _ in 0..rng.gen_range(1..20) {
            let at = rng.gen_range(0..damaged.len());
            damaged[at] ^= rng.gen_range(1..=255u8);
        }
        fs::write(folder.path().join("state.redb"), damaged).unwrap();
        match open(folder.path(), true) {
            // The damage met free pages, or a commit slot that is not in use.
            Ok(store) => assert_eq!(dump(&store.snapshot()), model),
            Err(error) => {
                assert_clear(&error);
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn flipped_bytes_that_nobody_looked_for_are_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = sound(folder.path());
    let mut rng = rng(2);
    for _ in 0..150 {
        let mut damaged = file.clone();
        for _ in 0..rng.gen_range(1..200) {
            let at = rng.gen_range(0..damaged.len());
            damaged[at] ^= rng.gen_range(1..=255u8);
        }
        fs::write(folder.path().join("state.redb"), damaged).unwrap();
        let used = open(folder.path(), false).and_then(|store| {
            let state = store.snapshot().range(None, None, quern_store::Order::Ascending);
            state.collect::<Result<Model, _>>()?;
            if let Some(info) = store.latest() {
                let pending = store.prepare(info.version + 1, &changes(&mut rng, 60, 300))?;
                store.commit(pending)?;
            }
            Ok(())
        });
        if let Err(error) = used {
            assert_clear(&error);
        }
    }
}

#[test]
fn truncated_and_foreign_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = sound(folder.path());
    let path = folder.path().join("state.redb");
    for verify in [false, true] {
        for length in [
            0,
            1,
            8,
            300,
            4_096,
            5_000,
            file.len() / 2,
            file.len() - 4_096,
            file.len() - 1,
        ] {
            fs::write(&path, &file[..length]).unwrap();
            let read = open(folder.path(), verify).and_then(|store| {
                store
                    .snapshot()
                    .range(None, None, quern_store::Order::Ascending)
                    .collect::<Result<Model, _>>()
            });
            assert_clear(&read.err().unwrap());
        }
        for foreign in [b"#!/bin/sh\n".to_vec(), vec![0; 100_000], vec![0xff; 8_192]] {
            fs::write(&path, foreign).unwrap();
            assert_clear(&open(folder.path(), verify).err().unwrap());
        }
    }
}
