//! Sentence encoders give the embeddings of `transformers` and the pooling of their folders within 1e-5.
//!
//! Needs the Python environment of `make setup`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

mod common;

use common::{read_npy, read_sequences, reference};
use quern_engine::EngineError;
use quern_engine_torch::{Device, Encoder};
use std::path::Path;

const TOLERANCE: f32 = 1e-5;

fn assert_near(what: &str, ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let worst = ours
        .iter()
        .zip(theirs)
        .map(|(a, b)| (a - b).abs())
        .fold(0f32, f32::max);
    assert!(worst <= TOLERANCE, "{what}: embeddings differ by {worst}");
}

fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    reference("encoders.py", &["--out", folder.path().to_str().unwrap()]);
    folder
}

fn refused(folder: &Path, file: &str, from: &str, to: &str) -> String {
    let path = folder.join(file);
    let before = std::fs::read_to_string(&path).unwrap();
    assert!(before.contains(from), "{before}");
    std::fs::write(&path, before.replace(from, to)).unwrap();
    let error = Encoder::load(folder, Device::Cpu).err().unwrap().to_string();
    std::fs::write(&path, before).unwrap();
    error
}

#[test]
fn embeddings_of_every_variant_agree_alone_and_in_a_batch() {
    let folder = made();
    let mut variants = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let sequences = read_sequences(&path.join("tokens.json"));
        let (width, theirs) = read_npy(&path.join("embeddings.npy"));
        let encoder = Encoder::load(&path, Device::Cpu).unwrap();
        assert_eq!(encoder.width(), width);
        let together = encoder.embed(&sequences).unwrap();
        for (index, ids) in sequences.iter().enumerate() {
            let theirs = &theirs[index * width..(index + 1) * width];
            assert_near(&format!("{name} {index}, batch"), &together[index], theirs);
            let alone = encoder.embed(std::slice::from_ref(ids)).unwrap();
            assert_near(&format!("{name} {index}, alone"), &alone[0], theirs);
        }
        variants += 1;
    }
    assert!(variants >= 6, "only {variants} variants were made");
}

#[test]
fn what_an_encoder_cannot_do_is_refused_by_name() {
    let made = made();
    let folder = made.path().join("bert_mean_normalised");
    let encoder = Encoder::load(&folder, Device::Cpu).unwrap();
    assert_eq!(encoder.context(), 48);
    assert!(matches!(
        encoder.embed(&[vec![5; 49]]),
        Err(EngineError::Context { .. })
    ));
    assert!(matches!(encoder.embed(&[vec![]]), Err(EngineError::Request(_))));
    assert!(matches!(
        encoder.embed(&[vec![200]]),
        Err(EngineError::Token { .. })
    ));
    let error = refused(&folder, "modules.json", "models.Normalize", "models.Dense");
    assert!(error.contains("Dense"), "{error}");
    let error = refused(
        &folder,
        "1_Pooling/config.json",
        "\"pooling_mode_max_tokens\": false",
        "\"pooling_mode_max_tokens\": true",
    );
    assert!(error.contains("pooling_mode_max_tokens"), "{error}");
    let error = refused(
        &folder,
        "config.json",
        "\"hidden_act\": \"gelu\"",
        "\"hidden_act\": \"relu\"",
    );
    assert!(error.contains("hidden_act"), "{error}");
}
