use super::{receipt, sign, voucher};
use crate::paid::batch::{Committer, plan, prove_receipt};
use crate::paid::book::Book;
use crate::paid::record::{Payload, Record};
use crate::paid::store::Store;
use quern_inference_api::paid::SignedRelease;
use quern_interface::settlement::SessionInfo;
use quern_protocol::{Amount, Bytes, Release};
use std::path::Path;
use std::sync::Arc;

fn served(nonce: u64, capture: u128, cap: u128) -> Record {
    let payload = Payload {
        salt: Bytes(super::SALT),
        path: "/v1/completions".into(),
        body: "{\"prompt\": \"a secret\"}".into(),
        prompt: vec![1, 2],
        output: vec![3],
    };
    Record::Receipt {
        signed: Box::new(receipt(voucher(nonce, capture, cap), capture)),
        payload: Box::new(payload),
    }
}

fn contains(folder: &Path, text: &[u8]) -> bool {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).any(|path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(text.len()).any(|window| window == text)
    })
}

#[tokio::test]
async fn a_restart_forgets_no_receipt_no_batch_and_no_release_and_prompts_are_not_readable() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("journal");
    let store = Store::open(&folder).unwrap();
    store.append(served(1, 10, 10)).await.unwrap();
    store.append(served(2, 20, 30)).await.unwrap();
    let known = |_| Some(Arc::new(super::session()));
    let here = Committer {
        chain_id: super::CHAIN,
        host: super::HOST,
    };
    let planned = plan(&mut store.book(), here, 1, 205, known).0.unwrap();
    store.append(Record::Batch(planned.clone())).await.unwrap();
    store.append(served(3, 5, 35)).await.unwrap();
    drop(store);
    assert!(!contains(&folder, b"a secret"));

    // The batch was planned when the process died: it may or may not be on chain.
    let store = Store::open(&folder).unwrap();
    assert_eq!(store.book().planned.clone().unwrap().0, planned);
    store.append(Record::Committed { sequence: 1 }).await.unwrap();
    let release = Release {
        session: 3,
        from: super::HOST.into(),
        to: "quern1other".into(),
        cumulative: Amount(40),
    };
    let signature = Bytes([0; 64]);
    store
        .append(Record::Release(SignedRelease { release, signature }))
        .await
        .unwrap();
    drop(store);

    let store = Store::open(&folder).unwrap();
    let mut book = store.book();
    assert_eq!(book.last.0, 1);
    assert!(book.planned.is_none());
    let account = book.account(3);
    assert_eq!((account.captured, account.cap()), (Amount(35), Amount(35)));
    assert_eq!(
        (account.committed.cumulative, account.committed.batch),
        (Amount(30), 1)
    );
    assert_eq!(account.outstanding, Amount(40));
    assert!(account.is_used(3) && !account.is_used(4));
    assert_eq!(
        plan(&mut book, here, 2, 206, known).0.unwrap().leaves[0].previous,
        1
    );
}

/// A receipt of another session, with a prompt that names both.
fn served_in(session: u64, nonce: u64) -> Record {
    let mut signed = voucher(nonce, 10, 10 * u128::from(nonce));
    signed.voucher.session = session;
    let mut record = served(nonce, 10, 10);
    if let Record::Receipt {
        signed: receipt,
        payload,
    } = &mut record
    {
        **receipt = super::receipt(sign(signed.voucher), 10);
        payload.body = format!("{{\"prompt\": \"secret {nonce} of session {session}\"}}");
    }
    record
}

fn known(id: u64) -> Option<Arc<SessionInfo>> {
    Some(Arc::new(SessionInfo {
        id,
        ..super::session()
    }))
}

/// Two sessions whose receipts lie between each other, all but the last in a batch, and the first session at its end.
async fn two_sessions(folder: &Path) -> Store {
    let store = Store::open(folder).unwrap();
    for nonce in 1..=3 {
        for session in [3, 4] {
            store.append(served_in(session, nonce)).await.unwrap();
        }
    }
    let planned = plan(&mut store.book(), HERE, 1, 205, known).0.unwrap();
    store.append(Record::Batch(planned)).await.unwrap();
    store.append(Record::Committed { sequence: 1 }).await.unwrap();
    store.append(served_in(4, 4)).await.unwrap();
    let release = Release {
        session: 4,
        from: super::HOST.into(),
        to: "quern1other".into(),
        cumulative: Amount(40),
    };
    let signature = Bytes([0; 64]);
    let release = Record::Release(SignedRelease { release, signature });
    store.append(release).await.unwrap();
    let (session, height) = (3, 300);
    store.append(Record::Closed { session, height }).await.unwrap();
    store
}

const HERE: Committer<'_> = Committer {
    chain_id: super::CHAIN,
    host: super::HOST,
};

/// All that can be read from a journal's folder with its key, as text.
fn readable(folder: &Path) -> String {
    let mut all = String::new();
    let each = |record: quern_journal::Record| all.push_str(&String::from_utf8_lossy(&record.payload));
    drop(quern_journal::Journal::open(folder, quern_journal::Options::default(), each).unwrap());
    all
}

