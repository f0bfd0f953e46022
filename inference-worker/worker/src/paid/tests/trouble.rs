//! What is wrong around a worker: its node, its keys.

use super::{CHAIN, HOST, MODEL_HASH, own};
use crate::audit::judge::Honest;
use crate::metrics::HostMetrics;
use crate::paid::Paid;
use crate::paid::config::ChainConfig;
use crate::paid::outbox;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn open(config: ChainConfig) -> anyhow::Result<Paid> {
    let metrics = HostMetrics::new().unwrap();
    let models = vec![own("quern-small", MODEL_HASH, &metrics)];
    Paid::open(config, models, metrics, Arc::new(Honest))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_another_chain_is_named_and_nothing_paid_is_done() {
    let (node, _state) = crate::audit::tests::node::start().await;
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), "quern-other-9", &node);
    let paid = open(config).unwrap();
    let task = tokio::spawn(paid.follow.clone().run());
    let told = |problem: &str| problem.contains("quern-other-9") && problem.contains(CHAIN);
    for _ in 0..200 {
        if paid.problem().as_deref().is_some_and(told) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let problem = paid.problem().unwrap();
    assert!(told(&problem), "{problem}");
    assert!(paid.key().is_err() && paid.follow.height() == 0);
    // The log's reminder names the same cause, and not a node that does not answer.
    assert_eq!(outbox::waits_for(&paid), Some(problem));
    task.abort();
}

fn config(folder: &Path, chain_id: &str, node: &str) -> ChainConfig {
    let path = folder.join("chain.json");
    let config = json!({"chain_id": chain_id, "nodes": [node], "host": HOST,
        "contracts": {"registry": "r", "settlement": "s"}, "warm_keys": ["warm"], "transport_key": "transport",
        "journal": "journal", "poll_ms": 20});
    std::fs::write(&path, config.to_string()).unwrap();
    ChainConfig::load(&path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_key_stops_the_worker_with_words_and_is_never_replaced() {
    for (file, whose) in [
        ("warm", "warm"),
        ("transport", "transport"),
        ("journal/key", "key"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let config = config(folder.path(), CHAIN, "http://127.0.0.1:1");
            open(config)
        };
        drop(open().unwrap());
        let path = folder.path().join(file);
        std::fs::write(&path, "not a key").unwrap();
        let error = format!("{:#}", open().unwrap_err());
        assert!(
            error.contains(whose) && error.contains("restore it from a copy"),
            "{error}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), b"not a key");
    }
}

#[test]
fn a_model_folder_without_a_tokenizer_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let error = quern_engine::tokenizer::Tokenizer::load(folder.path()).unwrap_err();
    let told = format!(
        "{:#}",
        anyhow::Error::from(error).context("cannot load the model")
    );
    assert!(told.contains("tokenizer.json: No such file"), "{told}");
    assert_eq!(told.matches("No such file").count(), 1, "{told}");
}
