//! Snapshots for nodes that join late: what honest ones give, and what hostile ones cannot do.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed unwrap is a failed test"
)]

mod support;

use quern_store::backend::RedbBackend;
use quern_store::statesync::{
    CHUNK_BYTES, Codes, Description, FORMAT, Folder, Received, Receiver, SyncError, create,
};
use quern_store::{ChangeSet, MultiStore, Pruning, Snapshot, StoreError};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use support::disk::Disk;
use support::{changes, commit, dump, rng};
use tempfile::TempDir;

type Refusal = Result<(), SyncError>;

/// Takes codes in, or refuses each.
#[derive(Default)]
struct Shelf {
    open: bool,
    codes: Vec<([u8; 32], Vec<u8>)>,
}

impl Codes for Shelf {
    fn take(&mut self, state: &Snapshot, hash: [u8; 32], code: Vec<u8>) -> Refusal {
        if !self.open || state.get(b"empty")?.is_none() {
            return Err(SyncError::Malformed("a code"));
        }
        self.codes.push((hash, code));
        Ok(())
    }
}

/// A state of a few versions with `megabytes` of filling.
fn grown(seed: u64, megabytes: usize) -> MultiStore {
    let store = MultiStore::in_memory(Pruning::KeepRecent(2)).unwrap();
    let mut rng = rng(seed);
    for version in 3..9 {
        commit(&store, version, &changes(&mut rng, 60, 90));
    }
    let mut filling = ChangeSet::new();
    for index in 0..megabytes * 10 {
        filling.insert(
            format!("z{index:05}").into_bytes(),
            Some(vec![index as u8; 100_000]),
        );
    }
    filling.insert(b"empty".to_vec(), Some(Vec::new()));
    commit(&store, 9, &filling);
    store
}

fn snapshot(store: &MultiStore, codes: &[&[u8]]) -> (TempDir, Folder, Description) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let codes = codes.iter().map(|code| Ok(code.to_vec()));
    let made = create(&folder, &store.snapshot(), codes, || false).unwrap();
    (dir, folder, made)
}

fn chunks(folder: &Folder, of: &Description) -> Vec<Vec<u8>> {
    let count = u32::try_from(of.chunks.len()).unwrap();
    (0..count)
        .map(|index| folder.chunk(of.height, of.format, index).unwrap())
        .collect()
}

/// A description of these chunks, as a liar would make it.
fn describe(height: u64, chunks: &[Vec<u8>]) -> Description {
    Description {
        height,
        format: FORMAT,
        chunks: chunks.iter().map(|chunk| Sha256::digest(chunk).into()).collect(),
    }
}

fn take(into: &MultiStore, of: &Description, chunks: &[Vec<u8>], app_hash: [u8; 32]) -> Refusal {
    let mut receiver = Receiver::begin(into, of.clone(), app_hash)?;
    for chunk in chunks {
        receiver.chunk(chunk, &mut Shelf::default())?;
    }
    receiver.finish().map(drop)
}

#[test]
fn a_restored_node_has_the_same_state_and_hashes_and_goes_on_like_the_others() {
    let source = grown(1, 23);
    let (_dir, folder, made) = snapshot(&source, &[]);
    assert_eq!(made.chunks.len(), 3);
    let chunks = chunks(&folder, &made);
    assert!(chunks[..2].iter().all(|chunk| chunk.len() == CHUNK_BYTES));
    let latest = source.latest().unwrap();

    let dir = tempfile::tempdir().unwrap();
    let config = || quern_store::Config {
        path: dir.path().to_owned(),
        pruning: Pruning::KeepRecent(2),
        verify: true,
    };
    let target = MultiStore::open(config()).unwrap();
    take(&target, &made, &chunks, latest.app_hash).unwrap();
    assert_eq!(target.latest(), Some(latest.clone()));
    assert_eq!(dump(&target.snapshot()), dump(&source.snapshot()));
    drop(target);
    let target = MultiStore::open(config()).unwrap();
    assert_eq!(target.latest(), Some(latest));

    let mut rng = rng(2);
    for version in 10..300 {
        let block = changes(&mut rng, 20, 90);
        assert_eq!(commit(&source, version, &block), commit(&target, version, &block));
    }
    for key in [b"z00001".as_slice(), b"k5", b"nothing"] {
        assert_eq!(
            source.prove("main", key, 299).unwrap().0,
            target.prove("main", key, 299).unwrap().0
        );
    }
    // A node that was restored serves the very bytes that others serve.
    let (_first, folder, one) = snapshot(&source, &[b"a", b"code"]);
    let (_second, other_folder, other) = snapshot(&target, &[b"a", b"code"]);
    assert_eq!(one, other);
    assert_eq!(self::chunks(&folder, &one), self::chunks(&other_folder, &other));
}

#[test]
fn a_snapshot_shows_its_version_whatever_is_committed_meanwhile() {
    let source = grown(3, 1);
    let before = source.snapshot();
    let mut rng = rng(4);
    for version in 10..40 {
        commit(&source, version, &changes(&mut rng, 60, 90));
    }
    let dir = tempfile::tempdir().unwrap();
    let made = create(&Folder::open(dir.path()).unwrap(), &before, [], || false).unwrap();
    assert_eq!(made, snapshot(&grown(3, 1), &[]).2);
}

