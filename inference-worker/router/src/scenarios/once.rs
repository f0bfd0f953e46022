//! Requests that are sent again with the same idempotency key.

use super::chain::LAPSE;
use super::client::{Reply, begin_once, complete, complete_once, get, send_with};
use super::host::Conduct::*;
use super::*;

/// What an answer of 10 tokens costs: 1.5 * (5 + 20), rounded up.
const PRICE: u128 = 38;

fn replayed(reply: &Reply) -> bool {
    reply.headers.contains_key("idempotent-replayed")
}

fn runs(world: &World) -> usize {
    world
        .hosts
        .iter()
        .map(|host| host.with(|book| book.vouchers.len()))
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_with_the_same_key_is_answered_again_and_charged_once() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    for (stream, key) in [(true, "a"), (false, "b")] {
        let first = complete_once(&router.url, key, 10, stream).await;
        assert_eq!((first.status.as_u16(), replayed(&first)), (200, false));
        for _ in 0..3 {
            let again = complete_once(&router.url, key, 10, stream).await;
            assert_eq!((again.status.as_u16(), replayed(&again)), (200, true));
            assert_eq!(again.body, first.body);
            assert_eq!(again.receipt(), first.receipt());
            assert_eq!(again.headers["content-type"], first.headers["content-type"]);
            assert_eq!(again.headers["x-request-id"], first.headers["x-request-id"]);
        }
    }
    assert_eq!(runs(&world), 2);
    until("both are settled", || router.budget().spent == Amount(2 * PRICE)).await;
    // Without a key, or with another one, it is another request.
    assert!(!replayed(&complete(&router.url, 10, true).await));
    assert!(!replayed(&complete_once(&router.url, "c", 10, true).await));
    assert_eq!(runs(&world), 4);
    let metrics = get(&router.url, "/metrics").await.body;
    assert!(metrics.contains("quern_router_replays_total 6"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_come_at_once_with_one_key_share_one_run() {
    let world = World::new(&[Honest]).await;
    let router = world.router_with(Duration::from_secs(20)).await;
    let mut asked = Vec::new();
    for _ in 0..8 {
        let url = router.url.clone();
        asked.push(tokio::spawn(async move {
            complete_once(&url, "k", 1_000, true).await
        }));
    }
    let mut replies = Vec::new();
    for reply in asked {
        replies.push(reply.await.unwrap());
    }
    assert!(
        replies
            .iter()
            .all(|reply| reply.tokens() == 1_000 && reply.body == replies[0].body)
    );
    assert_eq!(replies.iter().filter(|reply| replayed(reply)).count(), 7);
    assert_eq!(runs(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_another_request_or_a_key_that_is_none_is_refused() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    assert_eq!(complete_once(&router.url, "k", 10, true).await.status, 200);
    for (tokens, stream) in [(11, true), (10, false)] {
        let other = complete_once(&router.url, "k", tokens, stream).await;
        assert_eq!(
            (other.status.as_u16(), other.code().as_str()),
            (422, "idempotency_key_reused")
        );
        assert_eq!(other.json()["error"]["param"], "Idempotency-Key");
        assert_eq!(other.headers["x-should-retry"], "false");
    }
    let long = "k".repeat(256);
    assert_eq!(complete_once(&router.url, &long, 10, true).await.status, 400);
    // Anthropic's clients get Anthropic's shape.
    let body = r#"{"model": "test-model", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}"#;
    let url = format!("{}/v1/messages", router.url);
    let other = send_with("POST", url, body.into(), &[("idempotency-key", "k")]).await;
    assert_eq!(
        (other.status.as_u16(), &other.json()["type"]),
        (422, &"error".into())
    );
    assert_eq!(runs(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_finds_the_whole_answer_when_it_comes_back() {
    let world = World::new(&[Honest]).await;
    let router = world.router_with(Duration::from_secs(20)).await;
    begin_once(&router.url, "k", 2_000).await;
    router.service.once.finish().await;
    let reply = complete_once(&router.url, "k", 2_000, true).await;
    assert_eq!(
        (reply.status.as_u16(), reply.tokens(), replayed(&reply)),
        (200, 2_000, true)
    );
    assert!(reply.body.trim_end().ends_with("data: [DONE]"));
    assert_eq!(runs(&world), 1);
    // 1.5 * (5 + 2 * 2000)
    until("it is settled once", || router.budget().spent == Amount(6_008)).await;
    assert_eq!(router.budget().held, Amount(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_in_time_gets_the_beginning_and_goes_on_from_there() {
    let world = World::new(&[Honest]).await;
    let router = world.router_with(Duration::from_secs(20)).await;
    begin_once(&router.url, "k", 2_000).await;
    let again = complete_once(&router.url, "k", 2_000, true).await;
    assert_eq!((again.tokens(), replayed(&again)), (2_000, true));
    assert_eq!(runs(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_broke_off_stays_broken_and_what_nobody_answered_can_be_asked_again() {
    let world = World::new(&[DiesMidStream]).await;
    let router = world.router().await;
    let broken = complete_once(&router.url, "k", 10, true).await;
    assert!(broken.body.contains("broke off"), "{}", broken.body);
    let again = complete_once(&router.url, "k", 10, true).await;
    assert_eq!((again.body == broken.body, replayed(&again)), (true, true));
    assert_eq!(runs(&world), 1);
    world.hosts[0].behave(Refuses);
    for _ in 0..2 {
        let refused = complete_once(&router.url, "other", 10, true).await;
        assert_eq!((refused.status.as_u16(), replayed(&refused)), (429, false));
    }
    // What is wrong with a request frees its key, too.
    assert_eq!(complete_once(&router.url, "other", 0, true).await.status, 400);
    world.hosts[0].behave(Honest);
    let good = complete_once(&router.url, "other", 10, true).await;
    assert_eq!(
        (good.status.as_u16(), good.tokens(), replayed(&good)),
        (200, 10, false)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_a_used_key_is_refused_and_a_free_one_is_not() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    assert_eq!(complete_once(&router.url, "used", 10, true).await.status, 200);
    world.hosts[0].behave(Refuses);
    assert_eq!(complete_once(&router.url, "free", 10, true).await.status, 429);
    world.hosts[0].behave(Honest);
    router.kill().await;
    let before = runs(&world);
    let router = world.router().await;
    let gone = complete_once(&router.url, "used", 10, true).await;
    assert_eq!(
        (gone.status.as_u16(), gone.code().as_str()),
        (409, "idempotency_answer_gone")
    );
    assert!(gone.body.contains("/quern/receipts") && gone.headers["x-should-retry"] == "false");
    assert_eq!(complete_once(&router.url, "used", 11, true).await.status, 422);
    assert_eq!(runs(&world), before, "nothing ran again");
    assert_eq!(complete_once(&router.url, "free", 10, true).await.status, 200);
    assert_eq!(complete_once(&router.url, "new", 10, true).await.status, 200);
    // Neither keys nor prompts lie on the disk as they came.
    let bytes = bytes_in(&world.folder.path().join("idempotency"));
    assert!(
        !bytes
            .windows(6)
            .any(|window| window == b"secret" || window == b"\"used\"")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_held_while_a_host_that_said_nothing_may_still_be_paid() {
    let world = World::new(&[Hangs]).await;
    let router = world.router().await;
    assert_eq!(complete_once(&router.url, "k", 10, true).await.status, 503);
    let held = complete_once(&router.url, "k", 10, true).await;
    assert_eq!(
        (held.status.as_u16(), held.code().as_str()),
        (409, "idempotency_key_held")
    );
    assert!(held.headers.contains_key("retry-after") && !held.headers.contains_key("x-should-retry"));
    assert_eq!(complete_once(&router.url, "k", 11, true).await.status, 422);
    assert_eq!(runs(&world), 1, "nothing ran again");
    // Once its voucher has lapsed nothing can be paid, and the key is as good as new.
    world.hosts[0].behave(Honest);
    world.chain.advance(LAPSE);
    let mut reply = complete_once(&router.url, "k", 10, true).await;
    for _ in 0..200 {
        if reply.status != 409 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        reply = complete_once(&router.url, "k", 10, true).await;
    }
    assert_eq!(
        (reply.status.as_u16(), reply.tokens()),
        (200, 10),
        "{}",
        reply.body
    );
    assert!(replayed(&complete_once(&router.url, "k", 10, true).await));
    assert_eq!(runs(&world), 2);
    until("one answer is paid", || router.budget().spent == Amount(PRICE)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_key_no_second_host_is_asked_while_the_first_may_be_serving() {
    let world = World::new(&[Hangs, Hangs]).await;
    let router = world.router().await;
    let held = complete_once(&router.url, "k", 10, true).await;
    assert!(
        held.status == 503 && held.body.contains("no other one was asked"),
        "{}",
        held.body
    );
    assert!(held.headers.contains_key("retry-after"));
    assert_eq!(runs(&world), 1);
    // Without a key an answer goes before the risk of a slice.
    assert_eq!(complete(&router.url, 10, true).await.status, 503);
    assert_eq!(runs(&world), 3);
    // Who says that it does not serve is believed, signed or not.
    world.hosts.iter().for_each(|host| host.behave(RefusesUnsigned));
    assert_eq!(complete_once(&router.url, "other", 10, true).await.status, 429);
    assert_eq!(runs(&world), 5);
    let again = complete_once(&router.url, "other", 10, true).await;
    assert_eq!(
        again.code(),
        "idempotency_key_held",
        "but not so far that it is run again"
    );
    world.hosts.iter().for_each(|host| host.behave(DiesEarly));
    assert_eq!(complete_once(&router.url, "early", 10, true).await.status, 503);
    assert_eq!(runs(&world), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_served_without_a_word_is_paid_and_its_request_is_not_run_and_paid_again() {
    let world = World::new(&[ServesInSilence]).await;
    let router = world.router().await;
    assert_eq!(complete_once(&router.url, "k", 10, false).await.status, 503);
    until("its receipt is in", || router.budget().spent == Amount(PRICE)).await;
    world.hosts[0].behave(Honest);
    for _ in 0..2 {
        let gone = complete_once(&router.url, "k", 10, false).await;
        assert_eq!(
            (gone.status.as_u16(), gone.code().as_str()),
            (409, "idempotency_answer_gone")
        );
        assert!(gone.body.contains("/quern/receipts") && gone.headers["x-should-retry"] == "false");
    }
    assert_eq!((runs(&world), router.budget().spent), (1, Amount(PRICE)));
    assert_eq!(complete_once(&router.url, "new", 10, false).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_host_that_is_paid_for_what_it_did_ends_the_request_and_is_charged_once() {
    // Three tokens: 1.5 * (5 + 6), rounded up.
    const PART: u128 = 17;
    for (conduct, stream) in [
        (FailsLate, false),
        (PromisesReceipt, false),
        (PromisesReceipt, true),
    ] {
        let world = World::new(&[conduct, conduct]).await;
        let router = world.router().await;
        let failed = complete_once(&router.url, "k", 10, stream).await;
        assert!(
            failed.status == 503 && failed.body.contains("no other one was asked"),
            "{conduct:?}: {}",
            failed.body
        );
        until("what was done is paid", || router.budget().spent == Amount(PART)).await;
        world.hosts.iter().for_each(|host| host.behave(Honest));
        let gone = complete_once(&router.url, "k", 10, stream).await;
        assert_eq!(
            (gone.status.as_u16(), gone.code().as_str()),
            (409, "idempotency_answer_gone"),
            "{conduct:?}"
        );
        assert_eq!((runs(&world), router.budget().spent), (1, Amount(PART)));
        // Without a key an answer goes before what the failure costs.
        world.hosts.iter().for_each(|host| host.behave(conduct));
        assert_eq!(complete(&router.url, 10, stream).await.status, 503);
        assert_eq!(runs(&world), 3);
        until("both are paid", || router.budget().spent == Amount(3 * PART)).await;
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_reached_no_host_can_be_sent_again_with_its_key() {
    // Of the second nothing is listened to without privileges, and the third is no address at all.
    for endpoint in [
        "https://127.0.0.1:1",
        "https://127.0.0.1",
        "https://127.0.0.1:99999",
    ] {
        let world = World::new(&[Honest]).await;
        world
            .chain
            .with(|state| state.hosts[0].endpoint = endpoint.to_owned());
        let router = world.router().await;
        for _ in 0..2 {
            let reply = complete_once(&router.url, "k", 10, true).await;
            assert_eq!(reply.status, 503, "{endpoint}: {}", reply.body);
        }
        assert_eq!(runs(&world), 0);
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_of_tokens_is_told_kept_and_settled_by_what_an_answer_used() {
    let mut world = World::new(&[Honest]).await;
    let limit = Limit::parse("tpm=1000").unwrap().unwrap();
    world.limits.insert("ann".into(), limit);
    let router = world.router().await;
    let left = |reply: &Reply| {
        let told = reply.headers["x-ratelimit-remaining-tokens"].to_str().unwrap();
        told.parse::<u32>().unwrap()
    };
    let first = complete(&router.url, 600, true).await;
    assert_eq!((first.status.as_u16(), first.tokens()), (200, 600));
    assert_eq!(first.headers["x-ratelimit-limit-tokens"], "1000");
    assert!((395..450).contains(&left(&first)), "{}", left(&first));
    // The same again would be more than is left.
    let busy = complete(&router.url, 600, false).await;
    assert_eq!(
        (busy.status.as_u16(), busy.code().as_str()),
        (429, "rate_limit_exceeded")
    );
    let wait: u32 = busy.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=13).contains(&wait), "{wait}");
    assert!(busy.headers.contains_key("x-ratelimit-reset-tokens"));
    let never = complete(&router.url, 1_000, true).await;
    assert_eq!(
        (never.status.as_u16(), never.headers.get("retry-after")),
        (429, None)
    );
    // A replay uses none.
    let reply = complete_once(&router.url, "k", 100, true).await;
    assert_eq!(reply.status, 200);
    let again = complete_once(&router.url, "k", 100, true).await;
    assert!(replayed(&again) && left(&again) >= left(&reply));
    assert_eq!(runs(&world), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_with_answers_that_are_paid_for_comes_again_with_them() {
    let world = World::new(&[Second(conduct::Odd::Busy)]).await;
    let router = world.router().await;
    let body = serde_json::json!({"model": MODEL, "prompt": "one", "n": 4, "max_tokens": 4}).to_string();
    let ask = || {
        let url = format!("{}/v1/completions", router.url);
        send_with("POST", url, body.clone(), &[("idempotency-key", "k")])
    };
    let (first, again) = (ask().await, ask().await);
    let choices = first.json()["error"]["metadata"]["choices"]
        .as_array()
        .map(Vec::len);
    assert_eq!((first.status.as_u16(), choices), (429, Some(3)), "{}", first.body);
    assert_eq!((again.status, replayed(&again)), (first.status, true));
    assert_eq!(again.body, first.body);
    assert_eq!(again.headers["x-should-retry"], "false");
    assert_eq!(runs(&world), 4);
}
