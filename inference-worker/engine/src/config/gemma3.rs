//! Gemma 3 (text): Gemma 2 with normed queries and keys, and other rotary frequencies where there is a window.

use super::fields::Fields;
use super::{ModelConfig, gemma2, rope, windows};

/// Layers from one without a window to the next.
const PATTERN: usize = 6;

pub(super) fn read(fields: &mut Fields) -> Result<ModelConfig, String> {
    let base = gemma2::common(fields)?;
    let window = fields.size("sliding_window")?;
    let pattern = fields.optional_size("sliding_window_pattern")?;
    // Newer checkpoints write the pattern so, and `layer_types` beside it.
    let newer = fields.optional_size("_sliding_window_pattern")?;
    let pattern = pattern.or(newer).unwrap_or(PATTERN);
    let sizes = base.rope_sizes();
    let (full, windowed) = match fields.object("rope_parameters")? {
        Some(mut both) => {
            let full = both.object("full_attention")?;
            let full = rope::read_one("rope_parameters.full_attention", full, None, sizes)?;
            let windowed = both.object("sliding_attention")?;
            let windowed = rope::read_one("rope_parameters.sliding_attention", windowed, None, sizes)?;
            match both.rest(&[]) {
                Some(field) => return Err(format!("field rope_parameters.{field} is not supported")),
                None => (full, windowed),
            }
        }
        None => {
            let windowed = fields.positive("rope_local_base_freq")?;
            let windowed = windowed.ok_or("rope_local_base_freq is missing")?;
            (
                rope::read(fields, sizes, None)?,
                rope::read_one("rope_local_base_freq", None, Some(windowed), sizes)?,
            )
        }
    };
    Ok(ModelConfig {
        rope: full,
        window_rope: (windowed != full).then_some(windowed),
        windows: windows::read(fields, base.layers, Some(window), |layer| {
            !(layer + 1).is_multiple_of(pattern)
        })?,
        qk_norm: true,
        ..base
    })
}
