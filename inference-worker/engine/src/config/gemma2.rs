//! Gemma 2: norms before and after each half of a layer, soft caps, a window in every other layer.

use super::fields::Fields;
use super::{Activation, Defaults, ModelConfig, rope, windows};

/// Where the configuration leaves it to the family.
pub(super) const DEFAULTS: Defaults = Defaults {
    tied: true,
    theta: None,
    context: None,
    eps: None,
};

pub(super) fn read(fields: &mut Fields) -> Result<ModelConfig, String> {
    let base = common(fields)?;
    let window = fields.size("sliding_window")?;
    Ok(ModelConfig {
        rope: rope::read(fields, base.rope_sizes(), None)?,
        windows: windows::read(fields, base.layers, Some(window), |layer| layer.is_multiple_of(2))?,
        ..base
    })
}

/// What Gemma 2 and 3 share.
pub(super) fn common(fields: &mut Fields) -> Result<ModelConfig, String> {
    fields.only("hidden_activation", "gelu_pytorch_tanh")?;
    // Older checkpoints write this beside the field that counts.
    fields.only("hidden_act", "gelu_pytorch_tanh")?;
    fields.not("use_bidirectional_attention")?;
    let base = ModelConfig::base(fields, &DEFAULTS)?;
    let attention_bias = fields.flag("attention_bias")?.unwrap_or(false);
    let query_scale = fields.positive("query_pre_attn_scalar")?;
    Ok(ModelConfig {
        qkv_bias: attention_bias,
        out_bias: attention_bias,
        norm_plus_one: true,
        output_norms: true,
        activation: Activation::GeluTanh,
        embedding_scale: Some((base.hidden_size as f64).sqrt()),
        attention_scale: Some(query_scale.ok_or("query_pre_attn_scalar is missing")?.powf(-0.5)),
        attention_softcap: fields.positive("attn_logit_softcapping")?,
        logit_softcap: fields.positive("final_logit_softcapping")?,
        ..base
    })
}
