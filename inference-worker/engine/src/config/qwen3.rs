//! Qwen 3: norms on queries and keys in place of biases; dense, or with experts.

use super::fields::Fields;
use super::{Defaults, ExpertNames, Experts, ModelConfig, rope, windows};
use serde_json::Value;

pub(super) fn read(fields: &mut Fields) -> Result<ModelConfig, String> {
    let window = windows::qwen_window(fields)?;
    let first = fields.0.remove("max_window_layers");
    let first = first.and_then(|value| value.as_u64()).unwrap_or(28) as usize;
    let base = common(fields)?;
    Ok(ModelConfig {
        windows: windows::read(fields, base.layers, window, |layer| layer >= first)?,
        ..base
    })
}

pub(super) fn read_moe(fields: &mut Fields) -> Result<ModelConfig, String> {
    // The first three matter in training only; the last is for dense models and published all the same.
    for name in [
        "output_router_logits",
        "router_aux_loss_coef",
        "router_jitter_noise",
        "max_window_layers",
    ] {
        fields.take(name);
    }
    let window = windows::qwen_window(fields)?;
    let base = common(fields)?;
    let step = fields.optional_size("decoder_sparse_step")?.unwrap_or(1);
    let dense = match fields.take("mlp_only_layers") {
        None => Vec::new(),
        Some(Value::Array(layers)) => layers,
        Some(other) => return Err(format!("mlp_only_layers {other} is not a list")),
    };
    let sparse =
        |layer: usize| (layer + 1).is_multiple_of(step) && !dense.iter().any(|entry| *entry == layer);
    let older = fields.optional_size("num_experts")?;
    Ok(ModelConfig {
        windows: vec![window; base.layers],
        experts: Some(Experts {
            count: match older {
                Some(count) => count,
                None => fields.size("num_local_experts")?,
            },
            per_token: fields.size("num_experts_per_tok")?,
            intermediate_size: fields.size("moe_intermediate_size")?,
            normalise: fields.flag("norm_topk_prob")?.unwrap_or(false),
            layers: (0..base.layers).map(sparse).collect(),
            names: ExpertNames::Qwen,
        }),
        ..base
    })
}

fn common(fields: &mut Fields) -> Result<ModelConfig, String> {
    fields.only("hidden_act", "silu")?;
    let base = ModelConfig::base(fields, &Defaults::default())?;
    let attention_bias = fields.flag("attention_bias")?.unwrap_or(false);
    Ok(ModelConfig {
        rope: rope::read(fields, base.rope_sizes(), None)?,
        qkv_bias: attention_bias,
        out_bias: attention_bias,
        qk_norm: true,
        ..base
    })
}
