//! What goes wrong: hosts, the chain, the money.

use super::client::{complete, get};
use super::host::Conduct::*;
use super::*;
use quern_interface::settlement::ExecuteMsg;

/// Asks until the request's first host in rank was the odd one out; returns that many replies.
async fn ask_some(router: &Router, count: usize, stream: bool) -> Vec<client::Reply> {
    let mut replies = Vec::new();
    for _ in 0..count {
        replies.push(complete(&router.url, 10, stream).await);
    }
    replies
}

/// What an answer of 10 tokens costs: 1.5 * (5 + 20), rounded up.
const PRICE: u128 = 38;

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_cannot_or_will_not_serve_costs_the_client_nothing_but_time() {
    for conduct in [Refuses, RefusesUnsigned, Hangs, DiesEarly, Floods, Rejects] {
        let world = World::new(&[conduct, Honest]).await;
        let router = world.router().await;
        for reply in ask_some(&router, 6, true).await {
            assert_eq!(
                (reply.status.as_u16(), reply.tokens()),
                (200, 10),
                "{conduct:?}: {}",
                reply.body
            );
        }
        let asked = world.hosts[0].with(|book| book.vouchers.len());
        assert!(asked > 0, "{conduct:?} was never asked");
        until("receipts settle", || router.budget().spent == Amount(6 * PRICE)).await;
        let held = router.budget().held;
        if conduct == Refuses {
            assert_eq!(held, Amount(0), "a signed refusal gives the slice back");
        } else {
            // Nobody signed that nothing was served, so the slices stay held until they lapse.
            assert!(held > Amount(0), "{conduct:?}");
            world.chain.advance(chain::LAPSE + 5);
            until("slices lapse", || router.budget().held == Amount(0)).await;
            assert_eq!(router.budget().spent, Amount(6 * PRICE));
        }
        let retried = get(&router.url, "/metrics").await.body;
        assert!(!retried.contains("retries_total 0"), "{conduct:?}");
        // What floods is left at once, before what it sends fills the memory until its time is over.
        let waited = retried.contains("unanswered_total{host");
        assert_eq!(waited, conduct == Hangs, "{conduct:?}");
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_thinks_before_it_answers_is_waited_for_and_paid_alone() {
    for conduct in [Thinks, HidesThoughts] {
        let world = World::new(&[conduct, conduct]).await;
        let router = world.router().await;
        let reply = complete(&router.url, 10, true).await;
        assert_eq!((reply.status.as_u16(), reply.tokens()), (200, 10), "{conduct:?}");
        let thoughts = reply.body.matches("reasoning_content").count();
        assert_eq!(thoughts, if conduct == Thinks { 100 } else { 0 });
        let asked = world.hosts.iter();
        let asked = asked.map(|host| host.with(|book| book.vouchers.len()));
        assert_eq!(asked.sum::<usize>(), 1, "{conduct:?}");
        until("the receipt settles", || router.budget().spent == Amount(PRICE)).await;
        assert_eq!(router.budget().held, Amount(0));
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_its_own_words_end_is_the_clients_error_and_no_other_host_is_asked() {
    for stream in [true, false] {
        let world = World::new(&[Faults, Faults]).await;
        let router = world.router().await;
        let reply = complete(&router.url, 10, stream).await;
        assert_eq!(reply.status.as_u16(), 400, "{}", reply.body);
        let error = &reply.json()["error"];
        assert_eq!(
            (&error["type"], &error["param"]),
            (&"invalid_request_error".into(), &"guided_regex".into())
        );
        let asked = world.hosts.iter();
        let asked = asked.map(|host| host.with(|book| book.vouchers.len()));
        assert_eq!(asked.sum::<usize>(), 1);
        // It is named where it was billed.
        assert!(reply.receipt().is_some() && reply.headers.contains_key("x-request-id"));
        // Of three tokens: 1.5 * (5 + 6), rounded up. Nothing stays held.
        until("the receipt settles", || router.budget().spent == Amount(17)).await;
        assert_eq!(router.budget().held, Amount(0));
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_refusal_is_kept_with_its_voucher_and_silence_is_counted() {
    let world = World::new(&[Refuses, Honest]).await;
    let router = world.router().await;
    ask_some(&router, 6, true).await;
    let refused = world.hosts[0].with(|book| book.vouchers.clone());
    assert!(!refused.is_empty(), "the first host was never asked");
    until("receipts settle", || router.budget().spent == Amount(6 * PRICE)).await;
    let page = || async { get(&router.url, "/quern/receipts").await.json() };
    let mut told = page().await;
    for _ in 0..200 {
        if told["refusals"].as_array().unwrap().len() == refused.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        told = page().await;
    }
    let kept: Vec<crate::receipts::Refused> = serde_json::from_value(told["refusals"].clone()).unwrap();
    assert_eq!(kept.len(), refused.len());
    for refused_one in &kept {
        let refusal = &refused_one.refusal.refusal;
        assert_eq!(refusal.host, world.hosts[0].name);
        // Both words are there: that of who would have paid, and that of who would not serve.
        assert_eq!(refused_one.voucher, refused[&(refusal.session, refusal.nonce)]);
    }
    let metrics = get(&router.url, "/metrics").await.body;
    let line = format!(
        "refusals_total{{host=\"{}\",reason=\"busy\"}} {}",
        world.hosts[0].name,
        refused.len()
    );
    assert!(metrics.contains(&line), "{metrics}");
    router.stop().await;
    // They outlive the process, and a host that only hangs leaves a count, as nobody signed anything.
    world.hosts[0].behave(Hangs);
    let router = world.router().await;
    ask_some(&router, 6, true).await;
    let told = get(&router.url, "/quern/receipts").await.json();
    assert_eq!(told["refusals"].as_array().unwrap().len(), refused.len());
    let metrics = get(&router.url, "/metrics").await.body;
    assert!(
        metrics.contains(&format!("unanswered_total{{host=\"{}\"}}", world.hosts[0].name)),
        "{metrics}"
    );
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_receipt_is_evidence_and_ends_the_hosts_business_here() {
    for conduct in [Overcharges, WrongSeed, WrongRequest, WrongKey, WrongUsage] {
        for stream in [true, false] {
            let world = World::new(&[conduct, Honest]).await;
            let router = world.router().await;
            let replies = ask_some(&router, 8, stream).await;
            // Clients still get their answers.
            assert!(replies.iter().all(|reply| reply.status == 200), "{conduct:?}");
            let served = world.hosts[0].with(|book| book.receipts.len());
            assert_eq!(served, 1, "{conduct:?}: no voucher after the first wrong receipt");
            let barred = router.gateway.books.with(|ledger| ledger.barred.clone());
            assert_eq!(barred.len(), 1);
            let wrong = world.hosts[0].with(|book| book.receipts.values().next().cloned().unwrap());
            let id = wrong.receipt.digest(chain::CHAIN_ID).to_string();
            until("evidence is kept", || router.gateway.receipts.find(&id).is_some()).await;
            assert!(router.gateway.receipts.find(&id).unwrap().fault.is_some());
            // The wrong one is not charged; its slice is held until it lapses.
            until("the others settle", || router.budget().spent == Amount(7 * PRICE)).await;
            assert!(router.budget().held > Amount(0));
            router.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_after_its_first_token_is_not_tried_again_and_is_paid_as_far_as_it_came() {
    let world = World::new(&[DiesMidStream]).await;
    let router = world.router().await;
    let reply = complete(&router.url, 10, true).await;
    assert_eq!((reply.status.as_u16(), reply.tokens()), (200, 3));
    assert!(reply.body.contains("broke off"), "{}", reply.body);
    // The receipt is asked for afterwards: 1.5 * (5 + 2 * 3) = 16.5
    until("the receipt is fetched", || router.budget().spent == Amount(17)).await;
    assert_eq!(router.budget().held, Amount(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_vanishes_with_a_stream_holds_authority_for_one_slice_beyond_what_was_seen() {
    let world = World::new(&[DiesMidStream]).await;
    let router = world.router().await;
    let reply = complete(&router.url, 4_000, true).await;
    assert_eq!((reply.status.as_u16(), reply.tokens()), (200, 3));
    // Whatever it says it served, it is paid by the highest cap that it holds.
    let voucher = world.hosts[0].with(|book| book.vouchers[&(1, 1)].voucher.clone());
    let package = chain::package();
    let slice = quern_inference_api::paid::SLICE_TOKENS;
    let bound = quern_protocol::Usage {
        // No more tokens than the request's body has bytes.
        prompt: 200,
        cached: 0,
        completion: 3 + slice,
    };
    let price = world.chain.with(|state| state.price);
    let most = quern_protocol::cost(price, &package.coefficients, &bound).unwrap();
    assert!(
        voucher.cap <= most && voucher.cap < voucher.ceiling,
        "{voucher:?}, {most}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_is_told_before_anything_is_signed() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    let good = serde_json::json!({"model": MODEL, "prompt": "x", "max_tokens": 5});
    let with = |field: &str, value: serde_json::Value| {
        let mut body = good.clone();
        body[field] = value;
        body.to_string()
    };
    let cases = [
        (with("model", "other".into()), 404, "model_not_found"),
        (with("temperature", 99.into()), 400, "temperature"),
        (with("max_tokens", (-1).into()), 400, "max_tokens"),
        (with("prompt", serde_json::json!({"a": 1})), 400, "prompt"),
        ("{\"model\": ".to_owned(), 400, "JSON"),
        (String::new(), 400, "body"),
    ];
    for (body, status, word) in cases {
        let reply = client::send("POST", format!("{}/v1/completions", router.url), body.clone()).await;
        assert_eq!(reply.status.as_u16(), status, "{body}: {}", reply.body);
        assert!(reply.body.contains(word), "{body}: {}", reply.body);
    }
    assert_eq!(world.hosts[0].with(|book| book.vouchers.len()), 0);
    assert_eq!(
        (router.budget().spent, router.budget().held),
        (Amount(0), Amount(0))
    );
    assert_eq!(complete(&router.url, 5, true).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_receipt_is_fetched_and_a_withheld_one_is_never_charged() {
    for stream in [true, false] {
        let world = World::new(&[ForgetsReceipt]).await;
        let router = world.router().await;
        assert_eq!(complete(&router.url, 10, stream).await.status, 200);
        until("the receipt is fetched", || {
            router.budget().spent == Amount(PRICE)
        })
        .await;
        router.stop().await;
        let world = World::new(&[WithholdsReceipt]).await;
        let router = world.router().await;
        assert_eq!(complete(&router.url, 10, stream).await.status, 200);
        until("the slice is held", || router.budget().held > Amount(0)).await;
        world.chain.advance(chain::LAPSE + 5);
        until("it lapses", || router.budget().held == Amount(0)).await;
        assert_eq!(router.budget().spent, Amount(0));
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_host_holds_up_no_receipts_of_others() {
    let world = World::new(&[WithholdsReceipt, ForgetsReceipt]).await;
    let router = world.router().await;
    // Without further blocks nothing lapses.
    world.chain.with(|state| state.silent = true);
    let taken = |host: usize| world.hosts[host].with(|book| book.vouchers.len());
    while taken(0) < 12 || taken(1) == 0 {
        assert_eq!(complete(&router.url, 10, true).await.status, 200);
    }
    world.hosts[0].behave(Dead);
    for _ in 0..3 {
        assert_eq!(complete(&router.url, 10, true).await.status, 200);
    }
    // Asking the first one about its requests one after the other would take longer than anybody waits here.
    let all = Amount(PRICE * taken(1) as u128);
    until("the other's receipts are fetched", || {
        router.budget().spent == all
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_more_requests_without_receipts_than_a_round_asks_for_is_asked_about_all() {
    let world = World::new(&[WithholdsReceipt]).await;
    let router = world.router().await;
    world.chain.with(|state| state.silent = true);
    for _ in 0..70 {
        assert_eq!(complete(&router.url, 10, true).await.status, 200);
    }
    // Of the later ones it has receipts.
    world.hosts[0].behave(ForgetsReceipt);
    for _ in 0..2 {
        assert_eq!(complete(&router.url, 10, true).await.status, 200);
    }
    until("the later ones are fetched", || {
        router.budget().spent == Amount(2 * PRICE)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_pays_for_what_was_made() {
    use http_body_util::{BodyExt, Full};
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    let body =
        serde_json::json!({"model": MODEL, "prompt": "x", "max_tokens": 4_000, "stream": true}).to_string();
    let request = http::Request::post(format!("{}/v1/completions", router.url))
        .body(Full::new(bytes::Bytes::from(body)))
        .unwrap();
    let mut answer = client::http().request(request).await.unwrap();
    answer.body_mut().frame().await.unwrap().unwrap();
    drop(answer);
    until("the host stops", || {
        world.hosts[0].with(|book| !book.receipts.is_empty())
    })
    .await;
    let capture = world.hosts[0].with(|book| book.receipts.values().next().unwrap().receipt.capture);
    assert!(capture < Amount(12_000));
    until("the receipt is fetched", || router.budget().spent == capture).await;
    assert_eq!(router.budget().held, Amount(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_over_its_budget_gets_openais_quota_error_and_no_voucher() {
    let mut world = World::new(&[Honest]).await;
    world.budget = 200;
    let router = world.router().await;
    assert_eq!(complete(&router.url, 10, true).await.status, 200);
    until("the receipt settles", || router.budget().spent == Amount(PRICE)).await;
    let reply = complete(&router.url, 100, true).await;
    assert_eq!(
        (reply.status.as_u16(), reply.code().as_str()),
        (429, "insufficient_quota")
    );
    assert_eq!(reply.json()["error"]["type"], "insufficient_quota");
    assert_eq!(world.hosts[0].with(|book| book.vouchers.len()), 1);
    // A smaller one still fits.
    assert_eq!(complete(&router.url, 10, true).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_above_the_maximum_is_told_and_nothing_is_signed() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    world.chain.with(|state| state.price = "5.25".parse().unwrap());
    world.chain.advance(1);
    let higher = || {
        router
            .gateway
            .view
            .tip(MODEL)
            .is_some_and(|tip| tip.price > Price::from_atomics(5 * Price::UNIT))
    };
    until("the price is seen", higher).await;
    let reply = complete(&router.url, 10, true).await;
    assert_eq!(
        (reply.status.as_u16(), reply.code().as_str()),
        (402, "price_above_maximum")
    );
    assert!(reply.body.contains("5.25"), "{}", reply.body);
    assert_eq!(world.hosts[0].with(|book| book.vouchers.len()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_price_is_above_the_maximum_no_session_is_paid_for_and_clients_hear_why() {
    let world = World::new(&[Honest]).await;
    world.chain.with(|state| state.price = "5.25".parse().unwrap());
    let router = world.start(Duration::from_millis(700)).await;
    until("the price is seen", || router.gateway.view.tip(MODEL).is_some()).await;
    router.gateway.wake.notify_waiters();
    let reply = complete(&router.url, 10, true).await;
    assert_eq!(
        (reply.status.as_u16(), reply.code().as_str()),
        (402, "price_above_maximum")
    );
    assert!(reply.body.contains("5.25"), "{}", reply.body);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(
        world.chain.with(|state| state.calls.is_empty()),
        "nothing was sent"
    );
    // it opens by itself when the price has come down
    world.chain.with(|state| state.price = "1.5".parse().unwrap());
    until("a session is open", || router.gateway.is_ready()).await;
    assert_eq!(complete(&router.url, 10, true).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_runs_low_is_renewed_while_requests_go_on_and_the_old_one_is_closed() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    // 3,000,000 a session; each of these costs about 12,000.
    for _ in 0..200 {
        let reply = complete(&router.url, 4_000, false).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    router.gateway.wake.notify_waiters();
    until("a new session is opened", || {
        world.chain.with(|state| state.sessions.len()) >= 2
    })
    .await;
    until("the old session is closed", || {
        let closing = quern_interface::settlement::SessionStatus::Closing;
        world.chain.with(|state| state.sessions[0].status == closing)
    })
    .await;
    assert_eq!(complete(&router.url, 10, true).await.status, 200);
    world.hosts[0].with(|book| {
        assert!(book.complaints.is_empty(), "{:?}", book.complaints);
        assert!(book.caps[&1] <= Amount(3_000_000));
        assert!(book.caps.contains_key(&2));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_no_limit_covers_are_refused_with_words() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    // One host holds the whole escrow of 3,000,000; the committee's limit shrinks on chain.
    world
        .chain
        .with(|state| state.sessions[0].committee[0].limit = Amount(50));
    world.chain.advance(1);
    until("the limit is seen", || {
        router
            .gateway
            .books
            .with(|ledger| ledger.sessions[&1].hosts[0].limit == Amount(50))
    })
    .await;
    let reply = complete(&router.url, 100, true).await;
    assert_eq!(reply.status, 503);
    assert!(reply.body.contains("room"), "{}", reply.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_a_host_that_is_gone_is_moved_and_that_of_one_that_only_hangs_is_not() {
    let world = World::new(&[Honest, Hangs]).await;
    // The third host leaves the committee's other two with less than half of the money.
    world.chain.with(|state| {
        let mut gone = state.hosts[0].clone();
        gone.host = "quern1gone".into();
        gone.endpoint = "https://127.0.0.1:1".into();
        let another = quern_interface::registry::HostInfo {
            host: "quern1gone2".into(),
            ..gone.clone()
        };
        state.hosts.extend([gone, another]);
    });
    let router = world.router().await;
    for _ in 0..12 {
        complete(&router.url, 10, true).await;
    }
    let moved = || {
        let moves = world.chain.with(|state| state.calls.clone());
        let from = moves.into_iter().filter_map(|call| match call {
            ExecuteMsg::Rebalance { from, .. } => Some(from),
            _ => None,
        });
        from.collect::<Vec<_>>()
    };
    until("limits are moved", || moved().len() >= 2).await;
    let mut moved = moved();
    moved.sort();
    assert_eq!(moved, ["quern1gone", "quern1gone2"]);
    assert_eq!(complete(&router.url, 10, true).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_change_their_ways_and_are_asked_again() {
    let world = World::new(&[Hangs]).await;
    let router = world.router().await;
    let reply = complete(&router.url, 10, true).await;
    assert_eq!(reply.status, 503);
    assert!(reply.headers.contains_key("retry-after"));
    world.hosts[0].behave(Honest);
    assert_eq!(complete(&router.url, 10, true).await.status, 200);
    world.hosts[0].with(|book| assert!(book.complaints.is_empty(), "{:?}", book.complaints));
}

/// The calls of one kind that the chain saw.
fn calls<T>(world: &World, kind: impl Fn(ExecuteMsg) -> Option<T>) -> Vec<T> {
    let calls = world.chain.with(|state| state.calls.clone());
    calls.into_iter().filter_map(kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_runs_short_gets_part_of_another_ones_limit_by_its_signature() {
    let world = World::new(&[Honest, Honest]).await;
    let router = world.router().await;
    // Of 1,500,000 each, the second has nearly nothing left.
    world
        .chain
        .with(|state| state.sessions[0].committee[1].limit = Amount(1_000));
    world.chain.advance(1);
    let released = || {
        calls(&world, |call| match call {
            ExecuteMsg::PresentRelease { release, signature } => Some((release, signature)),
            _ => None,
        })
    };
    until("a release is presented", || !released().is_empty()).await;
    let (release, signature) = released().remove(0);
    assert_eq!(
        (release.from.as_str(), release.to.as_str()),
        (world.hosts[0].name.as_str(), world.hosts[1].name.as_str())
    );
    assert_eq!(release.cumulative, Amount(749_500));
    let key = world.chain.with(|state| state.hosts[0].warm_key.key);
    assert!(quern_chain_client::verify(
        &key.0,
        &release.digest(chain::CHAIN_ID).0,
        &signature.0
    ));
    let limit = |router: &Router| {
        router
            .gateway
            .books
            .with(|ledger| ledger.sessions[&1].hosts[1].limit)
    };
    until("the limit is seen", || limit(&router) == Amount(750_500)).await;
    assert_eq!(released().len(), 1, "once is enough");
    for _ in 0..6 {
        assert_eq!(complete(&router.url, 2_000, false).await.status, 200);
    }
    for host in &world.hosts {
        host.with(|book| assert!(book.complaints.is_empty(), "{:?}", book.complaints));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_failed_with_another_model_is_asked_for_a_release_all_the_same() {
    let world = World::new(&[Honest, Honest]).await;
    let router = world.router().await;
    router.gateway.downs.failed(&world.hosts[0].name, "another model");
    world
        .chain
        .with(|state| state.sessions[0].committee[1].limit = Amount(1_000));
    world.chain.advance(1);
    until("a release is presented", || {
        !calls(&world, |call| {
            matches!(call, ExecuteMsg::PresentRelease { .. }).then_some(())
        })
        .is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_receipt_that_was_committed_is_proven_on_chain_once() {
    for (conduct, kind) in [(Overcharges, "bad_price"), (WrongSeed, "bad_seed")] {
        let world = World::new(&[conduct, Honest]).await;
        let router = world.router().await;
        ask_some(&router, 8, true).await;
        let proven = || {
            calls(&world, |call| match call {
                ExecuteMsg::ProveFault { host, fault } => Some((host, serde_json::to_value(fault).unwrap())),
                _ => None,
            })
        };
        until("the fault is proven", || !proven().is_empty()).await;
        let (host, fault) = proven().remove(0);
        assert_eq!(host, world.hosts[0].name);
        assert!(fault.get(kind).is_some(), "{fault}");
        // What the barred host had left serves the others.
        let released = || {
            calls(&world, |call| match call {
                ExecuteMsg::PresentRelease { release, .. } => Some(release),
                _ => None,
            })
        };
        until("its limit is released", || !released().is_empty()).await;
        assert_eq!(released()[0].from, world.hosts[0].name);
        router.gateway.wake.notify_waiters();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(proven().len(), 1);
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_audits_can_judge_is_not_brought_before_the_chain() {
    let world = World::new(&[WrongUsage, Honest]).await;
    let router = world.router().await;
    ask_some(&router, 8, true).await;
    let barred = || router.gateway.books.with(|ledger| !ledger.barred.is_empty());
    until("the host is barred", barred).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let proofs = calls(&world, |call| {
        matches!(call, ExecuteMsg::ProveFault { .. }).then_some(())
    });
    assert!(proofs.is_empty());
}
