//! The worker's whole paid path over its real transport, scheduler and journal; only the engine's arithmetic and the
//! chain's answers are given.

#[path = "fails.rs"]
mod fails;
#[path = "scores.rs"]
mod scores;

use super::letters::{CACHED, Letters};
use super::models::{OTHER_HASH, other_session};
use super::{
    CHAIN, GROWS, HOST, MODEL_HASH, authority, little_room, own, session, session_key, sign, voucher,
    warm_key,
};
use crate::audit::judge::Honest;
use crate::http::{self, Service, Services};
use crate::metrics::HostMetrics;
use crate::model::Text;
use crate::model::tests::packaged_model;
use crate::paid::config::ChainConfig;
use crate::paid::follow::Facts;
use crate::paid::{Own, Paid};
use crate::scheduler::Scheduler;
use ::http::{Request, StatusCode, header};
use axum::body::Bytes as Data;
use axum::middleware::{Next, from_fn};
use axum::{Extension, extract};
use http_body_util::{BodyExt, Full};
use quern_chain_client::verify;
use quern_inference_api::paid::{
    HEIGHT_PATIENCE, Progress, RECEIPT_HEADER, RECEIPT_PENDING, RELEASES_PATH, ReceiptStatus, RefusalBody,
    ReleaseRequest, SignedReceipt, SignedRelease, SignedVoucher, TopUpAnswer, VOUCHER_HEADER, VOUCHERS_PATH,
    WITNESS_PATH, from_header, receipt_path, release_request_digest, to_header,
};
use quern_protocol::{
    Amount, Bytes, FinishReason, Hash, Price, RefusalReason, Release, seed_commitment, voucher_seed,
};
use quern_transport::{Client, SecureListener, TransportKey, Turn, served};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(super) struct Bench {
    pub(super) paid: Arc<Paid>,
    pub(super) url: String,
    pub(super) client: Client,
    /// Of every request that came.
    turns: Arc<Mutex<Vec<Turn>>>,
    _folder: tempfile::TempDir,
}

fn facts() -> Facts {
    Facts {
        beacon: Hash::new([8; 32]),
        price: Price::FLOOR,
    }
}

pub(super) async fn bench(pause: Duration, slots: usize) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chain.json");
    let config = json!({"chain_id": CHAIN, "nodes": ["http://127.0.0.1:1"], "host": HOST,
        "contracts": {"registry": "r", "settlement": "s"}, "warm_keys": ["warm"], "transport_key": "transport",
        "journal": "journal"});
    std::fs::write(&path, config.to_string()).unwrap();
    let metrics = HostMetrics::new().unwrap();
    let config = ChainConfig::load(&path).unwrap();
    let models = vec![
        own("quern-small", MODEL_HASH, &metrics),
        own("other", OTHER_HASH, &metrics),
    ];
    let paid = Paid::open(config, models.clone(), metrics.clone(), Arc::new(Honest)).unwrap();
    let paid = Arc::new(paid);
    paid.follow.pretend(200, facts(), Some(warm_key()));
    paid.sessions.pretend(session(), 200);
    paid.sessions.pretend(other_session(), 200);
    let text = Arc::new(Text::load(&packaged_model()).unwrap());
    let service = |Own { id, metrics, .. }: Own| {
        let (scheduler, serving) = Scheduler::new(1, slots, metrics.clone(), text.tokenizer.clone());
        let (taken, first) = (vec![None; slots], if id == "other" { 400 } else { 300 });
        std::thread::spawn(move || serving.run(&mut Letters { taken, pause, first }));
        Service {
            model_id: id,
            created: 0,
            context: 2048,
            text: text.clone(),
            scheduler,
            metrics,
        }
    };
    let all = models.into_iter().map(service).collect();
    let services = Services::new(all, metrics, Some(paid.clone()));
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", tcp.local_addr().unwrap());
    let listener = SecureListener::new(tcp, &paid.transport_key).unwrap();
    let turns = Arc::<Mutex<Vec<Turn>>>::default();
    let noted = turns.clone();
    let note = move |Extension(turn): Extension<Turn>, request: extract::Request, next: Next| {
        noted.lock().unwrap().push(turn);
        next.run(request)
    };
    let service = served(http::router(services).layer(from_fn(note)));
    tokio::spawn(async move { axum::serve(listener, service).await });
    let client = Client::new(TransportKey::from_secret([77; 32].into()));
    Bench {
        paid,
        url,
        client,
        turns,
        _folder: folder,
    }
}

