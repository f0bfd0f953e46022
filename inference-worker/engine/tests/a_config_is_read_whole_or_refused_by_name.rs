//! Configurations as publishers write them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use quern_engine::config::{ModelConfig, Rope, RopeScaling};
use serde_json::{Value, json};

fn parse(change: Value) -> Result<ModelConfig, String> {
    let mut base = json!({
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "vocab_size": 100,
    });
    let fields = base.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), base.to_string()).unwrap();
    ModelConfig::load(folder.path()).map_err(|e| e.to_string())
}

#[test]
fn a_field_that_changes_the_maths_is_refused_by_its_name() {
    for (change, name) in [
        (json!({"quantization_config": {"bits": 4}}), "quantization_config"),
        (json!({"hidden_act": "gelu"}), "hidden_act"),
        (json!({"rope_interleaved": true}), "rope_interleaved"),
        (
            json!({"rope_scaling": {"type": "longrope", "factor": 2.0}}),
            "longrope",
        ),
        (
            json!({"rope_scaling": {"type": "linear", "factor": 2.0, "beta": 1}}),
            "beta",
        ),
        (json!({"partial_rotary_factor": 0.5}), "partial_rotary_factor"),
        (json!({"residual_multiplier": 0.2}), "residual_multiplier"),
        (
            json!({"architectures": ["MistralForCausalLM"]}),
            "MistralForCausalLM",
        ),
        (json!({"num_key_value_heads": 3}), "num_key_value_heads"),
        (json!({"hidden_size": 1.5}), "hidden_size"),
        (json!({"vocab_size": null}), "vocab_size"),
    ] {
        let error = parse(change).unwrap_err();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn old_and_new_spelling_of_rope_give_the_same_config() {
    let old = json!({"rope_theta": 5e5, "rope_scaling": {"rope_type": "linear", "factor": 4.0}});
    let new = json!({"rope_parameters": {"rope_theta": 5e5, "rope_type": "linear", "factor": 4.0}});
    assert_eq!(parse(old).unwrap(), parse(new).unwrap());
}

#[test]
fn llama3_scaling_keeps_high_and_divides_low_frequencies() {
    let config = parse(
        json!({"rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3", "factor": 8.0,
        "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}}),
    );
    let config = config.unwrap();
    let scaled = config.rope.inverse_frequencies(16);
    assert_eq!(scaled[0], 1.0);
    let plain = Rope {
        scaling: RopeScaling::Default,
        ..config.rope
    }
    .inverse_frequencies(16);
    assert_eq!(scaled[7], plain[7] / 8.0);
}

#[test]
fn every_family_is_read_as_its_publisher_writes_it() {
    let mistral = parse(
        json!({"model_type": "mistral", "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
        "rope_theta": 1e4}),
    );
    assert_eq!(mistral.unwrap().windows, [Some(4096); 2]);
    let qwen = parse(
        json!({"model_type": "qwen2", "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
        "rope_theta": 1e6, "sliding_window": 32, "use_sliding_window": false, "max_window_layers": 21}),
    );
    let qwen = qwen.unwrap();
    assert!(qwen.qkv_bias && !qwen.out_bias && qwen.windows == [None; 2]);
    let gemma = json!({"model_type": "gemma3_text", "max_position_embeddings": 64, "rms_norm_eps": 1e-6,
        "rope_theta": 1e6, "rope_local_base_freq": 1e4, "sliding_window": 8, "sliding_window_pattern": 2,
        "query_pre_attn_scalar": 256, "hidden_activation": "gelu_pytorch_tanh",
        "attn_logit_softcapping": null, "final_logit_softcapping": null});
    let gemma = parse(gemma).unwrap();
    assert_eq!(gemma.windows, [Some(8), None]);
    assert_eq!(gemma.window_rope.map(|rope| rope.theta), Some(1e4));
    assert_eq!(
        (gemma.embedding_scale, gemma.attention_scale),
        (Some(8.0), Some(1.0 / 16.0))
    );
    assert!(gemma.tie_word_embeddings && gemma.attention_softcap.is_none());
}

#[test]
fn what_a_family_needs_and_lacks_is_named() {
    let sizes = json!({"max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 1e4});
    for (family, change, name) in [
        ("gemma2", json!({}), "query_pre_attn_scalar"),
        ("gemma2", json!({"query_pre_attn_scalar": 8}), "sliding_window"),
        ("qwen3", json!({"layer_types": ["full_attention"]}), "layer_types"),
        (
            "qwen3",
            json!({"layer_types": ["full_attention", "chunked_attention"]}),
            "chunked_attention",
        ),
        (
            "qwen3_moe",
            json!({"num_local_experts": 4}),
            "num_experts_per_tok",
        ),
        (
            "mixtral",
            json!({"num_local_experts": 4, "num_experts_per_tok": 5}),
            "num_experts_per_tok",
        ),
        ("mistral", json!({"attention_bias": true}), "attention_bias"),
        ("qwen2", json!({"rope_theta": null}), "rope_theta"),
        ("phi3", json!({}), "phi3"),
    ] {
        let mut fields = sizes.as_object().unwrap().clone();
        fields.insert("model_type".into(), family.into());
        fields.extend(change.as_object().unwrap().clone());
        let error = parse(Value::Object(fields)).unwrap_err();
        assert!(error.contains(name), "{family}: {error}");
    }
}
