//! What works.

use super::chain::CHAIN_ID;
use super::client::{complete, get, send_with};
use super::host::Conduct::*;
use super::*;
use quern_interface::registry::ModelState;
use quern_interface::settlement::ExecuteMsg;
use quern_protocol::{Bytes as Fixed, rank};

fn no_complaints(world: &World) {
    for host in &world.hosts {
        host.with(|book| assert!(book.complaints.is_empty(), "{:?}", book.complaints));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_paid_for_what_it_used_and_its_receipt_can_be_asked_for() {
    let world = World::new(&[Honest, Honest]).await;
    let router = world.router().await;
    let reply = complete(&router.url, 20, true).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.tokens(), 20);
    assert!(reply.body.trim_end().ends_with("data: [DONE]"));
    // What is between host and router stays there.
    assert!(!reply.body.contains("event:") && !reply.body.contains("voucher"));
    let id = reply.receipt().unwrap();
    // 1.5 * (5 + 2 * 20) = 67.5
    until("the receipt settles", || router.budget().spent == Amount(68)).await;
    assert_eq!(router.budget().held, Amount(0));
    until("the receipt is kept", || {
        router.gateway.receipts.find(&id).is_some()
    })
    .await;
    let kept = get(&router.url, &format!("/quern/receipts/{id}")).await.json();
    assert_eq!(kept["signed"]["receipt"]["capture"], "68");
    let request = reply.headers["x-request-id"].to_str().unwrap();
    let same = get(&router.url, &format!("/quern/receipts/{request}"))
        .await
        .json();
    assert_eq!(same, kept);
    let listed = get(&router.url, "/quern/receipts").await.json();
    assert_eq!(listed["receipts"][0], kept);
    assert_eq!(
        (listed["receipts"].as_array().unwrap().len(), &listed["next"]),
        (1, &serde_json::Value::Null)
    );
    let usage = get(&router.url, "/quern/usage").await.json();
    assert_eq!(
        (&usage["spent"], &usage["left"]),
        (&"68".into(), &"9999932".into())
    );
    let keep = |ledger: &mut crate::ledger::Ledger| ledger.keep("ann", Amount(32), Amount(10_000_000));
    router.gateway.books.with(keep).unwrap();
    let usage = get(&router.url, "/quern/usage").await.json();
    assert_eq!(
        (&usage["kept"], &usage["left"]),
        (&"32".into(), &"9999900".into())
    );
    assert_eq!(get(&router.url, "/quern/receipts/00").await.status, 404);
    no_complaints(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_choice_of_each_prompt_is_paid_for_with_a_receipt_of_its_own() {
    for stream in [false, true] {
        let world = World::new(&[Honest, Honest]).await;
        let router = world.router().await;
        let body = serde_json::json!({"model": MODEL, "prompt": ["one", "two"], "n": 2, "seed": 7, "max_tokens": 4,
            "stream": stream, "stream_options": stream.then_some(serde_json::json!({"include_usage": true}))});
        let url = format!("{}/v1/completions", router.url);
        let key = [("idempotency-key", "several")];
        let reply = send_with("POST", url.clone(), body.to_string(), &key).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let (ids, usage): (Vec<String>, serde_json::Value) = match stream {
            false => {
                let ids = reply.headers.get_all("quern-receipt").iter();
                let indices: Vec<_> = reply.json()["choices"].as_array().unwrap().clone();
                let indices: Vec<_> = indices.iter().map(|choice| choice["index"].as_u64()).collect();
                assert_eq!(indices, [0, 1, 2, 3].map(Some));
                (
                    ids.map(|id| id.to_str().unwrap().to_owned()).collect(),
                    reply.json()["usage"].clone(),
                )
            }
            true => {
                let comments = reply
                    .body
                    .lines()
                    .filter_map(|line| line.strip_prefix(": quern-receipt "));
                for index in 0..4 {
                    let own = format!("\"text\":\"t \",\"index\":{index},");
                    assert_eq!(reply.body.matches(&own).count(), 4, "{}", reply.body);
                }
                assert_eq!(reply.body.matches("[DONE]").count(), 1);
                let usages = reply.body.lines().filter(|line| line.contains("prompt_tokens"));
                let [usage] = usages.collect::<Vec<_>>()[..] else {
                    panic!("{}", reply.body)
                };
                let usage: serde_json::Value =
                    serde_json::from_str(usage.trim_start_matches("data: ")).unwrap();
                (comments.map(str::to_owned).collect(), usage["usage"].clone())
            }
        };
        // Each prompt is charged for each choice.
        assert_eq!(
            (&usage["prompt_tokens"], &usage["completion_tokens"]),
            (&20.into(), &16.into())
        );
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), 4, "{ids:?}");
        // Four times 1.5 * (5 + 2 * 4), rounded up.
        until("the receipts settle", || router.budget().spent == Amount(80)).await;
        assert_eq!(router.budget().held, Amount(0));
        let (mut seeds, mut charged) = (Vec::new(), (0, 0));
        for id in &ids {
            let kept = get(&router.url, &format!("/quern/receipts/{id}")).await.json();
            let own = |name: &str| kept["signed"]["receipt"]["usage"][name].as_u64().unwrap();
            charged = (charged.0 + own("prompt"), charged.1 + own("completion"));
            seeds.push(kept["signed"]["receipt"]["client_seed"].as_i64());
        }
        seeds.sort_unstable();
        assert_eq!(seeds, [7, 7, 8, 8].map(Some));
        // What is told as used is what the receipts charge for.
        assert_eq!(charged, (20, 16));
        // All under one key: nothing is run or charged again.
        let again = send_with("POST", url, body.to_string(), &key).await;
        assert_eq!(again.body, reply.body);
        assert_eq!(router.budget().spent, Amount(80));
        no_complaints(&world);
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_counted_by_a_host_of_the_session_for_nothing() {
    let world = World::new(&[Refuses, Honest]).await;
    let router = world.router().await;
    let post = async |path: &str, body: serde_json::Value| {
        send_with("POST", format!("{}{path}", router.url), body.to_string(), &[]).await
    };
    let plain = serde_json::json!({"model": MODEL, "prompt": "one two three"});
    let counted = post("/tokenize", plain).await;
    assert_eq!(
        (counted.status.as_u16(), &counted.json()["count"]),
        (200, &3.into())
    );
    let chat = serde_json::json!({"model": MODEL, "messages": [{"role": "user", "content": "one two"}]});
    let counted = post("/v1/messages/count_tokens", chat).await;
    assert_eq!(counted.status, 200, "{}", counted.body);
    assert!(
        counted.json()["input_tokens"].as_u64().unwrap() > 1,
        "{}",
        counted.body
    );
    let other = serde_json::json!({"model": "other", "prompt": "one"});
    assert_eq!(post("/tokenize", other).await.status, 404);
    let vectors = serde_json::json!({"model": MODEL, "input": "one"});
    let refused = post("/v1/embeddings", vectors).await;
    let error = &refused.json()["error"];
    assert_eq!(
        (refused.status.as_u16(), &error["param"], &error["code"]),
        (400, &"model".into(), &"unsupported_model".into())
    );
    let unknown = serde_json::json!({"model": "other", "input": "one"});
    let refused = post("/v1/embeddings", unknown).await;
    let seen = (refused.status.as_u16(), refused.code());
    assert_eq!(seen, (404, "model_not_found".into()));
    let refused = post("/v1/embeddings", serde_json::json!({"model": MODEL})).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]["param"]),
        (400, &"input".into())
    );
    let twice = format!("{{\"model\": \"{MODEL}\", \"prompt\": \"one\", \"model\": \"other\"}}");
    for path in ["/tokenize", "/detokenize"] {
        let url = format!("{}{path}", router.url);
        let refused = send_with("POST", url, twice.clone(), &[]).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["error"]["param"]),
            (400, &"model".into())
        );
    }
    assert_eq!(
        (router.budget().spent, router.budget().held),
        (Amount(0), Amount(0))
    );
    no_complaints(&world);
    world.hosts[1].behave(Refuses);
    let plain = serde_json::json!({"model": MODEL, "prompt": "one two three"});
    assert_eq!(post("/tokenize", plain).await.status, 429);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_one_piece_carries_its_receipt_in_a_header() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    let reply = complete(&router.url, 10, false).await;
    assert_eq!(reply.json()["usage"]["completion_tokens"], 10);
    assert!(reply.receipt().is_some());
    until("the receipt settles", || router.budget().spent == Amount(38)).await;
    no_complaints(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_stream_is_topped_up_before_it_has_to_pause() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    let reply = complete(&router.url, 2_000, true).await;
    assert_eq!(reply.tokens(), 2_000);
    let (top_ups, first) = world.hosts[0].with(|book| (book.top_ups, book.vouchers[&(1, 1)].voucher.ceiling));
    assert!(top_ups >= 5, "{top_ups}");
    // The ceiling was known from the first voucher on: (29 bytes of prompt and special tokens + 2 * 2000) * 1.5
    assert_eq!(first, Amount(42 + 6_000));
    no_complaints(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_that_gets_no_answer_is_sent_again_before_the_host_gives_up() {
    let world = World::new(&[MissesTopUp]).await;
    let router = world.router().await;
    // Without further blocks its voucher stays recent.
    world.chain.with(|state| state.silent = true);
    let reply = complete(&router.url, 1_000, true).await;
    assert_eq!(reply.tokens(), 1_000);
    assert!(world.hosts[0].with(|book| book.pauses > 0 && book.top_ups > 0));
    no_complaints(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_share_a_session_and_every_host_agrees_with_every_voucher() {
    let world = World::new(&[Honest, Honest, Honest]).await;
    let router = world.router_with(Duration::from_secs(20)).await;
    let mut asked = Vec::new();
    for index in 0..60_u32 {
        let url = router.url.clone();
        asked.push(tokio::spawn(async move {
            complete(&url, 5 + index * 7, index % 3 > 0).await
        }));
    }
    for reply in asked {
        let reply = reply.await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(reply.receipt().is_some(), "{}", reply.body);
    }
    until("everything is settled", || router.budget().held == Amount(0)).await;
    let captured: u128 = world
        .hosts
        .iter()
        .map(|host| host.with(|book| book.captured.values().map(|a| a.0).sum::<u128>()))
        .sum();
    assert_eq!(router.budget().spent, Amount(captured));
    // Nonces have no gaps, and each is where the public rule puts it.
    for nonce in 1..=60 {
        let order = rank(CHAIN_ID, 1, nonce, &Fixed([3; 32]), &[10, 10, 10]);
        let first = &world.hosts[order[0]];
        assert!(
            first.with(|book| book.vouchers.contains_key(&(1, nonce))),
            "nonce {nonce}"
        );
    }
    no_complaints(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_stays_out_of_the_journals_and_the_metrics() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    complete(&router.url, 10, true).await;
    until("the receipt settles", || router.budget().spent > Amount(0)).await;
    let metrics = get(&router.url, "/metrics").await.body;
    for name in [
        "sessions{",
        "budget_nqrn{",
        "receipts_total{verdict=\"good\"} 1",
        "prepare_seconds_count 1",
    ] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
    assert!(!metrics.contains("secret prompt"));
    let folder = world.folder.path();
    for what in [
        &b"secret prompt"[..],
        world.hosts[0].name.as_bytes(),
        b"authorised",
    ] {
        assert!(!bytes_in(folder).windows(what.len()).any(|bytes| bytes == what));
    }
    assert_eq!(
        get(&router.url, "/v1/models").await.json()["data"][0]["id"],
        MODEL
    );
    let one = get(&router.url, &format!("/v1/models/{MODEL}")).await;
    assert_eq!(one.json()["context_length"], 4_096);
    assert_eq!(get(&router.url, "/v1/models/other").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_model_is_listed_with_the_chains_prices_and_with_what_its_hosts_can_do() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    until("a host was asked", || router.gateway.view.shows_tools(MODEL)).await;
    let listed = get(&router.url, "/v1/models").await.json()["data"][0].clone();
    assert_eq!(listed["supported_features"][0], "tools");
    assert_eq!(listed["quantization"], "bf16");
    // What the chain knows counts, not what a host says of itself.
    assert_eq!(
        (&listed["context_length"], &listed["owned_by"]),
        (&4_096.into(), &"quern".into())
    );
    // 1.5 nqrn, and 0.4 dollars for a million; output costs twice as much.
    let (coin, dollars) = (&listed["chain_price"], &listed["pricing"]);
    assert_eq!(
        (&coin["prompt"], &coin["completion"]),
        (&"1.5".into(), &"3".into())
    );
    assert_eq!(coin["denom"], "nqrn");
    assert!(coin["height"].as_u64() > Some(100));
    assert_eq!(
        (&dollars["prompt"], &dollars["completion"], &dollars["request"]),
        (&"0.0000004".into(), &"0.0000008".into(), &"0".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_the_chain_does_not_know_stops_no_other_one() {
    let mut world = World::new(&[Honest]).await;
    world.models = vec!["unlaunched".into(), MODEL.into()];
    let router = world.router().await;
    assert_eq!(get(&router.url, "/health").await.status, 200);
    assert_eq!(complete(&router.url, 20, true).await.status, 200);
    let listed = get(&router.url, "/v1/models").await.json();
    let ids: Vec<_> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| &model["id"])
        .collect();
    assert_eq!(ids, [MODEL]);
    let tried = world.chain.with(|state| {
        let opened =
            |call: &&ExecuteMsg| matches!(call, ExecuteMsg::OpenSession { model, .. } if model != MODEL);
        state.calls.iter().filter(opened).count()
    });
    assert_eq!(tried, 0, "nothing is paid for a session that cannot be");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_no_session_can_be_opened_for_keeps_the_router_from_nothing() {
    for state in [ModelState::Proposed, ModelState::Retiring, ModelState::Retired] {
        let mut world = World::new(&[Honest]).await;
        world.models = vec!["other".into(), MODEL.into()];
        world
            .chain
            .with(|chain| chain.others.insert("other".into(), state));
        let router = world.router().await;
        assert_eq!(get(&router.url, "/health").await.status, 200, "{state:?}");
        assert_eq!(complete(&router.url, 10, true).await.status, 200);
        let opened = |world: &World| {
            let is_other = |call: &&ExecuteMsg| matches!(call, ExecuteMsg::OpenSession { model, .. } if model == "other");
            world
                .chain
                .with(|state| state.calls.iter().filter(is_other).count())
        };
        assert_eq!(opened(&world), 0, "{state:?}");
        // Where it opens, a session is needed.
        let opens = |chain: &mut chain::State| chain.others.insert("other".into(), ModelState::Canary);
        world.chain.with(opens);
        until("a session is opened", || opened(&world) == 1).await;
        until("both are served", || router.gateway.is_ready()).await;
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_host_has_one_vote_on_what_a_model_can_do_however_often_it_says_it() {
    let world = World::new(&[Stutters, Honest, Honest]).await;
    let router = world.router().await;
    let asked = |host: &Arc<TestHost>| host.with(|book| book.listed > 0);
    until("all were asked", || world.hosts.iter().all(asked)).await;
    // What the last one said may be on its way.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(router.gateway.view.shows_tools(MODEL));
    assert_eq!(router.gateway.view.precision(MODEL).as_deref(), Some("bf16"));
}