pub(super) fn body(max_tokens: u32, stream: bool) -> Value {
    json!({"model": "quern-small", "prompt": [300, 301, 302, 303], "max_tokens": max_tokens, "temperature": 0,
           "stream": stream})
}

impl Bench {
    pub(super) async fn ask(
        &self,
        signed: Option<SignedVoucher>,
        body: &Value,
    ) -> ::http::Response<impl BodyExt<Data = Data, Error: std::fmt::Debug> + use<>> {
        let mut request = Request::post(format!("{}/v1/completions", self.url))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(signed) = signed {
            request = request.header(VOUCHER_HEADER, to_header(&authority(signed)).unwrap());
        }
        let request = request.body(Full::from(body.to_string())).unwrap();
        self.client
            .request(self.paid.transport_key.public(), request)
            .await
            .unwrap()
    }

    async fn post<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        body: &impl serde::Serialize,
    ) -> (u16, T) {
        let bytes = serde_json::to_vec(body).unwrap().into();
        let key = self.paid.transport_key.public();
        let answer = self
            .client
            .post(&format!("{}{path}", self.url), key, bytes)
            .await
            .unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    /// Requests so far, and how many of them keep their connections' places.
    fn under_way(&self) -> (usize, usize) {
        let turns = self.turns.lock().unwrap();
        (
            turns.len(),
            turns.iter().filter(|turn| turn.is_under_way()).count(),
        )
    }

    /// The receipt of a request, once there.
    async fn receipt(&self, nonce: u64) -> SignedReceipt {
        let url = format!("{}{}", self.url, receipt_path(3, nonce));
        for _ in 0..200 {
            let answer = self
                .client
                .get(&url, self.paid.transport_key.public())
                .await
                .unwrap();
            let found = answer.status() == StatusCode::OK;
            let bytes = answer.into_body().collect().await.unwrap().to_bytes();
            if found {
                return serde_json::from_slice::<ReceiptStatus>(&bytes).unwrap().signed;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no receipt came");
    }
}

pub(super) fn is_signed(signed: &SignedReceipt) -> bool {
    verify(
        &warm_key().public(),
        &signed.receipt.digest(CHAIN).0,
        &signed.signature.0,
    )
}

pub(super) async fn text(
    response: ::http::Response<impl BodyExt<Data = Data, Error: std::fmt::Debug>>,
) -> (u16, String) {
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_one_piece_carries_a_receipt_that_is_durable_signed_and_priced() {
    let bench = bench(Duration::ZERO, 2).await;
    let response = bench.ask(Some(voucher(1, 500, 500)), &body(20, false)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let signed: SignedReceipt = from_header(&response.headers()[RECEIPT_HEADER]).unwrap();
    assert!(is_signed(&signed));
    let receipt = &signed.receipt;
    assert_eq!(
        (receipt.usage.prompt, receipt.usage.completion, receipt.capture),
        (4, 20, Amount(24))
    );
    assert_eq!(receipt.finish, FinishReason::Length);
    let beacon = facts().beacon;
    let seed = voucher_seed(CHAIN, 3, 1, &receipt.request_hash, &super::SALT, &beacon);
    assert_eq!(receipt.seed_commitment, seed_commitment(CHAIN, &seed.0));
    assert_eq!(bench.receipt(1).await, signed);
    // The same voucher again is spent.
    let (status, answer) = text(bench.ask(Some(voucher(1, 500, 500)), &body(20, false)).await).await;
    assert_eq!(status, 402);
    assert!(answer.contains("voucher_spent"), "{answer}");
    // With a seed of the client's own the noise repeats under another nonce.
    let mut seeded = body(20, false);
    (seeded["seed"], seeded["temperature"]) = (json!(5), json!(2));
    let mut commitments = Vec::new();
    for nonce in [2, 3] {
        let response = bench.ask(Some(voucher(nonce, 500, 500)), &seeded).await;
        let signed: SignedReceipt = from_header(&response.headers()[RECEIPT_HEADER]).unwrap();
        assert_eq!(signed.receipt.client_seed, Some(5));
        commitments.push(signed.receipt.seed_commitment);
    }
    assert_eq!(commitments[0], commitments[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cached_is_told_and_charged_as_what_was_not() {
    let bench = bench(Duration::ZERO, 2).await;
    let mut request = body(20, false);
    request["prompt"][0] = CACHED.into();
    let response = bench.ask(Some(voucher(1, 500, 500)), &request).await;
    let (_, answer) = text(response).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        answer["usage"]["prompt_tokens_details"]["cached_tokens"], 2,
        "{answer}"
    );
    let receipt = bench.receipt(1).await.receipt;
    assert_eq!((receipt.usage.cached, receipt.capture), (0, Amount(24)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_pauses_when_its_cap_is_used_up_and_goes_on_with_a_higher_one() {
    let bench = bench(Duration::from_millis(1), 2).await;
    let response = bench.ask(Some(voucher(1, 200, 54)), &body(100, true)).await;
    let mut stream = response.into_body();
    let mut seen = String::new();
    while !seen.contains("\"paused\":true") {
        let frame = stream
            .frame()
            .await
            .expect("the stream ended instead of pausing")
            .unwrap();
        seen.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
    }
    let line = seen.lines().rfind(|line| line.contains("paused")).unwrap();
    let progress: Progress = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((progress.prompt, progress.completion), (4, 50));
    assert!(
        seen.find("quern.progress") < seen.find("\"text\""),
        "no progress before the first token"
    );
    // A top-up that is none changes nothing.
    let (status, _) = bench.post::<Value>("/v1/vouchers", &voucher(1, 300, 90)).await;
    assert_eq!(status, 409);
    let mut forged = voucher(1, 200, 90);
    forged.signature = voucher(2, 200, 90).signature;
    assert_eq!(bench.post::<Value>("/v1/vouchers", &forged).await.0, 402);
    assert_eq!(
        bench.post::<Value>("/v1/vouchers", &voucher(7, 200, 90)).await.0,
        404
    );
    let (status, answer) = bench
        .post::<TopUpAnswer>("/v1/vouchers", &voucher(1, 200, 200))
        .await;
    assert_eq!((status, answer.cap), (200, Amount(200)));
    while let Some(frame) = stream.frame().await {
        seen.push_str(&String::from_utf8_lossy(frame.unwrap().data_ref().unwrap()));
    }
    assert!(seen.trim_end().ends_with("data: [DONE]"), "{seen}");
    let (receipt, done) = (
        seen.find("event: quern.receipt").unwrap(),
        seen.find("[DONE]").unwrap(),
    );
    assert!(seen.rfind("finish_reason").unwrap() < receipt && receipt < done);
    let signed = bench.receipt(1).await;
    assert!(is_signed(&signed));
    assert_eq!(signed.receipt.capture, Amount(104));
    // It shows the voucher that covers it.
    assert_eq!(signed.receipt.voucher.cap, Amount(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_stops_the_output_and_leaves_a_receipt_of_what_was_done() {
    let bench = bench(Duration::from_millis(5), 2).await;
    let response = bench
        .ask(Some(voucher(1, 2_000, 2_000)), &body(1_000, true))
        .await;
    let mut stream = response.into_body();
    stream.frame().await.unwrap().unwrap();
    drop(stream);
    let receipt = bench.receipt(1).await.receipt;
    assert_eq!(receipt.finish, FinishReason::Cancelled);
    let done = receipt.usage.completion;
    assert!((1..500).contains(&done), "{done}");
    assert_eq!(receipt.capture, Amount(4 + u128::from(done)));
    assert!(bench.paid.store.book().account(3).running.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_nobody_goes_on_paying_ends_and_what_was_done_is_billed() {
    let bench = bench(Duration::ZERO, 1).await;
    // Waits for a top-up until patience ends.
    let response = bench.ask(Some(voucher(1, 200, 54)), &body(100, true)).await;
    let (status, seen) = text(response).await;
    assert_eq!(status, 200);
    assert!(
        seen.contains("event: quern.receipt") && seen.trim_end().ends_with("[DONE]"),
        "{seen}"
    );
    let receipt = bench.receipt(1).await.receipt;
    assert_eq!(
        (receipt.finish, receipt.capture),
        (FinishReason::Unfunded, Amount(54))
    );
    // Its slot is free again.
    let response = bench.ask(Some(voucher(2, 200, 254)), &body(100, false)).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[test]
fn a_full_disk_stops_paid_work_loses_no_receipt_and_ends_with_room() {
    little_room::run(40);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the other test, with a limit on the size of files"]
async fn with_little_room() {
    little_room::check(40);
    let bench = bench(Duration::ZERO, 2).await;
    let request = body(5, false);
    let mut served = 0;
    let response = loop {
        let response = bench.ask(Some(voucher(served + 1, 100, 10_000)), &request).await;
        if response.status() != StatusCode::OK {
            break response;
        }
        served += 1;
    };
    assert!(served > 3, "{served}");
    // It was served and will be paid, which is no denial.
    let (status, answer) = text(response).await;
    assert!(status == 503 && answer.contains(RECEIPT_PENDING), "{answer}");
    // The next one is not even begun, and the worker says why.
    let (status, answer) = text(bench.ask(Some(voucher(900, 100, 10_000)), &request).await).await;
    assert!(status == 503 && answer.contains("disk is full"), "{answer}");
    assert!(!bench.paid.store.book().account(3).is_used(900));
    little_room::end();
    // The receipt that had to wait is kept after all, and then work goes on.
    let receipt = bench.receipt(served + 1).await;
    assert!(is_signed(&receipt));
    let response = bench.ask(Some(voucher(served + 2, 100, 10_000)), &request).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_worker_refuses_with_a_signature_and_the_nonce_stays_free() {
    let bench = bench(Duration::from_millis(20), 1).await;
    let long = body(1_000, true);
    // One has the slot, one waits; the third finds no room.
    let _first = bench.ask(Some(voucher(1, 1_100, 1_100)), &long).await;
    let second = bench.ask(Some(voucher(2, 1_100, 2_200)), &long);
    let third = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        text(bench.ask(Some(voucher(3, 1_100, 3_300)), &long).await).await
    };
    let (status, answer) = tokio::select! {
        answer = third => answer,
        _ = second => panic!("the second request was answered without a slot"),
    };
    assert_eq!(status, 429);
    let refusal = serde_json::from_str::<RefusalBody>(&answer).unwrap().refusal;
    assert_eq!(
        (refusal.refusal.nonce, refusal.refusal.reason),
        (3, RefusalReason::Busy)
    );
    assert!(verify(
        &warm_key().public(),
        &refusal.refusal.digest(CHAIN).0,
        &refusal.signature.0
    ));
    assert!(!bench.paid.store.book().account(3).is_used(3));
    // What the limit does not cover beside those two is refused in the same way.
    let (status, answer) = text(bench.ask(Some(voucher(4, 9_000, 10_000)), &long).await).await;
    let refusal = serde_json::from_str::<RefusalBody>(&answer).unwrap().refusal;
    assert_eq!((status, refusal.refusal.reason), (503, RefusalReason::Limit));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_gives_away_what_it_does_not_need_and_counts_on_it_no_more() {
    let bench = bench(Duration::ZERO, 2).await;
    let ask = |cumulative, key: quern_chain_client::SigningKey| {
        let release = Release {
            session: 3,
            from: HOST.into(),
            to: "quern1other".into(),
            cumulative: Amount(cumulative),
        };
        let signature = Bytes(key.sign(&release_request_digest(CHAIN, &release).0));
        ReleaseRequest { release, signature }
    };
    let _served = bench.ask(Some(voucher(1, 500, 3_000)), &body(5, false)).await;
    // 3,000 of 10,000 were promised by the highest cap.
    assert_eq!(
        bench
            .post::<Value>("/v1/releases", &ask(7_001, session_key()))
            .await
            .0,
        409
    );
    assert_eq!(
        bench
            .post::<Value>("/v1/releases", &ask(6_000, warm_key()))
            .await
            .0,
        402
    );
    let (status, signed) = bench
        .post::<SignedRelease>("/v1/releases", &ask(6_000, session_key()))
        .await;
    assert_eq!(status, 200);
    assert!(verify(
        &warm_key().public(),
        &signed.release.digest(CHAIN).0,
        &signed.signature.0
    ));
    // The same again gives nothing more; more than is left is refused.
    let again = bench
        .post::<SignedRelease>("/v1/releases", &ask(6_000, session_key()))
        .await;
    assert_eq!(again, (200, signed));
    assert_eq!(
        bench
            .post::<Value>("/v1/releases", &ask(7_001, session_key()))
            .await
            .0,
        409
    );
    let (status, answer) = text(bench.ask(Some(voucher(2, 500, 4_001)), &body(5, false)).await).await;
    assert!(status == 402 && answer.contains("voucher_limit"), "{answer}");
    let response = bench.ask(Some(voucher(2, 500, 4_000)), &body(5, false)).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_paid_for_keeps_its_connections_place_and_no_stranger_is_waited_for_long() {
    let bench = bench(Duration::from_millis(5), 2).await;
    let at = |height| {
        let mut voucher = voucher(1, 1_100, 1_100).voucher;
        voucher.height = height;
        voucher
    };
    let mut forged = sign(at(201));
    forged.signature = voucher(2, 200, 90).signature;
    let request = body(1_000, true);
    let (witness, releases) = (
        json!({"voucher": forged.voucher, "signature": forged.signature, "height": u64::MAX}),
        {
            let release = json!({"session": 3, "from": HOST, "to": "quern1other", "cumulative": "1"});
            json!({"release": release, "signature": forged.signature})
        },
    );
    let started = Instant::now();
    let (status, answer) = text(bench.ask(Some(sign(at(u64::MAX))), &request).await).await;
    assert!(status == 402 && answer.contains("voucher_stale"), "{answer}");
    assert_eq!(bench.post::<Value>(WITNESS_PATH, &witness).await.0, 402);
    assert_eq!(bench.post::<Value>(VOUCHERS_PATH, &forged).await.0, 402);
    assert_eq!(bench.post::<Value>(RELEASES_PATH, &releases).await.0, 402);
    assert!(
        started.elapsed() < HEIGHT_PATIENCE / 2,
        "nobody waited for a height that does not come"
    );
    // A height that may come is waited for, but its connection could be cut meanwhile.
    let waits = bench.ask(Some(forged), &request);
    let looks = async {
        while bench.under_way().0 < 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(bench.under_way(), (5, 0));
    };
    assert_eq!(tokio::join!(waits, looks).0.status(), 402);
    let mut paid = bench.ask(Some(sign(at(200))), &request).await.into_body();
    paid.frame().await.unwrap().unwrap();
    assert_eq!(bench.under_way(), (6, 1));
    while let Some(frame) = paid.frame().await {
        frame.unwrap();
    }
    assert_eq!(bench.under_way(), (6, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_and_bad_authorities_cost_nothing() {
    let bench = bench(Duration::ZERO, 2).await;
    let good = body(5, false);
    let mut unknown = good.clone();
    unknown["model"] = json!("unknown");
    let mut absurd = good.clone();
    absurd["temperature"] = json!(99);
    let mut long = good.clone();
    long["prompt"] = json!(vec![300; 2_048]);
    let mut future = voucher(1, 500, 500).voucher;
    future.height = 201;
    let cases = [
        (None, &good, 402, "voucher_missing"),
        (Some(voucher(1, 500, 500)), &unknown, 404, "model_not_found"),
        (Some(voucher(1, 500, 500)), &absurd, 400, "temperature"),
        (Some(voucher(1, 500, 500)), &long, 400, "context_length_exceeded"),
        (Some(voucher(1, 4, 500)), &good, 402, "voucher_limit"),
        (Some(voucher(1, 500, 10_001)), &good, 402, "voucher_limit"),
        (Some(sign(future)), &good, 402, "voucher_stale"),
    ];
    for (signed, body, status, code) in cases {
        let (found, answer) = text(bench.ask(signed, body).await).await;
        assert_eq!(found, status, "{code}: {answer}");
        assert!(answer.contains(code), "{code}: {answer}");
    }
    // Nothing is counted for who shows no session.
    for path in ["/tokenize", "/detokenize"] {
        let body = json!({"prompt": "a text", "tokens": [300]});
        assert_eq!(bench.post::<Value>(path, &body).await.0, 402, "{path}");
    }
    assert!(bench.paid.store.book().account(3).receipts.is_empty());
    assert!(bench.paid.store.book().account(3).running.is_empty());
    // A ceiling that pays for three tokens of five gives three.
    let response = bench.ask(Some(voucher(1, 7, 7)), &good).await;
    let signed: SignedReceipt = from_header(&response.headers()[RECEIPT_HEADER]).unwrap();
    assert_eq!(
        (signed.receipt.usage.completion, signed.receipt.capture),
        (3, Amount(7))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_chain_a_worker_stays_up_and_says_why_it_does_no_paid_work() {
    let bench = bench(Duration::ZERO, 2).await;
    let follow = bench.paid.follow.clone();
    let task = tokio::spawn(follow.run());
    for _ in 0..200 {
        if bench.paid.problem().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (status, answer) = text(bench.ask(Some(voucher(1, 500, 500)), &body(5, false)).await).await;
    assert_eq!(status, 503);
    assert!(answer.contains("no node answers"), "{answer}");
    let key = bench.paid.transport_key.public();
    let health = bench
        .client
        .get(&format!("{}/health", bench.url), key)
        .await
        .unwrap();
    let (status, answer) = text(health).await;
    assert!(status == 200 && answer.contains("no paid work"), "{answer}");
    task.abort();
}
