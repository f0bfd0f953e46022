//! Llama 2 and 3, and what shares their architecture.

use super::fields::Fields;
use super::{Defaults, ModelConfig, rope};

pub(super) fn read(fields: &mut Fields) -> Result<ModelConfig, String> {
    fields.only("hidden_act", "silu")?;
    fields.unset("sliding_window")?;
    fields.not("rope_interleaved")?;
    match fields.take("pretraining_tp") {
        Some(value) if value != 1 => return Err("pretraining_tp other than 1 is not supported".into()),
        _ => {}
    }
    // Old checkpoints leave these out.
    let defaults = Defaults {
        tied: false,
        theta: Some(10_000.0),
        context: Some(2048),
        eps: Some(1e-6),
    };
    let base = ModelConfig::base(fields, &defaults)?;
    let attention_bias = fields.flag("attention_bias")?.unwrap_or(false);
    Ok(ModelConfig {
        rope: rope::read(fields, base.rope_sizes(), defaults.theta)?,
        qkv_bias: attention_bias,
        out_bias: attention_bias,
        mlp_bias: fields.flag("mlp_bias")?.unwrap_or(false),
        ..base
    })
}
