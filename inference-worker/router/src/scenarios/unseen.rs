//! Answers that are paid for and of which little can be shown: no other host is asked, as it would be paid once more.

use super::client::{complete, send};
use super::host::Conduct::*;
use super::*;
use serde_json::{Value, json};

fn asked(world: &World) -> usize {
    let asked = |host: &Arc<TestHost>| host.with(|book| book.vouchers.len());
    world.hosts.iter().map(asked).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_long_is_paid_once_and_named_by_its_receipt() {
    let world = World::new(&[Sprawls, Sprawls]).await;
    let router = world.router().await;
    let reply = complete(&router.url, 4, false).await;
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(
        reply.body.contains("longer than 16777216 bytes"),
        "{}",
        reply.body
    );
    assert!(reply.receipt().is_some());
    assert_eq!(asked(&world), 1);
    until("it is paid", || router.budget().spent == Amount(20)).await;
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_first_tokens_show_no_text_begins_at_the_first_host() {
    // More than a host may send before its first token.
    for (conduct, bytes) in [(Echoes, 120_000), (Mumbles, 70_000), (Rambles, 70_000)] {
        let world = World::new(&[conduct, conduct]).await;
        let router = world.router().await;
        let reply = complete(&router.url, 4, true).await;
        assert_eq!(reply.status, 200, "{conduct:?}: {}", reply.body);
        assert_eq!(reply.tokens(), 4);
        assert!(reply.body.len() > bytes, "{}", reply.body.len());
        assert_eq!(asked(&world), 1);
        until("it is paid", || router.budget().spent == Amount(20)).await;
        // What is told of the prompt is no output that more is authorised for.
        world
            .hosts
            .iter()
            .for_each(|host| host.with(|book| assert_eq!(book.top_ups, 0)));
        router.stop().await;
    }
}

async fn ask(router: &Router, prompt: Value) -> client::Reply {
    let body = json!({"model": MODEL, "prompt": prompt});
    send("POST", format!("{}/v1/completions", router.url), body.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_prompt_that_is_too_long_is_refused_before_any_other_is_paid_for() {
    let world = World::new(&[ShortContext]).await;
    let router = world.router().await;
    let mut lists = vec![vec![1]; 31];
    lists.push(vec![2; 4_081]);
    let reply = ask(&router, json!(lists)).await;
    let seen = (reply.status.as_u16(), reply.code());
    assert_eq!(seen, (400, "context_length_exceeded".into()), "{}", reply.body);
    let all = "4097 tokens (4081 in the prompt, 16 for the output)";
    assert!(reply.body.contains(all), "{}", reply.body);
    assert_eq!(asked(&world), 0);
    // A text's tokens are counted by a host alone.
    let mut texts = vec!["short".to_owned(); 31];
    texts.push("long ".repeat(820));
    let reply = ask(&router, json!(texts)).await;
    let seen = (reply.status.as_u16(), reply.code());
    assert_eq!(seen, (400, "context_length_exceeded".into()), "{}", reply.body);
    assert_eq!(asked(&world), 1);
    // The order is the client's.
    world.hosts[0].behave(Honest);
    let reply = ask(&router, json!(texts)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.json()["choices"].as_array().unwrap().len(), 32);
    router.stop().await;
}
