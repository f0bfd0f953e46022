//! Probes of engines that honour everything, nothing, and the wrong things.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

mod wire;

use quern_engine_remote::capabilities::{Capabilities, EngineKind};
use quern_engine_remote::probe::{ProbeError, probe};
use quern_engine_remote::{RemoteConfig, TokenIds, TrustTier, Upstream};
use wire::friendly::{DEAF, FULL, Features, answer};
use wire::{Act, Double, page, upstream};

async fn found(features: Features) -> Capabilities {
    let double = Double::start(move |asked| answer(asked, features)).await;
    probe(&upstream(&double.url()), None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_honours_everything_is_believed_in_everything() {
    let seen = found(FULL).await;
    let wanted = Capabilities {
        context: 2048,
        version: Some("9.9".into()),
        ..wire::able()
    };
    assert_eq!(seen, wanted);
    assert_eq!(TrustTier::of(&seen), TrustTier::Logprob);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_ignores_parameters_is_found_out() {
    let seen = found(DEAF).await;
    let wanted = Capabilities {
        kind: EngineKind::Vllm,
        version: Some("9.9".into()),
        model: "double".into(),
        models: vec!["double".into()],
        context: 2048,
        chat: true,
        completions: true,
        streaming: true,
        usage: true,
        stream_usage: true,
        ..Capabilities::default()
    };
    assert_eq!(seen, wanted);
    assert_eq!(TrustTier::of(&seen), TrustTier::Unaudited);
}

#[tokio::test(flavor = "multi_thread")]
async fn log_probabilities_without_token_ids_prove_nothing() {
    let seen = found(Features { ids: false, ..FULL }).await;
    assert_eq!((seen.logprobs, seen.token_ids), (true, TokenIds::None));
    assert_eq!(TrustTier::of(&seen), TrustTier::Unaudited);
    assert!(!seen.token_prompts && !seen.logit_bias);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_strings_are_seen_where_the_greedy_text_repeats_its_beginning() {
    // Three letters from the middle are those at the beginning.
    let words = [
        " a", " man", " of", " a", " man", ",", " a", " man", " of", " a", " man", ",",
    ];
    assert!(found(Features { words, ..FULL }).await.stop);
    assert!(!found(Features { words, ..DEAF }).await.stop);
}

async fn refused(acts: Vec<Act>, change: impl Fn(&mut RemoteConfig)) -> ProbeError {
    let double = Double::start(move |asked| match asked.path.as_str() {
        "/v1/models" => acts.clone(),
        _ => page(404, "{}"),
    })
    .await;
    let mut config = RemoteConfig::new(&double.url()).unwrap();
    config.timeouts = wire::quick();
    change(&mut config);
    probe(&Upstream::new(config).unwrap(), None).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_attached_says_what_to_do() {
    let two = || page(200, r#"{"data":[{"id":"a"},{"id":"b"}]}"#);
    let one = || page(200, r#"{"data":[{"id":"a"}]}"#);
    let none = |_: &mut RemoteConfig| {};
    assert!(refused(two(), none).await.to_string().contains("a, b; name one"));
    let other = refused(one(), |config| config.model = Some("c".into())).await;
    assert!(matches!(other, ProbeError::Model { .. }) && !other.is_passing());
    assert!(
        refused(page(200, "<html>"), none)
            .await
            .to_string()
            .contains("no model")
    );
    assert!(refused(one(), none).await.to_string().contains("--context"));
    let mute = refused(one(), |config| config.context = Some(100)).await;
    assert!(mute.to_string().contains("neither"), "{mute}");
    let key = refused(page(401, "{}"), none).await;
    assert!(
        key.to_string().contains("QUERN_ENGINE_KEY") && !key.is_passing(),
        "{key}"
    );
    let closed = refused(vec![], none).await;
    assert!(closed.is_passing(), "{closed}");
    let silent = refused(vec![Act::Hang], |config| {
        config.timeouts.probe = std::time::Duration::from_millis(200)
    })
    .await;
    assert!(silent.to_string().contains("too long"), "{silent}");
}
