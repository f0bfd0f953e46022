//! Crashes and damage, byte by byte.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use quern_journal::{Journal, JournalError, Options, Record, Torn, salvage, set_aside};
use std::fs;
use std::path::{Path, PathBuf};

const SMALL: Options = Options { segment_bytes: 600 };

fn open(folder: &Path, options: Options) -> Result<(Journal, Vec<Record>, Option<Torn>), JournalError> {
    let mut records = Vec::new();
    let opened = Journal::open(folder, options, |record| records.push(record))?;
    Ok((opened.journal, records, opened.torn))
}

fn payload(number: u64) -> Vec<u8> {
    // Lengths from nothing upwards.
    format!("prompt {number}, ")
        .repeat(number as usize % 7)
        .into_bytes()
}

fn fill(folder: &Path, options: Options, count: u64) {
    let (journal, before, _) = open(folder, options).unwrap();
    let start = before.len() as u64;
    for number in start..start + count {
        assert_eq!(journal.append_blocking(payload(number)).unwrap(), number);
    }
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = entries
        .filter(|p| p.extension().is_some_and(|e| e == "seg"))
        .collect();
    found.sort();
    found
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}

fn check(records: &[Record], count: u64) {
    assert_eq!(records.len() as u64, count);
    for (number, record) in (0..).zip(records) {
        assert_eq!((record.number, &record.payload), (number, &payload(number)));
    }
}

#[test]
fn records_come_back_in_order_across_segments_and_reopenings() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..4 {
        fill(folder.path(), SMALL, 10);
    }
    assert!(segments(folder.path()).len() > 3);
    let (journal, records, torn) = open(folder.path(), SMALL).unwrap();
    check(&records, 40);
    assert_eq!(torn, None);
    for number in 0..40 {
        assert_eq!(journal.read(number).unwrap(), payload(number));
    }
    assert!(matches!(journal.read(40), Err(JournalError::NoRecord(40))));
}

#[test]
fn no_payload_can_be_read_from_the_files() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), Options::default(), 20);
    for path in segments(folder.path()) {
        let bytes = fs::read(path).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"prompt"));
    }
}

#[test]
fn a_tail_cut_anywhere_costs_only_what_was_not_whole() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), Options::default(), 6);
    let size = fs::read(&segments(folder.path())[0]).unwrap().len();
    for cut in 0..=size {
        let copy = copy(folder.path());
        let path = segments(copy.path())[0].clone();
        fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(cut as u64)
            .unwrap();
        let (journal, records, torn) = open(copy.path(), Options::default()).unwrap();
        check(&records, records.len() as u64);
        let kept = records.len() as u64;
        if cut == size {
            assert_eq!((kept, &torn), (6, &None));
        }
        if let Some(torn) = torn {
            assert_eq!((torn.record, torn.offset + torn.bytes), (kept, cut as u64));
        }
        // It goes on where it stopped, and the next opening finds nothing amiss.
        assert_eq!(journal.append_blocking(payload(kept)).unwrap(), kept);
        drop(journal);
        let (_, records, torn) = open(copy.path(), Options::default()).unwrap();
        check(&records, kept + 1);
        assert_eq!(torn, None);
    }
}

