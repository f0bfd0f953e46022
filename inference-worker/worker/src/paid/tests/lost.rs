//! What a lost journal costs, on a chain in memory and over the worker's real transport.

use super::serve::text;
use super::{CHAIN, HOST, SALT, authority, receipt, session, sign};
use crate::audit::tests::contract::{BATCH_HEIGHT, Contracts};
use crate::audit::tests::workers::{Running, World};
use crate::paid::Paid;
use crate::paid::outbox;
use crate::paid::record::{Payload, Record};
use ::http::{Request, header};
use axum::body::Bytes as Data;
use http_body_util::{BodyExt, Full};
use quern_inference_api::paid::{RefusalBody, VOUCHER_HEADER, to_header};
use quern_interface::settlement::SessionInfo;
use quern_protocol::{Amount, Bytes, RefusalReason, Voucher, salt_commitment};
use quern_transport::{Client, TransportKey};
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::instrument::WithSubscriber;

/// A session that is open for as long as the test takes.
fn open((id, drawn_at): (u64, u64)) -> SessionInfo {
    SessionInfo {
        id,
        drawn_at,
        closes_at: 100_000,
        commits_until: 100_020,
        payable_at: 100_060,
        lapse_blocks: 10_000,
        ..session()
    }
}

fn voucher((session, height): (u64, u64), nonce: u64, ceiling: u128, cap: u128) -> Voucher {
    Voucher {
        session,
        host: HOST.into(),
        nonce,
        height,
        ceiling: Amount(ceiling),
        cap: Amount(cap),
        salt_commitment: salt_commitment(CHAIN, session, nonce, &SALT),
    }
}

fn served(session: (u64, u64), nonce: u64, capture: u128, cap: u128) -> Record {
    let signed = sign(voucher(session, nonce, capture, cap));
    Record::Receipt {
        signed: Box::new(receipt(signed, capture)),
        payload: Box::new(Payload {
            salt: Bytes(SALT),
            path: "/v1/completions".into(),
            body: "{}".into(),
            prompt: vec![1],
            output: vec![2],
        }),
    }
}

/// What this host has claimed of a session.
fn claimed(contracts: &Contracts, (session, _): (u64, u64)) -> u128 {
    let info = contracts.sessions.iter().find(|info| info.id == session);
    let members = info.unwrap().committee.iter();
    members
        .filter(|member| member.host == HOST)
        .map(|own| own.claimed.0)
        .sum()
}

/// A worker's log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Empties a worker's outbox until the handle is aborted.
fn empty_outbox(worker: &Running, log: &Log) -> tokio::task::JoinHandle<()> {
    let log = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || log.clone())
        .finish();
    tokio::spawn(outbox::run(worker.paid().clone()).with_subscriber(subscriber))
}

