//! A Mixture-of-Experts layer computes the experts that its router chose and leaves the others' weights alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use quern_engine::Engine;
use quern_engine_torch::{LlamaEngine, LoadOptions};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde_json::json;
use std::path::Path;

const HIDDEN: usize = 8;
const INNER: usize = 12;
const VOCAB: usize = 16;
const EXPERTS: usize = 4;
/// Finite, so that the model loads; any product with it is not.
const POISON: f32 = 3e38;

/// Writes a model of one layer whose last expert is poison and whose router rates the last expert `last`, all
/// others 0.
fn write(folder: &Path, last: f32) {
    let mut tensors: Vec<(String, Vec<usize>, Vec<f32>)> = Vec::new();
    let mut add = |name: &str, size: &[usize], value: f32| {
        let count = size.iter().product();
        tensors.push((name.to_owned(), size.to_vec(), vec![value; count]));
    };
    add("model.embed_tokens.weight", &[VOCAB, HIDDEN], 0.5);
    add("model.norm.weight", &[HIDDEN], 1.0);
    let layer = "model.layers.0";
    for name in ["input_layernorm", "post_attention_layernorm"] {
        add(&format!("{layer}.{name}.weight"), &[HIDDEN], 1.0);
    }
    for name in ["q_proj", "k_proj", "v_proj", "o_proj"] {
        add(
            &format!("{layer}.self_attn.{name}.weight"),
            &[HIDDEN, HIDDEN],
            0.1,
        );
    }
    for expert in 0..EXPERTS {
        let value = if expert + 1 == EXPERTS { POISON } else { 0.1 };
        for (name, size) in [
            ("w1", [INNER, HIDDEN]),
            ("w3", [INNER, HIDDEN]),
            ("w2", [HIDDEN, INNER]),
        ] {
            let place = format!("{layer}.block_sparse_moe.experts.{expert}.{name}.weight");
            add(&place, &size, value);
        }
    }
    let mut router = vec![0.0; EXPERTS * HIDDEN];
    router[(EXPERTS - 1) * HIDDEN..].fill(last);
    tensors.push((
        format!("{layer}.block_sparse_moe.gate.weight"),
        vec![EXPERTS, HIDDEN],
        router,
    ));
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(.., values)| values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views: Vec<_> = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, size, _), bytes)| (name, TensorView::new(Dtype::F32, size.clone(), bytes).unwrap()))
        .collect();
    serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
    let config = json!({
        "model_type": "mixtral", "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": VOCAB, "max_position_embeddings": 32,
        "rms_norm_eps": 1e-5, "rope_theta": 1e4, "num_local_experts": EXPERTS, "num_experts_per_tok": 2,
        "tie_word_embeddings": true,
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
}

/// Whether all logits of a prefill and of a batch of three sequences are finite.
fn finite(last: f32) -> bool {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), last);
    let mut engine = LlamaEngine::load(folder.path(), &LoadOptions::default()).unwrap();
    let mut values = Vec::new();
    let mut batch = Vec::new();
    for token in 0..3 {
        let slot = engine.open().unwrap();
        values.extend(engine.prefill(slot, &[token, token + 1]).unwrap().values);
        batch.push((slot, token));
    }
    values.extend(engine.decode(&batch).unwrap().values);
    values.iter().all(|value| value.is_finite())
}

#[test]
fn weights_of_an_expert_that_no_token_takes_do_not_reach_the_logits() {
    assert!(finite(-1.0), "the poisoned expert was computed");
    assert!(!finite(1.0), "the poison must show where the router takes it");
}
