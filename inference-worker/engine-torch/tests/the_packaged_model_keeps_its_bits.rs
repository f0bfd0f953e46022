//! Audits compare margins that calibration measured, so the packaged model's logits may not move by a bit when the
//! decoder learns something new.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

use quern_engine::seed::hash_fields;
use quern_engine::{Engine, Logits};
use quern_engine_torch::{LlamaEngine, LoadOptions, set_threads};
use std::path::Path;

/// Whole sequence, pieces, one sequence's steps, a ragged batch's steps: digests since `quern-kernels` computes the
/// products. Whoever moves them on purpose records them anew and measures the packaged model's calibration again.
const RECORDED: [&str; 4] = [
    "6e13fb740a9f7f1b",
    "47c71d9d22f3f2ed",
    "4a95afcdbaf30acc",
    "80fa3885bdcdd49e",
];

/// Products and attention have the same bits everywhere. What is left to the library (norms, activations) has those
/// with AVX2 and with AVX-512, seen on Intel's processors and AMD's; other instruction sets round it otherwise.
#[cfg(target_arch = "x86_64")]
fn recorded_here() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(not(target_arch = "x86_64"))]
fn recorded_here() -> bool {
    false
}

fn digest(parts: &[Logits]) -> String {
    let values = parts.iter().flat_map(|part| &part.values);
    let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
    let hash = hash_fields(&[&bytes]);
    hash.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_packaged_model_gives_the_bits_that_were_recorded() {
    set_threads(1);
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
    let options = LoadOptions {
        slots: 4,
        ..LoadOptions::default()
    };
    let mut engine = LlamaEngine::load(&model, &options).unwrap();
    let ids = |n: u32| (0..n).map(|i| (i * 7919 + n) % 2000).collect::<Vec<_>>();
    let scored = engine.score(&ids(300)).unwrap();
    let (a, b, c) = (
        engine.open().unwrap(),
        engine.open().unwrap(),
        engine.open().unwrap(),
    );
    let prefilled = vec![
        engine.prefill(a, &ids(40)).unwrap(),
        engine.prefill(b, &ids(7)).unwrap(),
        engine.prefill(c, &ids(129)).unwrap(),
        engine.extend(b, &ids(65)).unwrap(),
    ];
    let alone = (0..20)
        .map(|i| engine.decode(&[(a, i * 31)]).unwrap())
        .collect::<Vec<_>>();
    let together = (0..20)
        .map(|i| engine.decode(&[(c, i), (a, i * 7), (b, i * 3)]).unwrap())
        .collect::<Vec<_>>();
    let found = [
        digest(&[scored]),
        digest(&prefilled),
        digest(&alone),
        digest(&together),
    ];
    if !recorded_here() {
        println!("the bits were recorded with other instructions; here they are {found:?}");
        return;
    }
    assert_eq!(found, RECORDED);
}
