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

/// Ids in a header that may come several times.
fn ids(reply: &Reply, name: &str) -> Vec<String> {
    let values = reply.headers.get_all(name).iter();
    values.map(|id| id.to_str().unwrap().to_owned()).collect()
}

/// Ids of all receipts that the key's holder paid by, once the ledger has them.
async fn paid(router: &Router, count: usize) -> Vec<String> {
    loop {
        let listed = get(&router.url, "/quern/receipts").await.json();
        let receipts = listed["receipts"].as_array().unwrap();
        if receipts.len() >= count {
            let ids = receipts
                .iter()
                .map(|kept| kept["id"].as_str().unwrap().to_owned());
            return ids.collect();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_tells_what_was_paid_to_a_host_that_failed_before_another_one_was_asked() {
    for stream in [false, true] {
        let world = World::new(&[FailsLate, Honest]).await;
        let router = world.router().await;
        let asked = || world.hosts[0].with(|book| book.vouchers.len());
        let (mut replies, mut failed) = (0, Vec::new());
        while asked() == 0 {
            let reply = complete(&router.url, 10, stream).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            replies += 1;
            // The answer's own receipt is told as ever, by one header or comment.
            let own = reply.receipt().unwrap();
            failed = ids(&reply, "quern-failed-receipt");
            assert_eq!(failed.len(), asked(), "{:?}", reply.headers);
            assert!(!failed.contains(&own));
            assert!(ids(&reply, "quern-receipt").len() <= 1);
        }
        let paid = paid(&router, replies + 1).await;
        assert_eq!(paid.len(), replies + 1);
        assert!(paid.contains(&failed[0]), "{paid:?}");
        until("both are paid", || {
            router.budget().spent == Amount(PRICE * replies as u128 + PART)
        })
        .await;
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_tells_what_was_paid_to_hosts_that_failed() {
    let world = World::new(&[FailsLate, FailsLate]).await;
    let router = world.router().await;
    let reply = complete(&router.url, 10, false).await;
    assert_eq!(reply.status, 503, "{}", reply.body);
    let failed = ids(&reply, "quern-failed-receipt");
    assert_eq!(failed.len(), 2);
    let words = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(failed.iter().all(|id| words.contains(id)), "{words}");
    let mut paid = paid(&router, 2).await;
    paid.sort_unstable();
    assert_eq!(paid, {
        let mut failed = failed;
        failed.sort_unstable();
        failed
    });
    assert!(reply.receipt().is_none());
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_answers_tell_each_receipt_of_hosts_that_failed_once() {
    for stream in [false, true] {
        let world = World::new(&[FailsLate, Honest]).await;
        let router = world.router().await;
        let body = json!({"model": MODEL, "prompt": "one", "n": 4, "max_tokens": 10, "stream": stream});
        let reply = loop {
            let reply = send("POST", format!("{}/v1/completions", router.url), body.to_string()).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            if world.hosts[0].with(|book| !book.vouchers.is_empty()) {
                break reply;
            }
        };
        let mut failed = ids(&reply, "quern-failed-receipt");
        let comments = reply.body.lines();
        failed.extend(
            comments.filter_map(|line| line.strip_prefix(": quern-failed-receipt ").map(str::to_owned)),
        );
        let billed = world.hosts[0].with(|book| book.receipts.len());
        failed.sort_unstable();
        let told = failed.len();
        failed.dedup();
        assert_eq!((told, failed.len()), (billed, billed), "{:?}", reply.headers);
        router.stop().await;
    }
}
