//! Answers that break off: no client takes one for whole, and none is paid for twice.

use super::client::{Reply, complete, get, send};
use super::host::Conduct::*;
use super::*;
use serde_json::{Value, json};

/// What an answer of 10 tokens costs, and what three tokens do.
const PRICE: u128 = 38;
const PART: u128 = 17;

async fn ask(router: &Router, path: &str, mut body: Value) -> Reply {
    body["model"] = MODEL.into();
    body["stream"] = true.into();
    send("POST", format!("{}{path}", router.url), body.to_string()).await
}

/// The data of all events, every one of which can be read.
fn events(reply: &Reply) -> Vec<Value> {
    let data = reply.body.lines().filter_map(|line| line.strip_prefix("data: "));
    let read = |data: &str| serde_json::from_str(data).unwrap_or_else(|_| panic!("{data}: {}", reply.body));
    data.map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_ends_in_the_middle_ends_with_an_error_in_each_dialect() {
    let messages = json!([{"role": "user", "content": "hello"}]);
    for conduct in [DiesMidStream, StopsMidStream] {
        let world = World::new(&[conduct]).await;
        let router = world.router().await;
        for (nth, (path, body)) in [
            ("/v1/completions", json!({"prompt": "hello", "max_tokens": 10})),
            (
                "/v1/chat/completions",
                json!({"messages": messages, "max_tokens": 10}),
            ),
            (
                "/v1/responses",
                json!({"input": "hello", "max_output_tokens": 16}),
            ),
            ("/v1/messages", json!({"messages": messages, "max_tokens": 10})),
        ]
        .into_iter()
        .enumerate()
        {
            let reply = ask(&router, path, body).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.body);
            let last = events(&reply).pop().unwrap();
            let error = match path {
                "/v1/responses" => {
                    assert_eq!(last["type"], "response.failed", "{}", reply.body);
                    &last["response"]["error"]
                }
                "/v1/messages" => {
                    assert_eq!(last["type"], "error", "{}", reply.body);
                    &last["error"]
                }
                _ => &last["error"],
            };
            let words = error["message"]
                .as_str()
                .unwrap_or_else(|| panic!("{path}: {}", reply.body));
            let id = reply.headers["x-request-id"].to_str().unwrap();
            assert!(
                words.contains("incomplete") && words.contains(id),
                "{path}: {words}"
            );
            for end in ["[DONE]", "message_stop", "response.completed"] {
                assert!(!reply.body.contains(end), "{path}: {}", reply.body);
            }
            // What was made is paid, where the error says.
            let paid = Amount(PART * (nth as u128 + 1));
            until("the receipt is fetched", || router.budget().spent == paid).await;
            let kept = get(&router.url, &format!("/quern/receipts/{id}")).await.json();
            assert_eq!(kept["signed"]["receipt"]["capture"], "17");
        }
        let metrics = get(&router.url, "/metrics").await.body;
        assert!(metrics.contains("broken_streams_total 4"), "{metrics}");
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_fails_before_any_text_gets_a_slice_at_most_and_usage_shows_it() {
    let slice = quern_inference_api::paid::SLICE_TOKENS;
    let world = World::new(&[PromisesReceipt, Honest]).await;
    let router = world.router().await;
    for _ in 0..6 {
        let reply = complete(&router.url, 2_000, true).await;
        assert_eq!(
            (reply.status.as_u16(), reply.tokens()),
            (200, 2_000),
            "{}",
            reply.body
        );
    }
    let vouchers = world.hosts[0].with(|book| book.vouchers.values().cloned().collect::<Vec<_>>());
    assert!(!vouchers.is_empty(), "it was never asked");
    // Each is authorised for its prompt, of 28 tokens at most, and a slice.
    let most = 3 * (28 + 2 * u128::from(slice)).div_ceil(2);
    for signed in &vouchers {
        assert!(signed.voucher.ceiling > Amount(2 * most));
    }
    let highest = vouchers.iter().map(|signed| signed.voucher.cap.0).max();
    assert!(highest <= Some(most * vouchers.len() as u128), "{highest:?}");
    // 1.5 * (5 + 2 * 2000), rounded up.
    let all = 6 * 6_008 + PART * vouchers.len() as u128;
    until("all is paid", || router.budget().spent == Amount(all)).await;
    let usage = get(&router.url, "/quern/usage").await.json();
    assert_eq!(usage["spent"], all.to_string());
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_one_piece_that_is_paid_and_breaks_off_is_asked_of_no_other_host() {
    let world = World::new(&[DiesMidAnswer, DiesMidAnswer]).await;
    let router = world.router().await;
    let reply = complete(&router.url, 10, false).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    let id = reply.receipt().unwrap();
    assert!(reply.body.contains(&id), "{}", reply.body);
    // A client that tries again by itself would pay again.
    assert_eq!(reply.headers["x-should-retry"], "false");
    // It is shown as soon as the client asks.
    let usage = get(&router.url, "/quern/usage").await.json();
    assert_eq!(usage["spent"], PRICE.to_string());
    let asked = world
        .hosts
        .iter()
        .map(|host| host.with(|book| book.vouchers.len()));
    assert_eq!(asked.sum::<usize>(), 1);
    router.stop().await;
}
