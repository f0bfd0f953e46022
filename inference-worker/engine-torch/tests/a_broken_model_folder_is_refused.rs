//! Whatever is wrong with a model folder, the error names it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

use quern_engine::{Engine, EngineError, Slot};
use quern_engine_torch::{LlamaEngine, LoadOptions};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde_json::{Value, json};
use std::path::Path;

const HIDDEN: usize = 8;
const VOCAB: usize = 16;

/// Names and shapes of a one-layer model with tied embeddings.
fn shapes() -> Vec<(String, Vec<usize>)> {
    let layer = |name: &str| format!("model.layers.0.{name}.weight");
    vec![
        ("model.embed_tokens.weight".into(), vec![VOCAB, HIDDEN]),
        ("model.norm.weight".into(), vec![HIDDEN]),
        (layer("input_layernorm"), vec![HIDDEN]),
        (layer("post_attention_layernorm"), vec![HIDDEN]),
        (layer("self_attn.q_proj"), vec![HIDDEN, HIDDEN]),
        (layer("self_attn.k_proj"), vec![4, HIDDEN]),
        (layer("self_attn.v_proj"), vec![4, HIDDEN]),
        (layer("self_attn.o_proj"), vec![HIDDEN, HIDDEN]),
        (layer("mlp.gate_proj"), vec![12, HIDDEN]),
        (layer("mlp.up_proj"), vec![12, HIDDEN]),
        (layer("mlp.down_proj"), vec![HIDDEN, 12]),
    ]
}

fn config() -> Value {
    json!({
        "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": 12, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": VOCAB,
        "max_position_embeddings": 32, "tie_word_embeddings": true,
    })
}

fn write(folder: &Path, config: &Value, shapes: &[(String, Vec<usize>)], value: f32) {
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let bytes = value.to_le_bytes().repeat(1024);
    let view = |shape: &Vec<usize>| {
        let length = shape.iter().product::<usize>() * 4;
        TensorView::new(Dtype::F32, shape.clone(), &bytes[..length]).unwrap()
    };
    let views: Vec<_> = shapes
        .iter()
        .map(|(name, shape)| (name.clone(), view(shape)))
        .collect();
    serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
}

fn load(folder: &Path) -> Result<LlamaEngine, String> {
    LlamaEngine::load(
        folder,
        &LoadOptions {
            slots: 2,
            ..LoadOptions::default()
        },
    )
    .map_err(|e| e.to_string())
}

fn refused(config: &Value, shapes: &[(String, Vec<usize>)], value: f32) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), config, shapes, value);
    load(folder.path()).err().expect("the folder must be refused")
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    assert!(load(folder.path()).err().unwrap().contains("config.json"));
    std::fs::write(folder.path().join("config.json"), config().to_string()).unwrap();
    assert!(load(folder.path()).err().unwrap().contains("model.safetensors"));
}

#[test]
fn a_truncated_or_scrambled_weight_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &config(), &shapes(), 0.5);
    assert!(load(folder.path()).is_ok());
    let path = folder.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for broken in [
        &whole[..whole.len() - 1],
        &whole[..100],
        &whole[..3],
        &[],
        &[0xFF; 64],
    ] {
        std::fs::write(&path, broken).unwrap();
        let error = load(folder.path()).err().unwrap();
        assert!(error.contains("model.safetensors"), "{error}");
    }
}

#[test]
fn a_wrong_shape_a_missing_and_a_superfluous_tensor_are_named() {
    let mut wrong = shapes();
    wrong[5].1 = vec![HIDDEN, HIDDEN];
    let error = refused(&config(), &wrong, 0.5);
    assert!(error.contains("k_proj") && error.contains("[4, 8]"), "{error}");
    let mut short = shapes();
    short.remove(8);
    assert!(refused(&config(), &short, 0.5).contains("gate_proj"));
    let mut untied = config();
    untied["tie_word_embeddings"] = json!(false);
    assert!(refused(&untied, &shapes(), 0.5).contains("lm_head"));
    let mut long = shapes();
    long.push(("model.layers.1.input_layernorm.weight".into(), vec![HIDDEN]));
    assert!(refused(&config(), &long, 0.5).contains("layers.1"));
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    for value in [f32::NAN, f32::INFINITY] {
        assert!(refused(&config(), &shapes(), value).contains("not finite"));
    }
}

#[test]
fn an_index_cannot_point_outside_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &config(), &shapes(), 0.5);
    let index = json!({"weight_map": {"model.norm.weight": "../model.safetensors"}});
    std::fs::write(
        folder.path().join("model.safetensors.index.json"),
        index.to_string(),
    )
    .unwrap();
    assert!(load(folder.path()).err().unwrap().contains("not a file name"));
}

#[test]
fn steps_outside_the_engines_bounds_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &config(), &shapes(), 0.5);
    let mut engine = load(folder.path()).unwrap();
    let (a, b) = (engine.open().unwrap(), engine.open().unwrap());
    assert!(matches!(engine.open(), Err(EngineError::NoSlot(2))));
    assert!(matches!(engine.prefill(a, &[]), Err(EngineError::Request(_))));
    assert!(matches!(
        engine.prefill(a, &[VOCAB as u32]),
        Err(EngineError::Token { .. })
    ));
    assert!(matches!(
        engine.prefill(a, &[1; 33]),
        Err(EngineError::Context {
            asked: 33,
            context: 32
        })
    ));
    assert!(matches!(
        engine.prefill(Slot(9), &[1]),
        Err(EngineError::NotOpen(9))
    ));
    engine.prefill(a, &[1; 32]).unwrap();
    engine.prefill(b, &[1; 31]).unwrap();
    assert!(matches!(
        engine.decode(&[(b, 1), (a, 1)]),
        Err(EngineError::Context { .. })
    ));
    assert!(matches!(
        engine.decode(&[(b, 1), (b, 1)]),
        Err(EngineError::Request(_))
    ));
    assert!(matches!(engine.decode(&[]), Err(EngineError::Request(_))));
    engine.decode(&[(b, 1)]).unwrap();
    engine.close(a);
    assert!(matches!(engine.decode(&[(a, 1)]), Err(EngineError::NotOpen(_))));
    assert_eq!(engine.open().unwrap(), a);
}

#[test]
fn a_folder_whose_weights_are_not_those_of_its_manifest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &config(), &shapes(), 0.5);
    // The hash of no bytes at all.
    let other = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let manifest = folder.path().join("SHA256SUMS");
    std::fs::write(&manifest, format!("{other}  model.safetensors\n")).unwrap();
    let error = load(folder.path()).err().unwrap();
    assert!(
        error.contains("model.safetensors") && error.contains(other),
        "{error}"
    );
    std::fs::remove_file(manifest).unwrap();
    assert!(load(folder.path()).is_ok());
}