/// Waits until a worker knows that the chain holds a batch.
async fn until_batch(paid: &Paid, sequence: u64) {
    for _ in 0..500 {
        if paid.store.book().last.0 == sequence {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("batch {sequence} never came");
}

async fn stop(task: tokio::task::JoinHandle<()>) {
    task.abort();
    drop(task.await);
}

/// Asks for an answer in a session; status and body.
async fn ask(worker: &Running, voucher: Voucher) -> (u16, String) {
    text(send(worker, voucher).await).await
}

async fn send(
    worker: &Running,
    voucher: Voucher,
) -> ::http::Response<impl BodyExt<Data = Data, Error: std::fmt::Debug> + use<>> {
    let authority = to_header(&authority(sign(voucher))).unwrap();
    let body = json!({"model": "quern-small", "prompt": [300, 301], "max_tokens": 4}).to_string();
    let request = Request::post(format!("{}/v1/completions", worker.url))
        .header(header::CONTENT_TYPE, "application/json")
        .header(VOUCHER_HEADER, authority)
        .body(Full::from(body))
        .unwrap();
    let client = Client::new(TransportKey::from_secret([77; 32].into()));
    let key = worker.paid().transport_key.public();
    client.request(key, request).await.unwrap()
}

/// Sessions, each with the height of its draw: two of before the first batch, one of after it.
const FIRST: (u64, u64) = (3, 100);
const SECOND: (u64, u64) = (4, 100);
const THIRD: (u64, u64) = (6, BATCH_HEIGHT + 1);

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_journal_loses_what_no_batch_holds_and_says_of_which_sessions() {
    let world = World::new().await;
    world.with(|contracts| contracts.sessions = [FIRST, SECOND, THIRD].map(open).into());
    let worker = world.start(HOST, true).await;
    let receipts = [
        served(FIRST, 1, 100, 100),
        served(FIRST, 2, 50, 150),
        served(SECOND, 1, 70, 70),
    ];
    for receipt in receipts {
        worker.paid().store.append(receipt).await.unwrap();
    }
    let task = empty_outbox(&worker, &Log::default());
    world.until("a batch", |contracts| contracts.root.is_some()).await;
    // As soon as the chain holds it, it is claimed.
    let both = |contracts: &mut Contracts| (claimed(contracts, FIRST), claimed(contracts, SECOND));
    assert_eq!(world.with(both), (150, 70));
    stop(task).await;
    for receipt in [served(FIRST, 3, 30, 180), served(THIRD, 1, 20, 20)] {
        worker.paid().store.append(receipt).await.unwrap();
    }

    let journal = worker.paid().config.journal.clone();
    worker.kill().await;
    std::fs::remove_dir_all(&journal).unwrap();
    let worker = world.start(HOST, true).await;
    let (log, paid) = (Log::default(), worker.paid().clone());
    let task = empty_outbox(&worker, &log);
    until_batch(&paid, 1).await;

    // The log names what is lost, with what is claimed of each, and the chain has all that was committed.
    let told = log.text();
    let line = told.lines().find(|line| line.contains("ERROR")).expect(&told);
    let parts = [
        "first=1 last=1",
        "sessions=[(3, Some(150)), (4, Some(70)), (6, Some(0))]",
        "unclaimed=0",
    ];
    for part in parts {
        assert!(line.contains(part), "{line}");
    }
    assert_eq!(paid.metrics.lost_batches.get(), 1);
    assert_eq!(world.with(both), (150, 70));

    // What it served there is not known, so it serves no more there, and says so with its signature.
    for session in [FIRST, THIRD] {
        let (status, answer) = ask(&worker, voucher(session, 1, 1_000, 2_000)).await;
        let refusal: RefusalBody = serde_json::from_str(&answer).expect(&answer);
        let reason = refusal.refusal.refusal.reason;
        assert_eq!((status, reason), (503, RefusalReason::Limit));
    }
    // Sessions of later draws go on, and their batches have the next numbers.
    let later = (7, world.with(|contracts| contracts.height + 1));
    world.with(|contracts| contracts.sessions.push(open(later)));
    paid.store.append(served(later, 1, 40, 40)).await.unwrap();
    world
        .until("a batch of the new journal", |contracts| contracts.sequence == 2)
        .await;
    assert_eq!(world.with(|contracts| claimed(contracts, later)), 40);
    let (status, answer) = ask(&worker, voucher(later, 2, 1_000, 1_040)).await;
    assert_eq!(status, 200, "{answer}");

    // A start later it still knows.
    until_batch(&paid, 2).await;
    stop(task).await;
    drop(paid);
    worker.kill().await;
    let worker = world.start(HOST, false).await;
    let book = worker.paid().store.book().clone();
    let lost = [FIRST, SECOND, THIRD, later].map(|session| book.is_lost(&open(session)));
    assert_eq!(lost, [true, true, true, false]);
    assert_eq!(book.last.0, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_journal_is_compared_with_the_chains_batches_no_paid_request_is_taken() {
    let world = World::new().await;
    world.with(|contracts| contracts.sessions = [FIRST].map(open).into());
    let worker = world.start(HOST, true).await;
    let paid = worker.paid().clone();
    let mut heights = paid.follow.heights();
    heights.wait_for(|height| *height > 0).await.unwrap();
    let early = send(&worker, voucher(FIRST, 1, 1_000, 1_000)).await;
    assert_eq!(early.status().as_u16(), 503);
    assert_eq!(early.headers()["retry-after"], "1");
    let (_, answer) = text(early).await;
    assert!(
        answer.contains("batches on the chain were not compared"),
        "{answer}"
    );
    assert!(paid.problem().is_some() && paid.key_to_promise().is_err());
    assert!(outbox::waits_for(&paid).unwrap().contains("see that one answers"));
    assert!(paid.store.book().account(FIRST.0).running.is_empty());
    // The first look opens it, and needs no further block.
    let task = empty_outbox(&worker, &Log::default());
    for _ in 0..500 {
        if paid.problem().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(outbox::waits_for(&paid), None);
    let (status, answer) = ask(&worker, voucher(FIRST, 1, 1_000, 1_000)).await;
    assert_eq!(status, 200, "{answer}");
    stop(task).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_the_chain_refuses_keeps_no_batch_from_it_and_comes_with_a_later_one() {
    let world = World::new().await;
    world.with(|contracts| {
        contracts.sessions = [FIRST, SECOND].map(open).into();
        contracts.refused = vec![FIRST.0];
    });
    let worker = world.start(HOST, false).await;
    let paid = worker.paid().clone();
    for session in [FIRST, SECOND] {
        paid.store.append(served(session, 1, 100, 100)).await.unwrap();
    }
    let task = empty_outbox(&worker, &Log::default());
    world
        .until("the batch", |contracts| contracts.root.is_some())
        .await;
    world
        .until("the other claim", |contracts| claimed(contracts, SECOND) == 100)
        .await;
    assert_eq!(world.with(|contracts| claimed(contracts, FIRST)), 0);
    world.with(|contracts| contracts.refused.clear());
    paid.store.append(served(FIRST, 2, 20, 120)).await.unwrap();
    world
        .until("all of it", |contracts| claimed(contracts, FIRST) == 120)
        .await;
    assert_eq!(world.with(|contracts| contracts.sequence), 2);
    stop(task).await;
}
