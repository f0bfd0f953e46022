//! State sync as CometBFT drives it: a node offers, another takes in and goes on.

use crate::support;

use std::path::Path;

use quern_core::{App, Halt, Options, Snapshots};
use quern_store::Order;
use quern_testkit::{Chain, GENESIS_TIME};
use serde_json::json;
use sha2::{Digest, Sha256};
use support::shipped::{EPOCH, World, ask, world};
use tempfile::TempDir;
use tendermint_abci::Application;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::abci as pb;
use tendermint_proto::v0_38::abci::{
    response_apply_snapshot_chunk::Result as Applied, response_offer_snapshot::Result as Offered,
};

fn open(dir: &Path, interval: u64) -> App {
    let mut options = Options::new(dir);
    options.snapshots = Some(Snapshots {
        dir: dir.join("snapshots"),
        interval,
        keep_recent: 2,
    });
    App::open(options).unwrap()
}

fn rows(app: &App) -> Vec<(Vec<u8>, Vec<u8>)> {
    let snapshot = app.store().snapshot();
    snapshot
        .range(None, None, Order::Ascending)
        .map(|row| row.unwrap())
        .collect()
}

/// A chain of the shipped contracts that went on under a node which makes snapshots, up to one of them.
fn source() -> (TempDir, World, Chain<App>) {
    let mut old = world(&["200000000000nqrn", "100000000000nqrn"]);
    old.chain.empty_blocks(3);
    let exported = old.chain.app.export(0).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let genesis = quern_testkit::Genesis::new()
        .first_height(4)
        .state(|state| *state = exported);
    let mut chain = Chain::start(open(dir.path(), 5), genesis);
    chain.empty_blocks(4);
    for _ in 0..8 {
        chain.block([]);
        chain.app.wait_for_snapshot();
    }
    (dir, old, chain)
}

fn chunk(app: &App, of: &pb::Snapshot, chunk: u32) -> Vec<u8> {
    let request = pb::RequestLoadSnapshotChunk {
        height: of.height,
        format: of.format,
        chunk,
    };
    app.load_snapshot_chunk(request).chunk.to_vec()
}

fn offer(app: &App, snapshot: &pb::Snapshot, app_hash: &[u8]) -> i32 {
    let request = pb::RequestOfferSnapshot {
        snapshot: Some(snapshot.clone()),
        app_hash: app_hash.to_vec().into(),
    };
    app.offer_snapshot(request).result
}

fn apply(app: &App, index: u32, chunk: Vec<u8>) -> pb::ResponseApplySnapshotChunk {
    app.apply_snapshot_chunk(pb::RequestApplySnapshotChunk {
        index,
        chunk: chunk.into(),
        sender: "a-peer".to_owned(),
    })
}

/// The app hash after the snapshot's block, as a light client has it from the next header.
fn hash_at(app: &App, height: u64) -> Vec<u8> {
    app.store().commit_info(height).unwrap().app_hash.to_vec()
}

#[test]
fn a_fresh_node_takes_in_a_snapshot_with_contracts_and_executes_the_next_blocks_like_the_others() {
    let (_dir, old, mut chain) = source();
    let offered = chain.app.list_snapshots().snapshots;
    let heights: Vec<u64> = offered.iter().map(|one| one.height).collect();
    assert_eq!(heights, [15, 10]);
    let snapshot = &offered[0];
    assert_eq!(
        Sha256::digest(&snapshot.metadata).to_vec(),
        snapshot.hash.to_vec()
    );

    let dir = tempfile::tempdir().unwrap();
    let fresh = open(dir.path(), 5);
    let app_hash = hash_at(&chain.app, 15);
    assert_eq!(offer(&fresh, snapshot, &app_hash), i32::from(Offered::Accept));
    for index in 0..snapshot.chunks {
        // A peer that lies is dropped, and the chunk asked for again.
        let mut lie = chunk(&chain.app, snapshot, index);
        lie[5] ^= 1;
        let refused = apply(&fresh, index, lie);
        assert_eq!(refused.result, i32::from(Applied::Retry));
        assert_eq!(
            (refused.refetch_chunks, refused.reject_senders),
            (vec![index], vec!["a-peer".to_owned()])
        );
        let taken = apply(&fresh, index, chunk(&chain.app, snapshot, index));
        assert_eq!(taken.result, i32::from(Applied::Accept));
    }
    assert_eq!(
        (fresh.halted(), fresh.last_height(), fresh.last_app_hash()),
        (None, 15, app_hash)
    );
    let info = fresh.info(pb::RequestInfo::default());
    assert_eq!(
        info.app_version,
        chain.app.info(pb::RequestInfo::default()).app_version
    );
    assert_eq!(rows(&fresh), rows(&chain.app));

    let mut joined = Chain::resume(fresh);
    for _ in 0..2 * EPOCH {
        let (theirs, ours) = (chain.block([]), joined.block([]));
        assert_eq!((theirs.app_hash, theirs.events), (ours.app_hash, ours.events));
        chain.app.wait_for_snapshot();
        joined.app.wait_for_snapshot();
    }
    assert_eq!(rows(&joined.app), rows(&chain.app));
    let bond = json!({"host_bond": {"host": old.hosts[0].address().to_string()}});
    assert_eq!(ask(&joined, "bonding", &bond)["active"], "200000000000");
    // What was restored makes the very snapshots of the others.
    assert_eq!(
        joined.app.list_snapshots().snapshots[0],
        chain.app.list_snapshots().snapshots[0]
    );

    // And it starts again from its disk.
    let (height, app_hash) = (joined.app.last_height(), joined.app.last_app_hash());
    drop(joined);
    let again = open(dir.path(), 5);
    assert_eq!((again.last_height(), again.last_app_hash()), (height, app_hash));
}