#[test]
fn a_changed_byte_anywhere_is_noticed_and_never_read() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), Options::default(), 6);
    let bytes = fs::read(&segments(folder.path())[0]).unwrap();
    let (mut torn_count, mut damaged_count, mut tags) = (0, 0, 0);
    for at in 0..bytes.len() {
        let copy = copy(folder.path());
        let mut changed = bytes.clone();
        // Another bit at each place.
        changed[at] ^= 1 << (at % 8);
        fs::write(&segments(copy.path())[0], &changed).unwrap();
        match open(copy.path(), Options::default()) {
            Ok((_, records, torn)) => {
                // Only the very last record, or the tag that links it, can be taken for what a crash left.
                let kept = records.len() as u64;
                check(&records, kept);
                assert!(kept == 5 || kept == 4, "byte {at}");
                assert_eq!(torn.unwrap().record, kept);
                tags += u32::from(kept == 4);
                torn_count += 1;
            }
            Err(JournalError::Damaged { record, .. }) => {
                let left = salvage(copy.path()).unwrap();
                assert!(
                    left.records.iter().all(|r| r.payload == payload(r.number)),
                    "byte {at}"
                );
                // A header takes its segment along; a record itself, and the next one if it hit the tag that links
                // them.
                if at >= 60 {
                    let lost = 6 - left.records.len() as u64;
                    assert!((1..=2).contains(&lost), "byte {at}");
                    let [gap] = &left.lost[..] else {
                        panic!("byte {at}: {:?}", left.lost)
                    };
                    assert_eq!((gap.start, gap.end), (record, record + lost), "byte {at}");
                }
                damaged_count += 1;
            }
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    assert!(torn_count > 40 && damaged_count > 5 * 40 && tags == 16);
}

/// Where each record of a lone segment begins, and the end.
fn bounds(bytes: &[u8]) -> Vec<usize> {
    let mut bounds = vec![60];
    while *bounds.last().unwrap() < bytes.len() {
        let at = *bounds.last().unwrap();
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        bounds.push(at + 4 + length as usize);
    }
    bounds
}

#[test]
fn a_record_taken_out_moved_or_repeated_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), Options::default(), 6);
    let path = &segments(folder.path())[0];
    let bytes = fs::read(path).unwrap();
    let at = bounds(&bytes);
    let part = |n: usize| &bytes[at[n]..at[n + 1]];
    let orders: [(&[usize], bool); 5] = [
        (&[0, 1, 3, 4, 5], true),
        (&[1, 0, 2, 3, 4, 5], true),
        (&[0, 1, 1, 2, 3, 4, 5], true),
        (&[1, 2, 3, 4, 5], true),
        // Nothing readable follows: it looks like a crash, is cut off and reported as one.
        (&[0, 1, 2, 4, 3, 5], false),
    ];
    for (order, damaged) in orders {
        let mut forged = bytes[..60].to_vec();
        order.iter().for_each(|n| forged.extend_from_slice(part(*n)));
        fs::write(path, &forged).unwrap();
        match open(folder.path(), Options::default()) {
            Err(JournalError::Damaged { .. }) => assert!(damaged, "{order:?}"),
            Ok((_, records, torn)) => {
                assert!(!damaged && torn.is_some(), "{order:?}");
                check(&records, 3);
            }
            Err(error) => panic!("{order:?}: {error}"),
        }
    }
}

#[test]
fn a_segment_missing_from_the_middle_or_from_another_journal_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), SMALL, 40);
    let paths = segments(folder.path());
    let whole = fs::read(&paths[1]).unwrap();
    fs::remove_file(&paths[1]).unwrap();
    assert!(matches!(
        open(folder.path(), SMALL),
        Err(JournalError::Damaged { .. })
    ));
    let other = tempfile::tempdir().unwrap();
    fill(other.path(), SMALL, 40);
    fs::copy(&segments(other.path())[1], &paths[1]).unwrap();
    assert!(matches!(
        open(folder.path(), SMALL),
        Err(JournalError::Damaged { .. })
    ));
    fs::write(&paths[1], whole).unwrap();
    check(&open(folder.path(), SMALL).unwrap().1, 40);
}

