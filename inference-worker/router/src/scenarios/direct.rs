//! A router without a chain, in front of workers of several kinds.

use super::client::{Reply, begin_once, get, send, send_with};
use super::*;
use crate::pool::Pool;
use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::{get as on_get, post};
use bytes::Bytes;
use http::StatusCode;
use quern_inference_api::ApiError;
use quern_inference_api::listing::TIER_HEADER;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a large answer.
const LARGE: usize = 3 << 20;
/// Chunks of a stream.
const CHUNKS: usize = 50;

/// A worker that serves [`MODEL`] with such a trust tier, and fails or says much if its prompt says so. Counts requests.
async fn worker(tier: &'static str) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = asked.clone();
    let entry = json!({"id": MODEL, "object": "model", "created": 1, "owned_by": "x", "context_length": 4096,
                       "trust_tier": tier, "engine": "vllm"});
    let list = json!({"object": "list", "data": [entry]});
    let answer = move |Json(body): Json<Value>| {
        counting.fetch_add(1, Ordering::SeqCst);
        async move {
            let mut response = answer(&body);
            response.headers_mut().insert(TIER_HEADER, tier.parse().unwrap());
            response
        }
    };
    let router = axum::Router::new()
        .route("/v1/models", on_get(move || async move { Json(list) }))
        .route("/v1/chat/completions", post(answer.clone()))
        .route("/v1/embeddings", post(answer.clone()))
        .route("/v1/completions", post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}

fn answer(body: &Value) -> Response {
    if body.to_string().contains("fail") {
        return (StatusCode::BAD_REQUEST, "{\"error\": {}}").into_response();
    }
    if body.to_string().contains("late") {
        return ApiError::late().into_response();
    }
    if body.to_string().contains("large") {
        return Json(json!({"text": "x".repeat(LARGE)})).into_response();
    }
    let chunk = json!({"id": "x", "object": "c", "created": 1, "model": MODEL, "choices": [
        {"index": 0, "text": "t ", "delta": {"content": "t "}, "finish_reason": null}]});
    if body["stream"] != true {
        let choice = json!({"index": 0, "text": "t", "message": {"role": "assistant", "content": "t"}, "finish_reason": "stop"});
        let usage = json!({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10});
        let whole = json!({"id": "x", "object": "o", "created": 1, "model": MODEL, "choices": [choice], "usage": usage});
        return Json(whole).into_response();
    }
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let end = match &body.to_string() {
        body if body.contains("gives up") => r#"data: {"error":{"message":"x","type":"server_error"}}"#,
        body if body.contains("is at fault") => {
            r#"data: {"error":{"message":"x","type":"invalid_request_error"}}"#
        }
        body if body.contains("stops") => "",
        _ => "data: [DONE]",
    };
    tokio::spawn(async move {
        for _ in 0..CHUNKS {
            tokio::time::sleep(Duration::from_millis(2)).await;
            if sender.send(format!("data: {chunk}\n\n").into()).await.is_err() {
                return;
            }
        }
        if !end.is_empty() {
            let _ = sender.send(format!("{end}\n\n").into()).await;
        }
    });
    let pieces = std::future::poll_fn(move |context| receiver.poll_recv(context));
    let mut response = Response::new(Body::new(Pieces(Box::pin(pieces))));
    let kind = http::HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}

/// Pieces as they come.
struct Pieces<F>(std::pin::Pin<Box<F>>);

impl<F: Future<Output = Option<Bytes>>> http_body::Body for Pieces<F> {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        let polled = self.0.as_mut().poll(context);
        polled.map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece))))
    }
}

/// A router in front of workers.
async fn router(workers: &[String], limit: &str) -> String {
    let pool = Pool::new(workers).unwrap();
    pool.probe_all().await;
    let limit = Limit::parse(limit).unwrap().unwrap_or_default();
    let service = Arc::new(Service {
        keys: Keys::Open(Holder {
            name: "ann".into(),
            budget: Amount(0),
            payer: None,
        }),
        parting: crate::keys::Parting::new().unwrap(),
        backend: Backend::Direct(pool),
        metrics: Metrics::new().unwrap(),
        rates: Arc::new(Rates::new([("ann".to_owned(), limit)].into())),
        once: Once::open(None, Duration::from_secs(600), 1).unwrap(),
        listings: crate::listings::Listings::default(),
        started: 0,
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, http_api::router(service)).await });
    url
}

