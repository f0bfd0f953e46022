//! The state of a stopped application, row by row.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use quern_store::{Config, MultiStore, Order, Pruning};

/// Every row, at a height or at the latest, and that height.
pub fn state(folder: &Path, height: Option<u64>) -> (BTreeMap<Vec<u8>, Vec<u8>>, u64) {
    let started = Instant::now();
    let config = || Config {
        path: folder.to_owned(),
        pruning: Pruning::Nothing,
        verify: true,
    };
    // The process that held the database may still be ending.
    let store = loop {
        match MultiStore::open(config()) {
            Ok(store) => break store,
            Err(error) => assert!(
                started.elapsed() < Duration::from_secs(10),
                "{}: {error}",
                folder.display()
            ),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let height = height.unwrap_or_else(|| store.latest().unwrap().version);
    let snapshot = store.snapshot_at(height).unwrap();
    let rows = snapshot.range(None, None, Order::Ascending).map(|row| {
        let (key, value) = row.unwrap();
        (key.to_vec(), value.to_vec())
    });
    (rows.collect(), height)
}

/// Fails at the first row in which two states differ.
pub fn assert_equal(left: &BTreeMap<Vec<u8>, Vec<u8>>, right: &BTreeMap<Vec<u8>, Vec<u8>>) {
    assert!(left.len() > 20, "the state is suspiciously small");
    for (key, value) in left {
        assert_eq!(right.get(key), Some(value), "key {key:02x?}");
    }
    assert_eq!(left.len(), right.len(), "one state has more keys");
}
