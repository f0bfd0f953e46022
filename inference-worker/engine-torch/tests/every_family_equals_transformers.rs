//! Every family gives the logits of `transformers` within 1e-4, through prefill, cached decoding and ragged batches,
//! and its greedy text over 256 tokens.
//!
//! Needs the Python environment of `make setup`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

mod common;

use common::{assert_equal_by_every_path, expected, reference};
use quern_engine::Engine;
use quern_engine_torch::{LlamaEngine, LoadOptions};
use std::path::Path;

#[derive(serde::Deserialize)]
struct Greedy {
    prompt: Vec<u32>,
    tokens: Vec<u32>,
}

fn largest(row: &[f32]) -> u32 {
    let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b]));
    best.unwrap() as u32
}

fn assert_greedy_text_equal(what: &str, folder: &Path) {
    let greedy: Greedy = serde_json::from_slice(&std::fs::read(folder.join("greedy.json")).unwrap()).unwrap();
    assert_eq!(greedy.tokens.len(), 256);
    let mut engine = LlamaEngine::load(folder, &LoadOptions::default()).unwrap();
    let slot = engine.open().unwrap();
    let mut token = largest(&engine.prefill(slot, &greedy.prompt).unwrap().values);
    let mut ours = vec![token];
    while ours.len() < greedy.tokens.len() {
        token = largest(&engine.decode(&[(slot, token)]).unwrap().values);
        ours.push(token);
    }
    assert_eq!(ours, greedy.tokens, "{what}");
}

#[test]
fn logits_and_greedy_text_of_every_family_are_those_of_transformers() {
    let folder = tempfile::tempdir().unwrap();
    reference("families.py", &["--out", folder.path().to_str().unwrap()]);
    let mut variants = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let expected = expected(&path.join("tokens.json"), &path.join("logits.npy"));
        assert_equal_by_every_path(name, &path, &expected);
        assert_greedy_text_equal(name, &path);
        variants += 1;
    }
    assert!(folder.path().join("llama").exists());
    assert!(variants >= 15, "only {variants} variants were made");
}