async fn ask(url: &str, path: &str, more: Value, headers: &[(&str, &str)]) -> Reply {
    let mut body = match path {
        "/v1/responses" => json!({"model": MODEL, "input": "x"}),
        "/v1/completions" => json!({"model": MODEL, "prompt": "x"}),
        "/v1/embeddings" => json!({"model": MODEL, "input": "x"}),
        _ => json!({"model": MODEL, "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}),
    };
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    send_with("POST", format!("{url}{path}"), body.to_string(), headers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trust_tier_of_a_worker_reaches_the_client_in_every_dialect() {
    let (url, _) = worker("logprob").await;
    let router = router(&[url], "none").await;
    let listed = get(&router, "/v1/models").await.json();
    assert_eq!(listed["data"][0]["trust_tier"], "logprob");
    let one = get(&router, &format!("/v1/models/{MODEL}")).await.json();
    assert_eq!(one["trust_tier"], "logprob");
    for path in [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/messages",
    ] {
        for stream in [false, true] {
            let reply = ask(&router, path, json!({"stream": stream}), &[]).await;
            assert_eq!(
                (reply.status.as_u16(), &reply.headers[TIER_HEADER]),
                (200, &"logprob".parse().unwrap())
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_workers_with_several_tiers_the_listing_names_the_lowest_and_an_unknown_word_is_none() {
    for (tiers, listed) in [
        (["seeded", "logprob"], json!("logprob")),
        (["unaudited", "seeded"], json!("unaudited")),
        (["seeded", "certified"], Value::Null),
    ] {
        let (first, second) = (worker(tiers[0]).await.0, worker(tiers[1]).await.0);
        let router = router(&[first, second], "none").await;
        let list = get(&router, "/v1/models").await.json();
        assert_eq!(list["data"][0]["trust_tier"], listed, "{tiers:?}");
        assert_eq!(list["data"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_settled_by_usage_by_chunks_or_not_at_all() {
    let (url, _) = worker("seeded").await;
    let router = router(&[url], "tpm=600").await;
    let left = || async {
        // Says where the holder stands, and costs nothing.
        let reply = send("POST", format!("{router}/v1/completions"), "{}".into()).await;
        let left = reply.headers["x-ratelimit-remaining-tokens"].to_str().unwrap();
        left.parse::<u32>().unwrap()
    };
    // Time gives back 10 tokens a second; what is looked for is far more.
    let wide = json!({"max_tokens": 300});
    let reply = ask(&router, "/v1/completions", wide.clone(), &[]).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.headers["x-ratelimit-limit-tokens"]),
        (200, &"600".parse().unwrap())
    );
    assert!(left().await >= 580, "{}", left().await);
    let mut stream = wide.clone();
    stream["stream"] = true.into();
    for _ in 0..3 {
        assert_eq!(
            ask(&router, "/v1/completions", stream.clone(), &[]).await.status,
            200
        );
    }
    until_left(&left, 400..580).await;
    // A client that leaves has used what it got.
    begin_once(&router, "k", 300).await;
    until_left(&left, 340..601).await;
    let mut refused = wide;
    refused["prompt"] = "fail".into();
    for _ in 0..3 {
        assert_eq!(
            ask(&router, "/v1/completions", refused.clone(), &[]).await.status,
            400
        );
    }
    until_left(&left, 340..601).await;
}

async fn until_left<F: Future<Output = u32>>(left: impl Fn() -> F, wanted: std::ops::Range<u32>) {
    for _ in 0..200 {
        if wanted.contains(&left().await) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    unreachable!("{} is not in {wanted:?}", left().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_a_chain_runs_a_request_with_a_key_once_in_every_dialect() {
    let (url, asked) = worker("seeded").await;
    let router = router(&[url], "none").await;
    let mut runs = 0;
    for path in [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/messages",
    ] {
        for stream in [false, true] {
            let key = format!("{path}{stream}");
            let headers = [("idempotency-key", key.as_str())];
            let first = ask(&router, path, json!({"stream": stream}), &headers).await;
            let again = ask(&router, path, json!({"stream": stream}), &headers).await;
            assert_eq!((first.status.as_u16(), &again.body), (200, &first.body), "{key}");
            assert_eq!(again.headers["idempotent-replayed"], "true");
            assert_eq!(again.headers["x-request-id"], first.headers["x-request-id"]);
            runs += 1;
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), runs);
    // An error frees its key.
    let headers = [("idempotency-key", "f")];
    for _ in 0..2 {
        let failed = ask(&router, "/v1/completions", json!({"prompt": "fail"}), &headers).await;
        assert_eq!(
            (failed.status.as_u16(), failed.headers.get("idempotent-replayed")),
            (400, None)
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), runs + 2);
    assert_eq!(
        ask(&router, "/v1/completions", json!({}), &headers).await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_make_room_for_newer_ones_and_are_never_run_again() {
    let (url, asked) = worker("seeded").await;
    let router = router(&[url], "none").await;
    let large = |key: usize| {
        let router = router.clone();
        async move {
            let (key, prompt) = (key.to_string(), json!({"prompt": "large"}));
            ask(&router, "/v1/completions", prompt, &[("idempotency-key", &key)]).await
        }
    };
    for key in 0..12 {
        let reply = large(key).await;
        assert_eq!((reply.status.as_u16(), reply.body.len() > LARGE), (200, true));
    }
    // A holder has 32 MiB.
    let (oldest, newest) = (large(0).await, large(11).await);
    assert_eq!(
        (oldest.status.as_u16(), oldest.code().as_str()),
        (409, "idempotency_answer_gone")
    );
    assert_eq!((newest.status.as_u16(), newest.body.len() > LARGE), (200, true));
    assert_eq!(asked.load(Ordering::SeqCst), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_back_to_its_worker_unless_that_is_gone_or_much_busier() {
    let workers = [worker("seeded").await.0, worker("seeded").await.0];
    let pool = Pool::new(&workers).unwrap();
    pool.probe_all().await;
    let (key, other) = ([7; 32], [8; 32]);
    let first = |key: Option<&[u8; 32]>| pool.candidates(MODEL, key).remove(0);
    // Equals take turns.
    assert_ne!(first(Some(&other)).url(), first(Some(&other)).url());
    let own = first(None);
    pool.serves(key, &own);
    let mut busy = Vec::new();
    for _ in 0..4 {
        assert_eq!(first(Some(&key)).url(), own.url());
        assert_eq!(first(Some(&key)).url(), own.url());
        busy.push(own.begin());
    }
    assert_ne!(first(Some(&key)).url(), own.url());
    busy.pop();
    assert_eq!(first(Some(&key)).url(), own.url());
    own.mark_down();
    assert_ne!(first(Some(&key)).url(), own.url());
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_of_one_conversation_go_to_one_worker_and_conversations_to_both() {
    let (first, second) = (worker("seeded").await, worker("seeded").await);
    let router = router(&[first.0, second.0], "none").await;
    let counts = || (first.1.load(Ordering::SeqCst), second.1.load(Ordering::SeqCst));
    for _ in 0..6 {
        assert_eq!(
            ask(&router, "/v1/chat/completions", json!({}), &[]).await.status,
            200
        );
    }
    assert!(matches!(counts(), (6, 0) | (0, 6)), "{:?}", counts());
    for path in [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/messages",
    ] {
        let before = counts();
        for _ in 0..3 {
            for name in 0..2 {
                let named = json!({"session_id": format!("{path}{name}")});
                assert_eq!(ask(&router, path, named, &[]).await.status, 200);
            }
        }
        let after = counts();
        let found = (after.0 - before.0, after.1 - before.1);
        assert!(found.0 + found.1 == 6 && found.0 % 3 == 0, "{path}: {found:?}");
    }
    assert!(counts().0 > 0 && counts().1 > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_the_time_that_it_asks_for_and_no_number_else_is_taken() {
    let (url, asked) = worker("seeded").await;
    let router = router(&[url], "none").await;
    for (value, status) in [("60", 200), ("0.000000001", 408), ("soon", 400), ("-1", 400)] {
        for path in ["/v1/completions", "/v1/embeddings"] {
            let reply = ask(&router, path, json!({}), &[("x-request-timeout", value)]).await;
            assert_eq!(reply.status.as_u16(), status, "{path}: {value}");
            let again = reply.headers.get("x-should-retry").map(|value| value.as_bytes());
            assert_eq!(again, (status == 408).then_some(&b"false"[..]), "{path}: {value}");
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let late = ask(&router, "/v1/completions", json!({"prompt": "late"}), &[]).await;
    let again = late.headers["x-should-retry"].to_str().unwrap();
    assert_eq!((late.status.as_u16(), again), (408, "false"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_a_worker_ends_by_an_error_or_in_the_middle_counts_as_broken_off() {
    let (worker, _) = worker("opaque").await;
    let url = router(&[worker], "").await;
    for (word, broken, told) in [
        ("goes on", 0, "[DONE]"),
        ("is at fault", 0, "invalid_request_error"),
        ("gives up", 1, "server_error"),
        ("stops", 2, "incomplete"),
    ] {
        let messages = json!([{"role": "user", "content": word}]);
        for (path, name, said) in [
            ("/v1/chat/completions", "messages", messages),
            ("/v1/completions", "prompt", word.into()),
        ] {
            let body = json!({"model": MODEL, name: said, "stream": true, "max_tokens": 9});
            let reply = send("POST", format!("{url}{path}"), body.to_string()).await;
            assert!(
                reply
                    .body
                    .trim_end()
                    .lines()
                    .last()
                    .is_some_and(|last| last.contains(told)),
                "{}",
                reply.body
            );
        }
        let metrics = get(&url, "/metrics").await.body;
        let wanted = format!("broken_streams_total {}", 2 * broken);
        assert!(
            metrics.lines().any(|line| line.ends_with(&wanted)),
            "{word}: {metrics}"
        );
    }
}