#[test]
fn a_wrong_chunk_is_refused_and_the_right_one_taken_afterwards() {
    let source = grown(5, 23);
    let (_dir, folder, made) = snapshot(&source, &[]);
    let chunks = chunks(&folder, &made);
    let target = MultiStore::in_memory(Pruning::Nothing).unwrap();
    let app_hash = source.latest().unwrap().app_hash;
    let mut receiver = Receiver::begin(&target, made, app_hash).unwrap();
    for (index, chunk) in chunks.iter().enumerate() {
        let mut flipped = chunk.clone();
        flipped[77] ^= 1;
        let truncated = chunk[..chunk.len() - 1].to_vec();
        let oversized = vec![0; 20 << 20];
        let another = chunks[(index + 1) % chunks.len()].clone();
        for wrong in [flipped, truncated, oversized, another, Vec::new()] {
            let refused = receiver.chunk(&wrong, &mut Shelf::default()).unwrap_err();
            assert_eq!(refused, SyncError::Chunk(u32::try_from(index).unwrap()));
        }
        receiver.chunk(chunk, &mut Shelf::default()).unwrap();
    }
    receiver.finish().unwrap();
    assert_eq!(dump(&target.snapshot()), dump(&source.snapshot()));
}

#[test]
fn a_snapshot_of_another_state_is_thrown_away_and_an_honest_one_taken_afterwards() {
    let source = grown(6, 12);
    let (_dir, folder, made) = snapshot(&source, &[]);
    let honest = chunks(&folder, &made);
    let app_hash = source.latest().unwrap().app_hash;
    let target = MultiStore::in_memory(Pruning::Nothing).unwrap();

    // One value changed, with hashes that fit the lie.
    let mut lie = honest.clone();
    let last = lie[0].len() - 1;
    lie[0][last] ^= 1;
    let error = take(&target, &describe(9, &lie), &lie, app_hash).unwrap_err();
    assert!(matches!(error, SyncError::AppHash { .. }), "{error}");

    // Bytes that are no stream, an end that comes too early, and one that goes on.
    let mut rng = rng(7);
    let noise: Vec<u8> = (0..1000).map(|_| rand::Rng::r#gen(&mut rng)).collect();
    let mut cut = honest.clone();
    let length = cut[1].len();
    cut[1].truncate(length - 1);
    let mut long = honest.clone();
    long[1].push(1);
    for lie in [vec![noise], cut, long] {
        let error = take(&target, &describe(9, &lie), &lie, app_hash).unwrap_err();
        assert!(matches!(error, SyncError::Malformed(_)), "{error}");
    }
    assert_eq!((target.latest(), dump(&target.snapshot()).len()), (None, 0));
    take(&target, &made, &honest, app_hash).unwrap();
    assert_eq!(dump(&target.snapshot()), dump(&source.snapshot()));
}

#[test]
fn codes_come_after_the_app_hash_was_checked_and_a_refused_one_ends_it() {
    let source = grown(8, 0);
    let app_hash = source.latest().unwrap().app_hash;
    let (_dir, folder, made) = snapshot(&source, &[b"code"]);
    let bytes = chunks(&folder, &made);
    let target = MultiStore::in_memory(Pruning::Nothing).unwrap();
    assert!(take(&target, &made, &bytes, app_hash).is_err());
    let mut keep = Shelf {
        open: true,
        codes: Vec::new(),
    };
    let mut wrong = Receiver::begin(&target, made.clone(), [9; 32]).unwrap();
    assert!(matches!(
        wrong.chunk(&bytes[0], &mut keep),
        Err(SyncError::AppHash { .. })
    ));
    drop(wrong);
    let mut receiver = Receiver::begin(&target, made, app_hash).unwrap();
    assert!(matches!(
        receiver.chunk(&bytes[0], &mut keep).unwrap(),
        Received::Last
    ));
    receiver.finish().unwrap();
    assert_eq!(keep.codes, [(Sha256::digest(b"code").into(), b"code".to_vec())]);
}

#[test]
fn a_description_that_contradicts_itself_is_refused() {
    let good = describe(5, &[b"x".to_vec(), b"y".to_vec()]);
    let read = |height, format, chunks, hash: [u8; 32], metadata: &[u8]| {
        Description::read(height, format, chunks, &hash, metadata)
    };
    let metadata = good.metadata();
    assert_eq!(read(5, FORMAT, 2, good.hash(), &metadata).unwrap(), good);
    assert_eq!(read(5, 2, 2, good.hash(), &metadata), Err(SyncError::Format(2)));
    let short = &metadata[..63];
    for refused in [
        read(0, FORMAT, 2, good.hash(), &metadata),
        read(5, FORMAT, 3, good.hash(), &metadata),
        read(5, FORMAT, 2, [0; 32], &metadata),
        read(5, FORMAT, 2, Sha256::digest(short).into(), short),
        read(5, FORMAT, 0, Sha256::digest(b"").into(), b""),
    ] {
        assert_eq!(refused, Err(SyncError::Description));
    }
}

#[test]
fn the_folder_keeps_the_latest_and_removes_what_a_crash_left() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let store = MultiStore::in_memory(Pruning::Nothing).unwrap();
    let mut rng = rng(11);
    for version in 1..6 {
        commit(&store, version, &changes(&mut rng, 9, 9));
        create(&folder, &store.snapshot(), [], || false).unwrap();
    }
    folder.keep_recent(2).unwrap();
    let heights = |folder: &Folder| {
        folder
            .list()
            .unwrap()
            .iter()
            .map(|one| one.height)
            .collect::<Vec<_>>()
    };
    assert_eq!(heights(&folder), [5, 4]);
    let again = create(&folder, &store.snapshot(), [], || false);
    assert_eq!(again, Err(SyncError::Exists(5)));
    // Torn by a crash: its metadata never came, or its files lie where they are written.
    std::fs::remove_file(dir.path().join("5/1/metadata")).unwrap();
    std::fs::create_dir_all(dir.path().join("unfinished/7-1")).unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    assert_eq!(heights(&folder), [4]);
    assert!(!dir.path().join("unfinished").exists());
    folder.delete(5, 1).unwrap();
    folder.delete(4, 1).unwrap();
    assert_eq!(
        folder.delete(4, 1),
        Err(SyncError::NotFound { height: 4, format: 1 })
    );
    assert!(folder.chunk(4, 1, 0).is_err());
    // Of a state that was rolled back nothing is offered, and another one of its height can be made.
    create(&folder, &store.snapshot(), [], || false).unwrap();
    create(&folder, &store.snapshot_at(3).unwrap(), [], || false).unwrap();
    folder.delete_above(3).unwrap();
    assert_eq!(heights(&folder), [3]);
    create(&folder, &store.snapshot(), [], || false).unwrap();
}

