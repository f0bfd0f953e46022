//! Which layers see a window only.

use super::fields::Fields;
use serde_json::Value;

/// Reads `layer_types`, or takes the family's pattern where the configuration has none.
pub(super) fn read(
    fields: &mut Fields,
    layers: usize,
    window: Option<usize>,
    pattern: impl Fn(usize) -> bool,
) -> Result<Vec<Option<usize>>, String> {
    let slides: Vec<bool> = match fields.take("layer_types") {
        None => (0..layers)
            .map(|layer| window.is_some() && pattern(layer))
            .collect(),
        Some(Value::Array(kinds)) if kinds.len() == layers => kinds
            .iter()
            .map(|kind| match kind.as_str() {
                Some("full_attention") => Ok(false),
                Some("sliding_attention") => Ok(true),
                _ => Err(format!("layer_types with {kind} is not supported")),
            })
            .collect::<Result<_, _>>()?,
        Some(_) => {
            return Err(format!(
                "layer_types must name the kind of each of {layers} layers"
            ));
        }
    };
    let missing = || "layer_types calls for a sliding_window, which is missing".to_owned();
    slides
        .into_iter()
        .map(|slides| {
            if slides {
                window.map(Some).ok_or_else(missing)
            } else {
                Ok(None)
            }
        })
        .collect()
}

/// The window of Qwen's models, which name one even where it is not in use.
pub(super) fn qwen_window(fields: &mut Fields) -> Result<Option<usize>, String> {
    let window = fields.optional_size("sliding_window")?;
    Ok(if fields.flag("use_sliding_window")?.unwrap_or(false) {
        Some(window.ok_or("sliding_window is missing")?)
    } else {
        None
    })
}
