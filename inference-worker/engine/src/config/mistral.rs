//! Mistral: Llama with a sliding window in its first releases.

use super::fields::Fields;
use super::{Defaults, ModelConfig, rope};

/// The window of a configuration that has no such field; `null` means none.
const UNSAID_WINDOW: usize = 4096;

pub(super) fn read(fields: &mut Fields) -> Result<ModelConfig, String> {
    fields.only("hidden_act", "silu")?;
    let said = fields.0.contains_key("sliding_window");
    let window = fields.optional_size("sliding_window")?;
    let window = if said { window } else { Some(UNSAID_WINDOW) };
    let base = ModelConfig::base(fields, &Defaults::default())?;
    Ok(ModelConfig {
        rope: rope::read(fields, base.rope_sizes(), None)?,
        windows: vec![window; base.layers],
        ..base
    })
}
