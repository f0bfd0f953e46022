//! Qwen 2 and 2.5: Llama with biases on queries, keys and values.

use super::fields::Fields;
use super::{Defaults, ModelConfig, rope, windows};

pub(super) fn read(fields: &mut Fields) -> Result<ModelConfig, String> {
    fields.only("hidden_act", "silu")?;
    // Qwen2-VL's text models set them.
    fields.not("use_mrope")?;
    let window = windows::qwen_window(fields)?;
    let first = fields.0.remove("max_window_layers");
    let first = first.and_then(|value| value.as_u64()).unwrap_or(28) as usize;
    let base = ModelConfig::base(fields, &Defaults::default())?;
    Ok(ModelConfig {
        rope: rope::read(fields, base.rope_sizes(), None)?,
        windows: windows::read(fields, base.layers, window, |layer| layer >= first)?,
        qkv_bias: true,
        ..base
    })
}