#[test]
fn a_group_that_reached_the_disk_out_of_order_is_a_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, ..) = open(folder.path(), Options::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // The first occupies the thread, so that the others wait together and share one write.
    runtime.block_on(async {
        let mut all = vec![Box::pin(journal.append(vec![7; 3_000_000]))];
        all.extend((1..40).map(|n| Box::pin(journal.append(payload(n)))));
        let mut done = Vec::new();
        std::future::poll_fn(|context| {
            all.retain_mut(|one| match one.as_mut().poll(context) {
                std::task::Poll::Ready(result) => {
                    done.push(result.unwrap());
                    false
                }
                std::task::Poll::Pending => true,
            });
            if all.is_empty() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        done.sort_unstable();
        assert_eq!(done, (0..40).collect::<Vec<_>>());
    });
    drop(journal);
    let path = &segments(folder.path())[0];
    let mut bytes = fs::read(path).unwrap();
    let at = bounds(&bytes);
    // The last record but one of the last group stayed zeros.
    bytes[at[38]..at[39]].fill(0);
    fs::write(path, bytes).unwrap();
    let (_, records, torn) = open(folder.path(), Options::default()).unwrap();
    assert_eq!((records.len(), torn.unwrap().record), (38, 38));
}

#[test]
fn what_the_caller_lets_go_is_deleted_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), SMALL, 40);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (journal, ..) = open(folder.path(), SMALL).unwrap();
    let first = runtime.block_on(journal.discard_before(20)).unwrap();
    assert!(first > 0 && first <= 20, "{first}");
    assert!(matches!(journal.read(first - 1), Err(JournalError::NoRecord(_))));
    assert_eq!(journal.read(20).unwrap(), payload(20));
    assert_eq!(runtime.block_on(journal.discard_before(40)).unwrap(), 40);
    drop(journal);
    assert_eq!(segments(folder.path()).len(), 1);
    // Numbers go on, so nothing refers to another record after a restart.
    let (journal, records, torn) = open(folder.path(), SMALL).unwrap();
    assert_eq!((records.len(), torn), (0, None));
    assert_eq!(journal.append_blocking(payload(40)).unwrap(), 40);
    assert_eq!(runtime.block_on(journal.discard_before(40)).unwrap(), 40);
    assert_eq!(journal.read(40).unwrap(), payload(40));
}

#[test]
fn what_is_written_after_a_rotation_outlives_everything_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let large = Options::default();
    fill(folder.path(), large, 10);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (journal, ..) = open(folder.path(), large).unwrap();
    // Before, all ten lie in one segment that none of them leaves alone.
    assert_eq!(runtime.block_on(journal.discard_before(9)).unwrap(), 0);
    assert_eq!(runtime.block_on(journal.rotate()).unwrap(), 10);
    // An empty segment is not rotated again.
    assert_eq!(runtime.block_on(journal.rotate()).unwrap(), 10);
    assert_eq!((journal.segment_end(0), journal.segment_end(9)), (10, 10));
    let numbers = runtime
        .block_on(journal.append_all((10..14).map(payload).collect()))
        .unwrap();
    assert_eq!(numbers, [10, 11, 12, 13]);
    assert_eq!(runtime.block_on(journal.discard_before(10)).unwrap(), 10);
    assert!(journal.read(9).is_err());
    drop(journal);
    let (journal, records, torn) = open(folder.path(), large).unwrap();
    let found: Vec<u64> = records.iter().map(|record| record.number).collect();
    assert_eq!((found, torn), (vec![10, 11, 12, 13], None));
    assert_eq!(journal.read(12).unwrap(), payload(12));
}

#[test]
fn a_second_process_a_lost_key_and_a_wrong_key_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), SMALL, 3);
    let held = open(folder.path(), SMALL).unwrap();
    assert!(matches!(open(folder.path(), SMALL), Err(JournalError::Locked(_))));
    drop(held);
    let key = folder.path().join("key");
    let right = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    assert!(matches!(
        open(folder.path(), SMALL),
        Err(JournalError::KeyMissing(_))
    ));
    assert!(!key.exists(), "a new key would hide that the old one is gone");
    quern_keyfile::create(&key, &[9; 32]).unwrap();
    assert!(matches!(
        open(folder.path(), SMALL),
        Err(JournalError::Damaged { .. })
    ));
    fs::write(&key, right).unwrap();
    check(&open(folder.path(), SMALL).unwrap().1, 3);
}

#[test]
fn a_journal_set_aside_makes_room_for_a_new_one_and_keeps_its_files() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("journal");
    for round in 1..3 {
        fill(&folder, SMALL, 3);
        let aside = set_aside(&folder).unwrap();
        assert_eq!(aside, parent.path().join(format!("journal.damaged-{round}")));
        assert_eq!(salvage(&aside).unwrap().records.len(), 3);
        check(&open(&folder, SMALL).unwrap().1, 0);
    }
}
