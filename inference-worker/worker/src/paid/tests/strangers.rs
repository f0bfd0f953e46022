//! What whoever likes can send to a host: it costs the host no memory, and its node little work.

use super::serve::{Bench, bench, body, text};
use super::{CHAIN, HOST, session, voucher};
use crate::audit::tests::node;
use crate::audit::tests::workers::World;
use crate::paid::book::VOIDS;
use crate::paid::sessions::Sessions;
use ::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use quern_chain_client::Chain;
use quern_inference_api::paid::{SignedVoucher, VOUCHERS_PATH};
use quern_interface::settlement::{SessionInfo, SessionStatus};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// Sends a voucher without a request; status and answer.
async fn hand_in(bench: &Bench, voucher: &SignedVoucher) -> (u16, String) {
    let url = format!("{}{VOUCHERS_PATH}", bench.url);
    let bytes = serde_json::to_vec(voucher).unwrap().into();
    let key = bench.paid.transport_key.public();
    text(bench.client.post(&url, key, bytes).await.unwrap()).await
}

fn named(id: u64) -> SessionInfo {
    SessionInfo { id, ..session() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voucher_that_counts_for_nothing_makes_no_account() {
    let bench = bench(Duration::ZERO, 2).await;
    let mut forged = voucher(1, 500, 500);
    forged.signature = voucher(2, 500, 500).signature;
    let (status, answer) = text(bench.ask(Some(forged.clone()), &body(5, false)).await).await;
    assert!(status == 402 && answer.contains("voucher_forged"), "{answer}");
    assert_eq!(hand_in(&bench, &forged).await.0, 402);
    // A top-up of what is not under way.
    assert_eq!(hand_in(&bench, &voucher(1, 500, 500)).await.0, 404);
    assert!(bench.paid.store.book().accounts.is_empty());
    // One that counts makes it.
    let response = bench.ask(Some(voucher(1, 500, 500)), &body(5, false)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(bench.paid.store.book().accounts.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn void_nonces_are_kept_while_the_session_is_open_and_no_more_than_so_many() {
    let bench = bench(Duration::ZERO, 2).await;
    let voids = || {
        bench
            .paid
            .store
            .book()
            .find(3)
            .map_or(0, |account| account.void.len())
    };
    for status in [SessionStatus::Closing, SessionStatus::Closed] {
        let info = SessionInfo { status, ..session() };
        bench.paid.sessions.pretend(info, 200);
        let (status, answer) = hand_in(&bench, &voucher(7, 0, 0)).await;
        assert!(status == 402 && answer.contains("voucher_stale"), "{answer}");
    }
    assert!(bench.paid.store.book().accounts.is_empty());
    bench.paid.sessions.pretend(session(), 200);
    assert_eq!(hand_in(&bench, &voucher(7, 0, 0)).await.0, 200);
    let (status, answer) = text(bench.ask(Some(voucher(7, 500, 500)), &body(5, false)).await).await;
    assert!(status == 402 && answer.contains("voucher_spent"), "{answer}");

    let most = 10_000..10_000 + VOIDS as u64 - 1;
    bench.paid.store.book().account(3).void.extend(most);
    assert_eq!(voids(), VOIDS);
    assert_eq!(hand_in(&bench, &voucher(8, 0, 0)).await.0, 409);
    // Told again it is the same.
    assert_eq!(hand_in(&bench, &voucher(7, 0, 0)).await.0, 200);
    assert_eq!(voids(), VOIDS);
    // What was served is no void nonce besides.
    let response = bench.ask(Some(voucher(9, 500, 500)), &body(5, false)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(hand_in(&bench, &voucher(9, 0, 0)).await.0, 200);
    assert_eq!(voids(), VOIDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_others_are_asked_for_and_not_kept_and_closed_ones_are_forgotten() {
    let world = World::new().await;
    let (own, mut foreign) = (named(30), named(31));
    foreign.committee.retain(|member| member.host != HOST);
    world.with(|contracts| contracts.sessions = vec![own, foreign]);
    let worker = world.start(HOST, true).await;
    let paid = worker.paid();
    let mut heights = paid.follow.heights();
    let height = *heights.wait_for(|height| *height > 0).await.unwrap();
    let known = || [30, 31, 32, 33].map(|id| paid.sessions.known(id).is_some());
    assert!(paid.session(30, |_| true).await.is_ok());
    assert!(paid.session(31, |_| true).await.is_err());
    assert_eq!(known(), [true, false, false, false]);
    // The chain lists 32 no more; 33 was drawn after the list was made.
    paid.sessions.pretend(named(32), 1);
    paid.sessions.pretend(named(33), height + 1_000_000);
    paid.sessions.refresh().await.unwrap();
    assert_eq!(known(), [true, false, false, true]);
    assert_eq!(paid.sessions.all().len(), 2);
}

/// A node that takes a while to say that there is no such session.
async fn slow_node(most: Arc<AtomicUsize>) -> String {
    let asked = Arc::<AtomicUsize>::default();
    let answer = move |body: String| {
        let (most, asked) = (most.clone(), asked.clone());
        async move {
            let request: Value = serde_json::from_str(&body).unwrap();
            let result = match request["method"].as_str().unwrap() {
                "status" => node::status(),
                _ => {
                    let now = asked.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    asked.fetch_sub(1, Ordering::SeqCst);
                    json!({"response": {"code": 5, "log": "unknown_session", "info": "", "index": "0", "key": null,
                        "value": "", "proofOps": null, "height": "5", "codespace": "wasm"}})
                }
            };
            Json(json!({"jsonrpc": "2.0", "id": request["id"], "result": result}))
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_name_sessions_that_are_none_a_few_at_a_time_are_asked_for() {
    let most = Arc::<AtomicUsize>::default();
    let chain = Chain::new(CHAIN, &[slow_node(most.clone()).await]).unwrap();
    let sessions = Arc::new(Sessions::new(chain, "settlement", "registry", HOST));
    let mut strangers = JoinSet::new();
    for session in 0..60 {
        let sessions = sessions.clone();
        strangers.spawn(async move { sessions.get(session, 5, |_| true).await });
    }
    for answer in strangers.join_all().await {
        assert!(answer.unwrap_err().is_refusal());
    }
    assert!((2..=8).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    assert!(sessions.all().is_empty());
}