/// What a book says of the session that goes on.
fn standing(book: &Book) -> impl PartialEq + std::fmt::Debug + use<> {
    let account = book.find(4).unwrap();
    let receipts = account
        .receipts
        .iter()
        .map(|(nonce, entry)| (*nonce, entry.batch));
    (
        (
            account.captured,
            account.cap(),
            account.outstanding,
            account.committed,
        ),
        receipts.collect::<Vec<_>>(),
        (book.last.0, Vec::from_iter(book.batches.keys().copied())),
        prove_receipt(book, HERE, 4, 2),
        plan(&mut book.clone(), HERE, 2, 206, known).0,
    )
}

#[tokio::test]
async fn payloads_stay_until_audits_are_over_and_then_nobody_can_read_them_from_the_disk() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("journal");
    let store = two_sessions(&folder).await;
    // The session is closed, but a round that began before may still draw its receipts.
    assert!(store.forget(|height| height < 300).await.unwrap().is_empty());
    drop(store);
    let store = Store::open(&folder).unwrap();
    let before = standing(&store.book());
    let entry = store.book().find(3).unwrap().receipts[&2].clone();
    assert!(format!("{:?}", store.read(entry.record).unwrap()).contains("secret 2 of session 3"));
    // The round of all that was committed before is over.
    assert_eq!(store.forget(|height| height < 301).await.unwrap(), [3]);
    assert!(store.read(entry.record).is_err());
    assert_eq!(standing(&store.book()), before);
    // What an auditor may still ask for is found where it was written again.
    for nonce in 1..=4 {
        let (signed, payload) = store.payload(4, nonce).unwrap().unwrap();
        assert_eq!(signed.receipt.voucher.nonce, nonce);
        assert!(payload.body.contains(&format!("secret {nonce} of session 4")));
    }
    assert!(store.payload(5, 1).unwrap().is_none());
    drop(store);
    let text = readable(&folder);
    assert!(!text.contains("of session 3"), "{text}");
    for nonce in 1..=4 {
        assert!(
            text.contains(&format!("secret {nonce} of session 4")),
            "{nonce}: {text}"
        );
    }
    let store = Store::open(&folder).unwrap();
    assert_eq!(standing(&store.book()), before);
    // The last session ends, too, and with it the last payload.
    let (session, height) = (4, 400);
    store.append(Record::Closed { session, height }).await.unwrap();
    assert_eq!(store.forget(|_| true).await.unwrap(), [4]);
    drop(store);
    assert!(!readable(&folder).contains("secret"));
    assert_eq!(Store::open(&folder).unwrap().book().last.0, 1);
}

#[tokio::test]
async fn a_crash_while_payloads_are_deleted_leaves_no_receipt_twice_and_none_lost() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, aside) = (parent.path().join("journal"), parent.path().join("aside"));
    let store = two_sessions(&folder).await;
    let before = standing(&store.book());
    std::fs::create_dir(&aside).unwrap();
    let segments = || {
        let files = std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().path());
        files
            .filter(|path| path.extension().is_some_and(|end| end == "seg"))
            .collect::<Vec<_>>()
    };
    for path in segments() {
        std::fs::copy(&path, aside.join(path.file_name().unwrap())).unwrap();
    }
    store.forget(|_| true).await.unwrap();
    drop(store);
    // As if the process had died after everything was written again, before anything was deleted.
    for file in std::fs::read_dir(&aside).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    let store = Store::open(&folder).unwrap();
    assert_eq!(standing(&store.book()), before);
    assert_eq!(store.forget(|_| true).await.unwrap(), [3]);
    assert_eq!(standing(&store.book()), before);
    drop(store);
    assert!(!readable(&folder).contains("of session 3"));
    assert_eq!(standing(&Store::open(&folder).unwrap().book()), before);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_keeps_its_place_and_holds_up_nothing_else() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("journal");
    let store = two_sessions(&folder).await;
    let before = standing(&store.book());
    let segment = folder.join(format!("{:016x}.seg", 0));
    let whole = std::fs::read(&segment).unwrap();
    let damaged = (0..whole.len()).step_by(64).find(|at| {
        let mut bytes = whole.clone();
        bytes[*at] ^= 1;
        std::fs::write(&segment, bytes).unwrap();
        store.payload(4, 2).is_err()
    });
    damaged.unwrap();
    assert_eq!(store.forget(|_| true).await.unwrap(), [3]);
    assert_eq!(standing(&store.book()), before);
    for nonce in [1, 3, 4] {
        assert!(store.payload(4, nonce).unwrap().is_some(), "{nonce}");
    }
    // The disk may give it later.
    std::fs::write(&segment, &whole).unwrap();
    assert!(store.payload(4, 2).unwrap().is_some());
}

#[tokio::test]
async fn a_damaged_journal_is_set_aside_and_what_can_be_read_of_it_goes_on() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("journal");
    let store = Store::open(&folder).unwrap();
    for nonce in 1..=3 {
        store
            .append(served(nonce, 10, 10 * u128::from(nonce)))
            .await
            .unwrap();
    }
    drop(store);
    let segment = folder.join(format!("{:016x}.seg", 0));
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    // Rewriting waits for the disk, as a worker does before it serves.
    let again = folder.clone();
    let store = tokio::task::spawn_blocking(move || Store::open(&again).unwrap())
        .await
        .unwrap();
    let nonces: Vec<u64> = store.book().account(3).receipts.keys().copied().collect();
    assert_eq!(nonces, [1, 3]);
    assert!(parent.path().join("journal.damaged-1").is_dir());
    store.append(served(4, 10, 40)).await.unwrap();
    drop(store);
    assert_eq!(Store::open(&folder).unwrap().book().account(3).receipts.len(), 3);
}
