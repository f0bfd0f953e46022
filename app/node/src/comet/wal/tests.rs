use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::consensus::message::Sum as Content;
use tendermint_proto::v0_38::consensus::wal_message::Sum;
use tendermint_proto::v0_38::consensus::{
    self, EndHeight, MsgInfo, TimedWalMessage, TimeoutInfo, WalMessage,
};
use tendermint_proto::v0_38::types;

use super::{Mended, Next, encode, mark, mend, record};

/// The log of a lone validator as CometBFT 0.38.26 wrote it, up to the first vote at height 3.
const REAL: &[u8] = include_bytes!("../../../tests/vectors/wal");

fn timed(sum: Sum) -> Vec<u8> {
    let time = Some(Timestamp { seconds: 7, nanos: 8 });
    let msg = Some(WalMessage { sum: Some(sum) });
    encode(&TimedWalMessage { time, msg }).unwrap()
}

fn ended(height: i64) -> Vec<u8> {
    timed(Sum::EndHeight(EndHeight { height }))
}

fn stood(height: i64) -> Vec<u8> {
    timed(Sum::EventDataRoundState(types::EventDataRoundState {
        height,
        ..Default::default()
    }))
}

fn awaited(height: i64) -> Vec<u8> {
    timed(Sum::TimeoutInfo(TimeoutInfo {
        height,
        ..Default::default()
    }))
}

fn voted(peer: &str, height: i64) -> Vec<u8> {
    let vote = Some(types::Vote {
        height,
        ..Default::default()
    });
    let sum = Some(Content::Vote(consensus::Vote { vote }));
    timed(Sum::MsgInfo(MsgInfo {
        msg: Some(consensus::Message { sum }),
        peer_id: peer.to_owned(),
    }))
}

/// A folder with these files of a log.
struct Log(tempfile::TempDir);

impl Log {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn mend(&self) -> Option<Mended> {
        let mended = mend(&self.path("wal")).unwrap();
        assert!(!self.path(super::TEMPORARY).exists());
        mended
    }
}

/// A log in one file, before and after, and the height whose end was missing.
fn mended(before: &[&[u8]]) -> (Vec<u8>, Option<i64>) {
    let log = Log::new(&[("wal", &before.concat())]);
    let height = log.mend().map(|mended| mended.height);
    assert_eq!(log.mend(), None, "mended twice");
    (log.bytes("wal"), height)
}

fn stays(log: &[&[u8]]) {
    assert_eq!(mended(log), (log.concat(), None));
}

/// Begin and end of the mark of a height in CometBFT's own log, and when it was written.
fn real_mark(height: i64) -> (usize, usize, Option<Timestamp>) {
    let (mut input, mut bytes, mut begin) = (REAL, Vec::new(), 0);
    while let Next::Record { length, message } = record(&mut input, &mut bytes).unwrap() {
        let end = begin + usize::try_from(length).unwrap();
        if message.msg.unwrap().sum == Some(Sum::EndHeight(EndHeight { height })) {
            return (begin, end, message.time);
        }
        begin = end;
    }
    panic!("no end of height {height}");
}

#[test]
fn a_mark_is_written_byte_for_byte_as_cometbft_writes_it() {
    for height in [0, 1, 2] {
        let (begin, end, time) = real_mark(height);
        assert_eq!(mark(height, time).unwrap(), &REAL[begin..end]);
    }
}

#[test]
fn a_mark_that_is_missing_from_a_real_log_is_put_where_cometbft_puts_it() {
    stays(&[REAL]);
    let (begin, end, _) = real_mark(2);
    let (log, height) = mended(&[&REAL[..begin], &REAL[end..]]);
    assert_eq!(height, Some(2));
    assert_eq!(
        (log.len(), &log[..begin], &log[end..]),
        (REAL.len(), &REAL[..begin], &REAL[end..])
    );
    let (mut input, mut bytes) = (&log[begin..end], Vec::new());
    let Next::Record { message, .. } = record(&mut input, &mut bytes).unwrap() else {
        panic!("no record");
    };
    assert_eq!(
        message.msg.unwrap().sum,
        Some(Sum::EndHeight(EndHeight { height: 2 }))
    );
}

#[test]
fn a_mark_stands_behind_the_nodes_own_last_record_and_before_what_peers_said_since() {
    let (before, after) = (
        [ended(3), stood(4), voted("", 4)],
        [voted("peer", 5), awaited(5), voted("", 5)],
    );
    let (log, height) = mended(&[&before.concat(), &after.concat()]);
    assert_eq!(height, Some(4));
    assert_eq!(log, [before.concat(), ended(4), after.concat()].concat());
}

#[test]
fn what_is_late_or_a_peers_begins_no_height() {
    stays(&[&ended(3), &stood(4), &voted("peer", 5)]);
    stays(&[
        &ended(3),
        &stood(4),
        &ended(4),
        &stood(5),
        &awaited(4),
        &voted("", 4),
        &awaited(5),
    ]);
}

#[test]
fn of_several_missing_marks_the_one_that_cometbft_will_look_for_is_put_back() {
    let (log, height) = mended(&[&stood(4), &stood(5), &stood(6), &ended(6), &stood(7), &awaited(8)]);
    assert_eq!(height, Some(7));
    assert!(log.ends_with(&[ended(6), stood(7), ended(7), awaited(8)].concat()));
    stays(&[&stood(4), &stood(5), &ended(5), &stood(6)]);
    stays(&[&stood(4), &stood(5), &ended(5)]);
}

