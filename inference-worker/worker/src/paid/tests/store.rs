use super::{receipt, voucher};
use crate::paid::batch::{Committer, plan};
use crate::paid::record::{Payload, Record};
use crate::paid::store::Store;
use quern_inference_api::paid::SignedRelease;
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

#[tokio::test]
async fn a_closed_session_is_forgotten_but_not_the_last_sequence() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("journal");
    let store = Store::open(&folder).unwrap();
    store.append(served(1, 10, 10)).await.unwrap();
    store.append(Record::Committed { sequence: 7 }).await.unwrap();
    let next = store.append(Record::Closed { session: 3 }).await.unwrap();
    store.discard(next).await.unwrap();
    drop(store);
    let store = Store::open(&folder).unwrap();
    assert_eq!(store.book().last.0, 7);
    assert!(store.book().accounts.is_empty());
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