#[test]
fn hostile_snapshots_are_refused_and_an_honest_one_is_taken_afterwards() {
    let (_dir, _old, chain) = source();
    let honest = chain.app.list_snapshots().snapshots[0].clone();
    let dir = tempfile::tempdir().unwrap();
    let fresh = open(dir.path(), 0);
    let app_hash = hash_at(&chain.app, 15);

    let mut other_format = honest.clone();
    other_format.format = 7;
    assert_eq!(
        offer(&fresh, &other_format, &app_hash),
        i32::from(Offered::RejectFormat)
    );
    for lie in [
        pb::Snapshot {
            chunks: u32::MAX,
            ..honest.clone()
        },
        pb::Snapshot {
            hash: vec![1; 32].into(),
            ..honest.clone()
        },
        pb::Snapshot {
            metadata: vec![0; 31].into(),
            ..honest.clone()
        },
        pb::Snapshot {
            height: 0,
            ..honest.clone()
        },
    ] {
        assert_eq!(offer(&fresh, &lie, &app_hash), i32::from(Offered::RejectSender));
    }
    // One that the disk has no room for, whatever it holds.
    let many = vec![7; 3 * 32];
    let large = pb::Snapshot {
        chunks: 3,
        hash: Sha256::digest(&many).to_vec().into(),
        metadata: many.into(),
        ..honest.clone()
    };
    let small = tempfile::tempdir().unwrap();
    let mut options = Options::new(small.path());
    options.restore_room = Some(29_999_999);
    let small = App::open(options).unwrap();
    assert_eq!(offer(&small, &large, &app_hash), i32::from(Offered::Reject));
    assert_eq!(offer(&small, &honest, &app_hash), i32::from(Offered::Accept));
    // A chunk without an offer, and one out of turn.
    assert_eq!(apply(&fresh, 0, Vec::new()).result, i32::from(Applied::Abort));
    offer(&fresh, &honest, &app_hash);
    assert_eq!(apply(&fresh, 1, Vec::new()).result, i32::from(Applied::Abort));

    // Oversized and truncated chunks.
    offer(&fresh, &honest, &app_hash);
    let mut bytes = chunk(&chain.app, &honest, 0);
    assert_eq!(
        apply(&fresh, 0, vec![0; 64 << 20]).result,
        i32::from(Applied::Retry)
    );
    assert_eq!(
        apply(&fresh, 0, bytes[..1000].to_vec()).result,
        i32::from(Applied::Retry)
    );

    // A snapshot that is consistent in itself and holds another state.
    assert_eq!(honest.chunks, 1, "the test changes the only chunk");
    let at = 40;
    bytes[at] ^= 1;
    let metadata = Sha256::digest(&bytes).to_vec();
    let lie = pb::Snapshot {
        hash: Sha256::digest(&metadata).to_vec().into(),
        metadata: metadata.into(),
        ..honest.clone()
    };
    assert_eq!(offer(&fresh, &lie, &app_hash), i32::from(Offered::Accept));
    assert_eq!(apply(&fresh, 0, bytes).result, i32::from(Applied::RejectSnapshot));
    assert_eq!(
        (fresh.last_height(), rows(&fresh).len(), fresh.halted()),
        (0, 0, None)
    );

    // Codes left out, and a code that the state does not name.
    let whole = chunk(&chain.app, &honest, 0);
    let state = whole.len() - codes_len(&whole);
    let mut none = whole[..state].to_vec();
    none.extend([4]);
    none.extend(0u64.to_be_bytes());
    let mut foreign = whole[..state].to_vec();
    foreign.extend([3, 0, 0, 0, 4]);
    foreign.extend(b"code");
    foreign.extend([4]);
    foreign.extend(1u64.to_be_bytes());
    for bytes in [none, foreign] {
        let metadata = Sha256::digest(&bytes).to_vec();
        let lie = pb::Snapshot {
            hash: Sha256::digest(&metadata).to_vec().into(),
            metadata: metadata.into(),
            ..honest.clone()
        };
        assert_eq!(offer(&fresh, &lie, &app_hash), i32::from(Offered::Accept));
        assert_eq!(apply(&fresh, 0, bytes).result, i32::from(Applied::RejectSnapshot));
    }

    // The right state under another height, as an archive may name it.
    let lie = pb::Snapshot {
        height: 14,
        ..honest.clone()
    };
    assert_eq!(offer(&fresh, &lie, &app_hash), i32::from(Offered::Accept));
    let refused = apply(&fresh, 0, whole.clone());
    assert_eq!(refused.result, i32::from(Applied::RejectSnapshot));

    assert_eq!(offer(&fresh, &honest, &app_hash), i32::from(Offered::Accept));
    assert_eq!(apply(&fresh, 0, whole).result, i32::from(Applied::Accept));
    assert_eq!(fresh.last_app_hash(), app_hash);
    // A node with a state takes in no other.
    assert_eq!(offer(&fresh, &honest, &app_hash), i32::from(Offered::Abort));
}

