//! Logits equal those of `transformers` within 1e-4: on random checkpoints of every supported variant and on the
//! packaged model, through prefill, cached decoding and ragged batches, up to the full context.
//!
//! Needs the Python environment of `make setup`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

mod common;

use common::{assert_equal_by_every_path, expected, reference, root};
use quern_engine::Engine;
use quern_engine_torch::{LlamaEngine, LoadOptions};

#[test]
fn random_checkpoints_of_every_supported_variant_agree() {
    let folder = tempfile::tempdir().unwrap();
    reference("make_checkpoints.py", &["--out", folder.path().to_str().unwrap()]);
    let mut variants = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let expected = expected(&path.join("tokens.json"), &path.join("logits.npy"));
        assert_equal_by_every_path(path.file_name().unwrap().to_str().unwrap(), &path, &expected);
        variants += 1;
    }
    assert!(variants >= 10, "only {variants} variants were made");
}

#[test]
fn the_packaged_model_agrees_up_to_its_full_context() {
    let model = root().join("models/quern-small");
    let engine = LlamaEngine::load(
        &model,
        &LoadOptions {
            slots: 1,
            ..LoadOptions::default()
        },
    )
    .unwrap();
    let full = engine.context() as u32;
    let sequences: Vec<Vec<u32>> = [3, 50, full]
        .iter()
        .map(|n| (0..*n).map(|i| (i * 7919 + n) % 2000).collect())
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let (tokens, logits) = (
        folder.path().join("tokens.json"),
        folder.path().join("logits.npy"),
    );
    std::fs::write(&tokens, serde_json::to_vec(&sequences).unwrap()).unwrap();
    let paths = [
        model.to_str().unwrap(),
        tokens.to_str().unwrap(),
        logits.to_str().unwrap(),
    ];
    reference(
        "logits.py",
        &["--model", paths[0], "--tokens", paths[1], "--out", paths[2]],
    );
    assert_equal_by_every_path("packaged", &model, &expected(&tokens, &logits));
}
