//! What the store's tests share.
#![allow(dead_code, reason = "each test program uses a part")]

pub mod disk;

use quern_store::{ChangeSet, Key, MultiStore, Order, Snapshot, Value};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

pub type Model = BTreeMap<Key, Value>;

pub fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

/// Random sets and deletes over few enough keys that they meet again.
pub fn changes(rng: &mut StdRng, count: usize, keys: u32) -> ChangeSet {
    (0..count)
        .map(|_| {
            let key = format!("k{}", rng.gen_range(0..keys)).into_bytes();
            let value = (rng.gen_range(0..4) != 0).then(|| {
                let length = rng.gen_range(1..60);
                (0..length).map(|_| rng.r#gen()).collect()
            });
            (key, value)
        })
        .collect()
}

pub fn apply(model: &mut Model, changes: &ChangeSet) {
    for (key, value) in changes {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

pub fn dump(snapshot: &Snapshot) -> Model {
    snapshot
        .range(None, None, Order::Ascending)
        .collect::<Result<_, _>>()
        .unwrap()
}

pub fn commit(store: &MultiStore, version: u64, changes: &ChangeSet) -> [u8; 32] {
    let pending = store.prepare(version, changes).unwrap();
    let app_hash = pending.app_hash();
    assert_eq!(store.commit(pending).unwrap().app_hash, app_hash);
    app_hash
}