/// Bytes of the stream after its entries.
fn codes_len(stream: &[u8]) -> usize {
    let mut at = 0;
    let skip = |at: usize| at + 4 + u32::from_be_bytes(stream[at..at + 4].try_into().unwrap()) as usize;
    while stream[at] == 1 {
        at = skip(skip(at + 1));
    }
    assert_eq!(stream[at], 2);
    stream.len() - at - 9
}

#[test]
fn a_crash_in_the_middle_of_a_restore_leaves_a_node_that_starts_and_takes_it_in_again() {
    let (_dir, _old, chain) = source();
    let honest = chain.app.list_snapshots().snapshots[0].clone();
    let app_hash = hash_at(&chain.app, 15);
    let dir = tempfile::tempdir().unwrap();
    let fresh = open(dir.path(), 0);
    offer(&fresh, &honest, &app_hash);
    // What a process leaves that dies before the first entry is in.
    let bytes = chunk(&chain.app, &honest, 0);
    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(copy.path().join("state")).unwrap();
    std::fs::copy(
        dir.path().join("state/state.redb"),
        copy.path().join("state/state.redb"),
    )
    .unwrap();

    let again = open(copy.path(), 0);
    assert_eq!((again.last_height(), rows(&again).len()), (0, 0));
    assert_eq!(offer(&again, &honest, &app_hash), i32::from(Offered::Accept));
    assert_eq!(apply(&again, 0, bytes).result, i32::from(Applied::Accept));
    assert_eq!(rows(&again), rows_at(&chain.app, 15));
}

fn rows_at(app: &App, height: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let snapshot = app.store().snapshot_at(height).unwrap();
    snapshot
        .range(None, None, Order::Ascending)
        .map(|row| row.unwrap())
        .collect()
}

#[test]
fn blocks_that_snapshots_and_evidence_need_are_kept() {
    let retained = |wished: u64, interval: u64| {
        let dir = tempfile::tempdir().unwrap();
        let mut options = Options::new(dir.path());
        options.min_retain_blocks = wished;
        options.snapshots = Some(Snapshots {
            dir: dir.path().join("snapshots"),
            interval,
            keep_recent: 2,
        });
        let genesis = quern_testkit::Genesis::new().params(|params| params.evidence.max_age_num_blocks = 4);
        let mut chain = Chain::start(App::open(options).unwrap(), genesis);
        let mut last = 0;
        for height in 1..=9 {
            chain.finalize([]);
            last = chain.app.commit().retain_height;
            chain.height = height;
        }
        last
    };
    assert_eq!(retained(0, 1), 0, "all are kept");
    assert_eq!(retained(1, 1), 5, "evidence needs four");
    assert_eq!(retained(1, 3), 3, "two snapshots with three blocks between them");
    assert_eq!(retained(7, 3), 2);
    assert_eq!(retained(100, 0), 0);
}

#[test]
fn a_planned_halt_comes_before_its_block_and_is_told_from_a_failure() {
    let at_height = Halt { height: 4, time: 0 };
    let time = u64::try_from(GENESIS_TIME).unwrap() + 4;
    for halt in [at_height, Halt { height: 0, time }] {
        let dir = tempfile::tempdir().unwrap();
        let mut options = Options::new(dir.path());
        options.halt = halt;
        let app = App::open(options).unwrap();
        let mut chain = Chain::start(app.clone(), quern_testkit::Genesis::new());
        chain.empty_blocks(3);
        assert_eq!(app.halted(), None);
        app.finalize_block(pb::RequestFinalizeBlock {
            height: 4,
            time: Some(Timestamp {
                seconds: GENESIS_TIME + 4,
                nanos: 0,
            }),
            ..Default::default()
        });
        assert!(app.halted().unwrap().contains("before block 4"));
        assert!(app.halt_was_planned());
        assert_eq!(app.last_height(), 3);
        drop((app, chain));
        // Without the setting the node goes on.
        let mut chain = Chain::resume(App::open(Options::new(dir.path())).unwrap());
        chain.empty_blocks(2);
    }
}
