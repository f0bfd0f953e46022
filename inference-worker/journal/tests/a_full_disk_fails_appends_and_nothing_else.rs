//! The limit on a file's size stands in for the disk's end: the kernel cuts a write short in the same way. The test
//! runs itself again with the limit set and its signal ignored.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use quern_journal::{Journal, JournalError, Options};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::Path;
use std::process::Command;

const FOLDER: &str = "QUERN_JOURNAL_TEST_FOLDER";

#[test]
fn appends_fail_while_the_disk_is_full_and_succeed_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("bash")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -S -f 64; exec \"$0\" --exact with_a_limit --ignored --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

#[test]
#[ignore = "run by the other test, with a limit"]
fn with_a_limit() {
    let folder = std::env::var(FOLDER).unwrap();
    let folder = Path::new(&folder);
    let limit = getrlimit(Resource::Fsize);
    assert!(
        limit.current.is_some_and(|bytes| bytes <= 64 << 10),
        "the limit is not set"
    );
    let journal = Journal::open(folder, Options::default(), |_| {}).unwrap().journal;
    let mut written = 0;
    let error = loop {
        match journal.append_blocking(vec![written as u8; 5000]) {
            Ok(number) => assert_eq!(number, written),
            Err(error) => break error,
        }
        written += 1;
    };
    assert!(matches!(error, JournalError::Full(_)), "{error}");
    assert!(written > 5);
    // What fits still goes in, and what does not still fails.
    assert_eq!(journal.append_blocking(vec![1; 10]).unwrap(), written);
    assert!(matches!(
        journal.append_blocking(vec![0; 60_000]),
        Err(JournalError::Full(_))
    ));
    assert_eq!(journal.read(0).unwrap(), [0; 5000]);
    let room = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Fsize, room).unwrap();
    for number in written + 1..written + 20 {
        assert_eq!(journal.append_blocking(vec![2; 5000]).unwrap(), number);
    }
    drop(journal);
    let mut count = 0;
    let opened = Journal::open(folder, Options::default(), |record| {
        assert_eq!(record.number, count);
        count += 1;
    })
    .unwrap();
    assert_eq!((count, opened.torn), (written + 20, None));
}