#[test]
fn a_height_that_block_sync_or_state_sync_came_to_gets_its_mark() {
    let (log, height) = mended(&[&ended(3), &stood(4), &awaited(9), &stood(9)]);
    assert_eq!(height, Some(8));
    assert!(
        log.ends_with(
            &[
                stood(4),
                mark(8, Some(Timestamp { seconds: 7, nanos: 8 })).unwrap(),
                awaited(9),
                stood(9)
            ]
            .concat()
        )
    );
    assert_eq!(mended(&[&ended(3), &awaited(9)]).1, Some(8));
    assert_eq!(
        mended(&[&ended(0), &awaited(9)]).0,
        [ended(0), ended(8), awaited(9)].concat()
    );
    stays(&[&ended(0), &awaited(1), &stood(1)]);
}

#[test]
fn where_blocks_were_taken_back_nothing_is_changed() {
    stays(&[&stood(5), &stood(6), &stood(5)]);
    assert_eq!(mended(&[&stood(5), &stood(6), &stood(5), &stood(6)]).1, Some(5));
}

#[test]
fn a_height_may_begin_in_an_older_file() {
    let log = Log::new(&[("wal.000", &[stood(4), awaited(5)].concat()), ("wal", &stood(5))]);
    let mended = log.mend().unwrap();
    assert_eq!((mended.file, mended.height), (log.path("wal.000"), 4));
    assert_eq!(log.bytes("wal.000"), [stood(4), ended(4), awaited(5)].concat());
    assert_eq!((log.bytes("wal"), log.mend()), (stood(5), None));

    // CometBFT begins an empty file so, whatever the height.
    let log = Log::new(&[("wal.041", &stood(4)), ("wal", &[ended(0), awaited(5)].concat())]);
    assert_eq!(log.mend().unwrap().height, 4);
    assert_eq!(log.bytes("wal"), [ended(0), ended(4), awaited(5)].concat());

    // Nobody knows what the files said that are not read any more.
    let log = Log::new(&[("wal.041", &ended(0)), ("wal", &awaited(5))]);
    assert_eq!(log.mend(), None);
    let log = Log::new(&[
        ("wal.000", &stood(5)),
        ("wal.001", &voted("peer", 5)),
        ("wal.002", &ended(0)),
        ("wal.003", &ended(0)),
        ("wal", &awaited(5)),
    ]);
    assert_eq!(log.mend(), None);
}

#[test]
fn a_torn_end_is_left_to_cometbft_and_a_torn_older_file_is_not_guessed_at() {
    let torn = &stood(6)[..19];
    let (log, height) = mended(&[&stood(4), &awaited(5), torn]);
    assert_eq!(height, Some(4));
    assert_eq!(log, [&stood(4), &ended(4), &awaited(5), torn].concat());
    let mut changed = awaited(5);
    *changed.last_mut().unwrap() ^= 1;
    stays(&[&ended(3), &stood(4), &changed, &awaited(5)]);
    let older = [&stood(4), &awaited(5), torn].concat();
    let log = Log::new(&[("wal.000", &older), ("wal", &awaited(5))]);
    assert_eq!((log.mend(), log.bytes("wal.000")), (None, older));
}

#[test]
fn a_log_that_is_not_there_is_none() {
    assert_eq!(mend(Path::new("/nonexistent/cs.wal/wal")).unwrap(), None);
    assert_eq!(Log::new(&[]).mend(), None);
    assert_eq!(Log::new(&[("wal", b"")]).mend(), None);
}

#[test]
fn what_a_killed_predecessor_left_is_taken_over_and_the_files_mode_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let log = Log::new(&[
        ("wal", &[stood(4), awaited(5)].concat()),
        (super::TEMPORARY, &[9; 999]),
    ]);
    fs::set_permissions(log.path("wal"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(log.mend().unwrap().height, 4);
    assert_eq!(log.bytes("wal"), [stood(4), ended(4), awaited(5)].concat());
    assert_eq!(
        fs::metadata(log.path("wal")).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

fn any_record() -> impl Strategy<Value = Vec<u8>> {
    let height = prop_oneof![8 => -1_i64..9, 1 => any::<i64>()];
    (0..6, height, prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(kind, height, bytes)| match kind {
        0 => ended(height),
        1 => stood(height),
        2 => awaited(height),
        3 => voted("", height),
        4 => voted("peer", height),
        _ => bytes,
    })
}

proptest! {
    #[test]
    fn whatever_the_bytes_they_all_stay_and_at_most_one_mark_comes_among_them(
        older in prop::collection::vec(any_record(), 0..6),
        newest in prop::collection::vec(any_record(), 0..12),
    ) {
        let files = [("wal.000", older.concat()), ("wal", newest.concat())];
        let log = Log::new(&files.each_ref().map(|(name, bytes)| (*name, bytes.as_slice())));
        let mended = log.mend();
        for (name, before) in &files {
            let after = log.bytes(name);
            let Some(mended) = mended.as_ref().filter(|mended| mended.file == log.path(name)) else {
                prop_assert_eq!(&after, before);
                continue;
            };
            let offset = usize::try_from(mended.offset).unwrap();
            let mark = &after[offset..offset + after.len() - before.len()];
            prop_assert_eq!([&after[..offset], &after[offset + mark.len()..]].concat(), before.clone());
            let (mut input, mut bytes) = (mark, Vec::new());
            let Next::Record { length, message } = record(&mut input, &mut bytes).unwrap() else {
                panic!("no record");
            };
            prop_assert_eq!(usize::try_from(length).unwrap(), mark.len());
            let height = mended.height;
            prop_assert_eq!(message.msg.unwrap().sum, Some(Sum::EndHeight(EndHeight { height })));
        }
        prop_assert_eq!(log.mend(), None);
    }
}
