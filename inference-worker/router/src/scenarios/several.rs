//! Several answers to one request, some of which find no room or no money: what is paid for is shown.

use super::client::{Reply, send_with};
use super::conduct::Odd;
use super::host::Conduct::*;
use super::job::SLOW;
use super::*;
use serde_json::json;

/// Longer than a host takes, however busy the machine is.
const PATIENT: Duration = Duration::from_secs(20);

async fn ask(router: &Router, n: usize, stream: bool) -> Reply {
    let body = json!({"model": MODEL, "prompt": "one", "n": n, "max_tokens": 4, "stream": stream});
    let url = format!("{}/v1/completions", router.url);
    send_with("POST", url, body.to_string(), &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_finds_no_room_beside_others_waits_for_it_and_nothing_is_paid_for_unseen() {
    let mut world = World::new(&[RefusesTwice]).await;
    world.whole = PATIENT;
    let router = world.router().await;
    let reply = ask(&router, 4, false).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.json()["choices"].as_array().unwrap().len(), 4);
    assert_eq!(reply.headers.get_all("quern-receipt").iter().count(), 4);
    // Four times 1.5 * (5 + 2 * 4), rounded up.
    until("the receipts settle", || router.budget().spent == Amount(80)).await;
    assert_eq!(router.budget().held, Amount(0));
    router.stop().await;
    // Where none finds any, the client hears it at once.
    for (conduct, held) in [(Refuses, false), (RefusesUnsigned, true)] {
        let mut world = World::new(&[conduct]).await;
        world.whole = PATIENT;
        let router = world.router().await;
        let began = Instant::now();
        let reply = ask(&router, 2, false).await;
        assert_eq!(reply.status, 429, "{}", reply.body);
        let elapsed = began.elapsed();
        assert!(elapsed < PATIENT / 2, "{conduct:?}");
        assert_eq!(router.budget().spent, Amount(0));
        // One that signs nothing is not tried again and again: each voucher holds what it is worth.
        match held {
            true => assert!(router.budget().held > Amount(0)),
            false => until("nothing is held", || router.budget().held == Amount(0)).await,
        }
        let asked = world.hosts[0].with(|book| book.vouchers.len());
        // One by the clock for each half of the first pause for which the other one was held up.
        let late = if held { 0 } else { elapsed.as_millis() / 500 };
        assert!(asked as u128 <= 2 + late, "{asked}");
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_the_budget_does_not_cover_together_are_refused_before_any_is_paid_for() {
    for stream in [false, true] {
        let mut world = World::new(&[Honest]).await;
        // For two or three of them.
        world.budget = 100;
        let router = world.router().await;
        let reply = ask(&router, 4, stream).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (429, "insufficient_quota"),
            "{}",
            reply.body
        );
        world.hosts[0].with(|book| assert!(book.vouchers.is_empty()));
        assert_eq!(ask(&router, 2, stream).await.status, 200);
        until("two are paid", || router.budget().spent == Amount(40)).await;
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_wait_for_the_places_of_those_that_run_and_the_host_is_asked_seldom() {
    let mut world = World::new(&[TwoPlaces]).await;
    world.whole = SLOW * 3;
    let router = world.router().await;
    let began = Instant::now();
    let reply = ask(&router, 8, false).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.json()["choices"].as_array().unwrap().len(), 8);
    // More than what the gateway waits for one of them.
    assert!(began.elapsed() > SLOW * 4 && began.elapsed() > router.gateway.whole);
    // Eight at first, one for each that ended, one for each that found a place, and a few by the clock.
    let clock = 6 + began.elapsed().saturating_sub(SLOW * 4).as_millis() / 500;
    world.hosts[0].with(|book| {
        assert!(
            book.vouchers.len() as u128 <= 8 + 8 + 8 + clock,
            "{}",
            book.vouchers.len()
        );
        assert!(book.complaints.is_empty(), "{:?}", book.complaints);
    });
    // Only the first try of each shows what paying adds to the time to its first token.
    assert_eq!(router.gateway.metrics.prepare.get_sample_count(), 8);
    until("the receipts settle", || router.budget().spent == Amount(160)).await;
    assert_eq!(router.budget().held, Amount(0));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_ask_meanwhile_takes_nothing_of_the_budget_of_answers_that_wait() {
    let mut world = World::new(&[TwoPlaces]).await;
    world.whole = PATIENT;
    // Each may cost 29: for five.
    world.budget = 145;
    let router = world.router().await;
    let first = ask(&router, 4, false);
    let others = async {
        until("two are under way", || {
            world.hosts[0].with(|book| book.taken == 2 && book.vouchers.len() >= 4)
        })
        .await;
        for (n, stream) in [(2, false), (2, true)] {
            let reply = ask(&router, n, stream).await;
            let seen = (reply.status.as_u16(), reply.code());
            assert_eq!(seen, (429, "insufficient_quota".into()), "{}", reply.body);
        }
    };
    let (reply, ()) = tokio::join!(first, others);
    assert_eq!(reply.status, 200, "{}", reply.body);
    until("four are paid", || router.budget().spent == Amount(80)).await;
    // What was kept is given back, also of those that left.
    world.hosts[0].behave(Honest);
    assert_eq!(ask(&router, 1, false).await.status, 200);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_rises_midway_is_waited_out_and_throws_nothing_away() {
    let mut world = World::new(&[TwoPlaces]).await;
    world.whole = PATIENT;
    let router = world.router().await;
    let tip = |price: &str| {
        let price: Price = price.parse().unwrap();
        router
            .gateway
            .view
            .tip(MODEL)
            .is_some_and(|tip| tip.price == price)
    };
    let set = |price: &str| {
        world.chain.advance(1);
        world.chain.with(|state| state.price = price.parse().unwrap());
    };
    let first = ask(&router, 4, false);
    let prices = async {
        until("two are under way", || {
            world.hosts[0].with(|book| book.captured.values().any(|captured| *captured == Amount(40)))
        })
        .await;
        // Above what the session pays at the most.
        set("9");
        until("the router knows", || tip("9")).await;
        tokio::time::sleep(SLOW * 2).await;
        set("1.5");
    };
    let (reply, ()) = tokio::join!(first, prices);
    assert_eq!(reply.status, 200, "{}", reply.body);
    until("four are paid", || router.budget().spent == Amount(80)).await;
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_gone_or_fails_keeps_no_answer_from_waiting_for_the_places_of_another_one() {
    for gone in [true, false] {
        let mut world = World::new(&[TwoPlaces, Rejects]).await;
        world.whole = PATIENT;
        if gone {
            let closed = "https://127.0.0.1:1".to_owned();
            world.chain.with(|state| state.hosts[1].endpoint = closed);
        }
        let router = world.router().await;
        let reply = ask(&router, 6, false).await;
        assert_eq!(reply.status, 200, "gone: {gone}: {}", reply.body);
        assert_eq!(reply.json()["choices"].as_array().unwrap().len(), 6);
        until("six are paid", || router.budget().spent == Amount(120)).await;
        // No answer leaves a second voucher there.
        let held = router.budget().held;
        assert!(held <= Amount(6 * 29), "gone: {gone}: {held}");
        world.hosts[1].with(|book| assert!(book.vouchers.len() <= 6));
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_failed_a_moment_ago_gets_no_voucher_while_another_one_is_only_busy() {
    let mut world = World::new(&[TwoPlaces, Rejects]).await;
    world.whole = PATIENT;
    let router = world.router().await;
    let fails = async {
        loop {
            router.gateway.downs.failed(&world.hosts[1].name, MODEL);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let reply = tokio::select! {
        biased;
        () = fails => unreachable!(),
        reply = ask(&router, 4, false) => reply,
    };
    assert_eq!(reply.status, 200, "{}", reply.body);
    world.hosts[1].with(|book| assert!(book.vouchers.is_empty()));
    until("four are paid", || router.budget().spent == Amount(80)).await;
    assert_eq!(router.budget().held, Amount(0));
    router.stop().await;
}

/// Texts of the choices of a stream, and the ids of its receipts.
fn read(reply: &Reply, n: usize) -> (Vec<usize>, Vec<String>) {
    let own = |index: usize| {
        let own = format!("\"text\":\"t \",\"index\":{index},");
        reply.body.matches(&own).count()
    };
    let lines = reply.body.lines();
    let receipts = lines.filter_map(|line| line.strip_prefix(": quern-receipt "));
    ((0..n).map(own).collect(), receipts.map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_find_no_place_join_the_others_as_places_come_free() {
    let mut world = World::new(&[TwoPlaces]).await;
    world.whole = PATIENT;
    let router = world.router_with(PATIENT).await;
    let reply = ask(&router, 6, true).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let (texts, receipts) = read(&reply, 6);
    assert_eq!(texts, [4; 6], "{}", reply.body);
    assert_eq!(receipts.len(), 6);
    assert_eq!(reply.body.matches("[DONE]").count(), 1);
    assert!(!reply.body.contains("error"), "{}", reply.body);
    // It is the request of an answer that had begun.
    let id = reply.headers["x-request-id"].to_str().unwrap();
    assert!(router.gateway.receipts.find(id).is_some());
    until("the receipts settle", || router.budget().spent == Amount(120)).await;
    assert_eq!(router.budget().held, Amount(0));
    world.hosts[0].with(|book| assert!(book.complaints.is_empty(), "{:?}", book.complaints));
    router.stop().await;
    // Where none finds a place, the client hears it at once.
    for conduct in [Refuses, RefusesUnsigned] {
        let mut world = World::new(&[conduct]).await;
        world.whole = PATIENT;
        let router = world.router().await;
        let began = Instant::now();
        let reply = ask(&router, 2, true).await;
        assert_eq!(reply.status, 429, "{}", reply.body);
        assert!(reply.headers.contains_key("retry-after"));
        assert!(began.elapsed() < PATIENT / 2, "{conduct:?}");
        assert_eq!(router.budget().spent, Amount(0));
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_waits_in_vain_ends_the_others_with_an_error_that_names_them() {
    let mut world = World::new(&[TwoPlaces]).await;
    world.whole = PATIENT;
    let router = world.router_with(PATIENT).await;
    let fails = async {
        until("two are under way", || {
            world.hosts[0].with(|book| book.taken == 2 && book.vouchers.len() >= 3)
        })
        .await;
        // The third hears that there is no place.
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.hosts[0].behave(Rejects);
    };
    let (reply, ()) = tokio::join!(ask(&router, 3, true), fails);
    assert_eq!(reply.status, 200, "{}", reply.body);
    let error = reply
        .body
        .lines()
        .find(|line| line.contains("\"error\""))
        .unwrap();
    assert!(error.contains("2 had begun"), "{error}");
    assert!(!reply.body.contains("[DONE]"), "{}", reply.body);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_streams_that_wait() {
    let mut world = World::new(&[TwoPlaces]).await;
    world.whole = PATIENT;
    let router = world.router_with(PATIENT).await;
    let gateway = router.gateway.clone();
    let url = format!("{}/v1/completions", router.url);
    let body = json!({"model": MODEL, "prompt": "one", "n": 8, "max_tokens": 4, "stream": true});
    let client = tokio::spawn(async move { send_with("POST", url, body.to_string(), &[]).await });
    until("two are under way", || {
        world.hosts[0].with(|book| book.taken == 2)
    })
    .await;
    client.abort();
    let kept = || gateway.books.with(|ledger| ledger.kept("ann"));
    until("nothing is kept for any", || kept() == Amount(0)).await;
    until("their places are free", || {
        world.hosts[0].with(|book| book.taken == 0)
    })
    .await;
    let asked = world.hosts[0].with(|book| book.vouchers.len());
    tokio::time::sleep(SLOW * 2).await;
    assert_eq!(world.hosts[0].with(|book| book.vouchers.len()), asked);
    drop(gateway);
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_one_answer_says_what_the_others_cost() {
    for stream in [false, true] {
        let world = World::new(&[FaultsFourth]).await;
        let router = world.router_with(PATIENT).await;
        let reply = ask(&router, 4, stream).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        let error = &reply.json()["error"];
        assert_eq!(error["param"], "guided_regex");
        let words = error["message"].as_str().unwrap();
        // Three at 20, and three tokens of the fourth.
        until("all is paid", || router.budget().spent == Amount(77)).await;
        let listed = client::get(&router.url, "/quern/receipts").await.json();
        let receipts = listed["receipts"].as_array().unwrap();
        assert_eq!(receipts.len(), 4);
        let whole = receipts
            .iter()
            .filter(|kept| kept["signed"]["receipt"]["capture"] == "20");
        for kept in whole {
            let place = &kept["place"];
            let request = format!("{}-{}", place["session"], place["nonce"]);
            let id = if stream {
                request.as_str()
            } else {
                kept["id"].as_str().unwrap()
            };
            assert!(words.contains(id), "{words}");
        }
        let named = reply.headers.get_all("quern-receipt").iter().count();
        // That of the error's own is among them.
        assert_eq!(named, if stream { 1 } else { 4 }, "{words}");
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_an_unreached_hosts_voucher_holds_is_not_called_used_up() {
    use super::client::complete;
    let mut tied = 0;
    for gone in 0..2 {
        let mut world = World::new(&[Honest, Honest]).await;
        // One answer of ten tokens to a prompt of 20 bytes: 1.5 * (28 + 2 * 10).
        world.budget = 72;
        let closed = "https://127.0.0.1:1".to_owned();
        world.chain.with(|state| state.hosts[gone].endpoint = closed);
        let router = world.router().await;
        let reply = complete(&router.url, 10, false).await;
        if reply.status != 200 {
            tied += 1;
            assert_eq!(
                (reply.status.as_u16(), reply.code().as_str()),
                (503, "unavailable"),
                "{}",
                reply.body
            );
            assert!(reply.body.contains("holds what is left"), "{}", reply.body);
            assert!(reply.headers.contains_key("retry-after"));
            world.chain.advance(chain::LAPSE + 5);
            until("it has lapsed", || router.budget().held == Amount(0)).await;
            // Whom nobody reached is asked last now.
            assert_eq!(complete(&router.url, 10, false).await.status, 200);
        }
        router.stop().await;
    }
    assert_eq!(tied, 1, "one of them is first in rank");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_paid_for_come_with_the_error_of_the_one_that_failed() {
    let world = World::new(&[FaultsSecond]).await;
    let router = world.router().await;
    let reply = ask(&router, 4, false).await;
    assert_eq!(reply.status, 400, "{}", reply.body);
    let error = &reply.json()["error"];
    assert_eq!(error["param"], "guided_regex");
    let choices = error["metadata"]["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 3, "{}", reply.body);
    assert!(choices.iter().all(|choice| choice["text"] == "t t t t "));
    let indices: std::collections::BTreeSet<_> = choices.iter().map(|one| one["index"].as_u64()).collect();
    assert_eq!(indices.len(), 3);
    assert_eq!(error["metadata"]["usage"]["completion_tokens"], 12);
    assert!(error["message"].as_str().unwrap().contains("metadata.choices"));
    // Those of the answers, and that of the error itself.
    assert_eq!(reply.headers.get_all("quern-receipt").iter().count(), 4);
    until("all is paid", || router.budget().spent == Amount(77)).await;
    assert_eq!(router.budget().held, Amount(0));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_one_answer_fails_those_that_are_paid_for_come_with_it_and_are_not_bought_again() {
    for (odd, status, receipts) in [
        (Odd::Busy, 429, 3),
        (Odd::Fails, 503, 3),
        (Odd::Garbage, 503, 4),
        (Odd::Wordless, 400, 3),
        (Odd::Forges, 400, 3),
    ] {
        let world = World::new(&[Second(odd)]).await;
        let router = world.router().await;
        let reply = ask(&router, 4, false).await;
        assert_eq!(reply.status, status, "{odd:?}: {}", reply.body);
        let error = &reply.json()["error"];
        let choices = error["metadata"]["choices"].as_array().unwrap();
        assert_eq!(choices.len(), 3, "{odd:?}: {}", reply.body);
        assert!(choices.iter().all(|choice| choice["text"] == "t t t t "));
        // By itself OpenAI's client would send the request again.
        assert_eq!(reply.headers["x-should-retry"], "false", "{odd:?}");
        assert!(!reply.headers.contains_key("retry-after"), "{odd:?}");
        let named: Vec<_> = reply.headers.get_all("quern-receipt").iter().collect();
        assert_eq!(named.len(), receipts, "{odd:?}");
        let words = error["message"].as_str().unwrap();
        assert!(
            named.iter().all(|id| words.contains(id.to_str().unwrap())),
            "{words}"
        );
        let paid = Amount(20 * receipts as u128);
        until("all is paid", || router.budget().spent == paid).await;
        router.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_that_failed_and_is_paid_for_is_named_and_what_a_host_forges_is_not_handed_on() {
    let world = World::new(&[Faults]).await;
    let router = world.router().await;
    let reply = ask(&router, 2, false).await;
    assert_eq!(reply.status, 400, "{}", reply.body);
    let receipts: Vec<_> = reply.headers.get_all("quern-receipt").iter().collect();
    assert_eq!(receipts.len(), 2, "{}", reply.body);
    let error = &reply.json()["error"];
    let words = error["message"].as_str().unwrap();
    assert!(
        receipts.iter().all(|id| words.contains(id.to_str().unwrap())),
        "{words}"
    );
    assert!(error["metadata"].is_null(), "{}", reply.body);
    assert_eq!(reply.headers["x-should-retry"], "false");
    until("both are paid", || router.budget().spent == Amount(34)).await;
    world.hosts[0].behave(Second(Odd::Forges));
    let bodies = [
        ask(&router, 1, false).await.body,
        ask(&router, 1, false).await.body,
    ];
    let forged = bodies.iter().find(|body| body.contains("error")).unwrap();
    assert!(
        forged.contains("\"no\"") && !forged.contains("forged"),
        "{forged}"
    );
    router.stop().await;
}