#[test]
fn a_crash_anywhere_in_a_restore_leaves_an_empty_state_or_the_whole_one() {
    let source = grown(12, 0);
    let (_dir, folder, made) = snapshot(&source, &[]);
    let chunks = chunks(&folder, &made);
    let app_hash = source.latest().unwrap().app_hash;
    let open = |disk: &Disk| -> Result<MultiStore, StoreError> {
        MultiStore::on_backend(Arc::new(RedbBackend::on_storage(disk.clone())?), Pruning::Nothing)
    };
    let empty = Disk::new(Vec::new());
    drop(open(&empty).unwrap());
    let whole = Disk::new(empty.content());
    take(&open(&whole).unwrap(), &made, &chunks, app_hash).unwrap();
    let (mut none, mut all) = (0, 0);
    for cut in 0..whole.operations() {
        let disk = Disk::new(empty.content());
        disk.cut_after(cut);
        let _ = open(&disk).map(|store| take(&store, &made, &chunks, app_hash));
        let disk = Disk::new(disk.after_power_cut(cut));
        let store = open(&disk).unwrap();
        match store.latest() {
            None => {
                none += 1;
                assert_eq!(dump(&store.snapshot()).len(), 0);
                take(&store, &made, &chunks, app_hash).unwrap();
            }
            Some(_) => all += 1,
        }
        assert_eq!(dump(&store.snapshot()), dump(&source.snapshot()), "cut {cut}");
    }
    assert!(none > 10 && all > 0, "{none} {all}");
}

#[test]
fn nothing_is_committed_while_a_restore_goes_on() {
    let source = grown(13, 0);
    let made = snapshot(&source, &[]).2;
    let target = MultiStore::in_memory(Pruning::Nothing).unwrap();
    let receiver = Receiver::begin(&target, made, [0; 32]).unwrap();
    assert!(target.restore(9).is_err());
    let pending = target.prepare(1, &ChangeSet::new()).unwrap();
    assert_eq!(target.commit(pending), Err(StoreError::Restoring));
    drop(receiver);
    commit(&target, 1, &ChangeSet::new());
    assert!(target.restore(9).is_err());
}

#[test]
fn the_file_of_a_restore_in_many_batches_takes_a_few_times_its_entries() {
    let dir = tempfile::tempdir().unwrap();
    let store = MultiStore::open(quern_store::Config {
        path: dir.path().to_owned(),
        pruning: Pruning::Nothing,
        verify: false,
    })
    .unwrap();
    let mut restore = store.restore(9).unwrap();
    let mut entries = 0;
    for batch in 0..60u32 {
        let of = |index: u32| ([b"k".as_slice(), &index.to_be_bytes()].concat(), vec![1; 200]);
        let batch: Vec<_> = (batch * 1000..(batch + 1) * 1000).map(of).collect();
        entries += batch
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum::<usize>();
        restore.put(batch).unwrap();
    }
    restore.finish().unwrap();
    let file = dir.path().join("state.redb").metadata().unwrap().len();
    assert!(file < 6 * entries as u64, "{file} bytes for {entries}");
}
