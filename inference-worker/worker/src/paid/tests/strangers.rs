//! What whoever likes can send to a host: it costs the host no memory, and its node little work.

use super::serve::{Bench, bench, body, text};
use super::{CHAIN, HOST, session, session_key, voucher, warm_key};
use crate::audit::tests::node;
use crate::audit::tests::workers::World;
use crate::paid::book::VOIDS;
use crate::paid::sessions::Sessions;
use ::http::{Request, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use http_body_util::Full;
use quern_chain_client::{Chain, verify};
use quern_inference_api::paid::{
    COUNT_BYTES, COUNT_HEADER, CountRequest, SignedVoucher, TopUpAnswer, VOUCHERS_PATH, count_digest,
    to_header, unserved_digest,
};
use quern_interface::settlement::{SessionInfo, SessionStatus};
use quern_protocol::Bytes;
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

/// Asks how many tokens a body has, with a word that was signed for another body if one is given.
async fn count(bench: &Bench, body: &Value, signed_for: &Value, height: u64) -> (u16, Value) {
    let (body, signed_for) = (body.to_string(), signed_for.to_string());
    let digest = count_digest(CHAIN, (3, HOST, height), "/tokenize", signed_for.as_bytes());
    let asked = CountRequest {
        session: 3,
        host: HOST.into(),
        height,
        signature: Bytes(session_key().sign(&digest.0)),
    };
    let request = Request::post(format!("{}/tokenize", bench.url))
        .header(COUNT_HEADER, to_header(&asked).unwrap())
        .body(Full::from(body));
    let key = bench.paid.transport_key.public();
    let answer = bench.client.request(key, request.unwrap()).await.unwrap();
    let (status, body) = text(answer).await;
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_counted_for_who_holds_a_session_and_for_nobody_else() {
    let bench = bench(Duration::ZERO, 2).await;
    let body = json!({"prompt": "the king"});
    let (status, answer) = count(&bench, &body, &body, 200).await;
    assert!(status == 200 && answer["count"].as_u64() > Some(0), "{answer}");
    let chat = json!({"messages": [{"role": "user", "content": "the king"}]});
    let (status, of_chat) = count(&bench, &chat, &chat, 200).await;
    assert!(status == 200 && of_chat["count"].as_u64() > answer["count"].as_u64());
    let (status, answer) = count(&bench, &body, &json!({}), 200).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (402, &json!("voucher_forged"))
    );
    let (status, answer) = count(&bench, &body, &body, 180).await;
    assert_eq!((status, &answer["error"]["code"]), (402, &json!("voucher_stale")));
    let url = format!("{}/tokenize", bench.url);
    let key = bench.paid.transport_key.public();
    let bytes = serde_json::to_vec(&body).unwrap().into();
    let (status, answer) = text(bench.client.post(&url, key, bytes).await.unwrap()).await;
    assert!(status == 402 && answer.contains("voucher_missing"), "{answer}");
    // So much a block, and again in the next one.
    let long = json!({"prompt": "a ".repeat(COUNT_BYTES / 2 - 1_000)});
    assert_eq!(count(&bench, &long, &long, 200).await.0, 200);
    let (status, answer) = count(&bench, &long, &long, 200).await;
    assert_eq!(status, 429, "{answer}");
    assert!(bench.paid.store.book().accounts.is_empty());
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
async fn a_host_signs_that_a_void_nonce_is_unserved_unless_it_served_it_or_cannot_know() {
    let bench = bench(Duration::from_millis(5), 2).await;
    let unserved = async |nonce| {
        let (status, answer) = hand_in(&bench, &voucher(nonce, 0, 0)).await;
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str::<TopUpAnswer>(&answer).unwrap().unserved
    };
    let word = unserved(1).await.unwrap();
    let digest = unserved_digest(CHAIN, 3, 1, HOST);
    assert!(verify(&warm_key().public(), &digest.0, &word.0));
    // From then on it is true.
    let (status, answer) = text(bench.ask(Some(voucher(1, 500, 500)), &body(5, false)).await).await;
    assert!(status == 402 && answer.contains("voucher_spent"), "{answer}");
    // Of what is under way there will be a receipt, and of what was served there is one.
    let running = bench.ask(Some(voucher(2, 2_000, 2_000)), &body(400, true)).await;
    assert_eq!(running.status(), StatusCode::OK);
    assert_eq!(unserved(2).await, None);
    let (status, answer) = text(bench.ask(Some(voucher(3, 500, 500)), &body(5, false)).await).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(unserved(3).await, None);
    assert!(unserved(4).await.is_some());
    // A journal that was lost may have held one.
    bench.paid.store.book().unknown_until = session().drawn_at;
    assert_eq!(unserved(5).await, None);
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
