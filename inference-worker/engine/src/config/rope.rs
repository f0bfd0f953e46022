//! Rotary position embedding: base and scaling, as `rope_theta`, `rope_scaling` and `rope_parameters` say.

use super::fields::Fields;
use serde_json::Value;

/// Rotary frequencies of a kind of layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f64,
    /// How they are scaled.
    pub scaling: RopeScaling,
}

/// Scaling of rotary frequencies for contexts beyond the first training's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// None. `dynamic` scaling too: it begins beyond `max_position_embeddings`, where this context ends.
    Default,
    /// All frequencies divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Llama 3's: low frequencies divided, high ones kept, a smooth ramp between.
    Llama3 {
        /// The factor.
        factor: f64,
        /// Wavelengths above `original_context / low_freq_factor` are divided by the factor.
        low_freq_factor: f64,
        /// Wavelengths below `original_context / high_freq_factor` are kept.
        high_freq_factor: f64,
        /// Context of the first training.
        original_context: f64,
    },
    /// YaRN (arXiv:2309.00071): frequencies that turn often within the first context are kept, those that turn
    /// rarely divided, a ramp over the pairs between; queries and keys grow by a factor.
    Yarn {
        /// The factor.
        factor: f64,
        /// First pair of the ramp.
        low: f64,
        /// Last pair of the ramp.
        high: f64,
        /// Factor of queries and keys alike.
        attention_factor: f64,
    },
}

impl Rope {
    /// Inverse frequency of each pair of a head of `head_dim`, scaling applied.
    pub fn inverse_frequencies(&self, head_dim: usize) -> Vec<f64> {
        let plain = |pair: usize| self.theta.powf(-((2 * pair) as f64) / head_dim as f64);
        (0..head_dim / 2)
            .map(|pair| self.scaling.scale(pair, plain(pair)))
            .collect()
    }

    /// Factor of rotated queries and keys.
    pub fn attention_factor(&self) -> f64 {
        match self.scaling {
            RopeScaling::Yarn { attention_factor, .. } => attention_factor,
            _ => 1.0,
        }
    }
}

impl RopeScaling {
    /// Scales one inverse frequency; the ramp of Llama 3 is linear in the number of turns over the first context,
    /// that of YaRN in the number of the pair.
    fn scale(self, pair: usize, frequency: f64) -> f64 {
        match self {
            Self::Default => frequency,
            Self::Linear { factor } => frequency / factor,
            Self::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_context,
            } => {
                let turns = original_context * frequency / std::f64::consts::TAU;
                let kept = ((turns - low_freq_factor) / (high_freq_factor - low_freq_factor)).clamp(0.0, 1.0);
                frequency * (kept + (1.0 - kept) / factor)
            }
            Self::Yarn {
                factor, low, high, ..
            } => {
                let divided = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
                frequency * (1.0 - divided + divided / factor)
            }
        }
    }
}

/// Reads the rotary fields of a model whose layers share them. Older checkpoints write `rope_theta` and
/// `rope_scaling`, newer ones `rope_parameters` with both.
pub(super) fn read(fields: &mut Fields, sizes: Sizes, default_theta: Option<f64>) -> Result<Rope, String> {
    let outer = fields.positive("rope_theta")?;
    let (name, inner) = match (fields.object("rope_parameters")?, fields.object("rope_scaling")?) {
        (Some(_), Some(_)) => return Err("rope_parameters and rope_scaling contradict each other".into()),
        (Some(inner), None) => ("rope_parameters", Some(inner)),
        (None, inner) => ("rope_scaling", inner),
    };
    read_one(name, inner, outer.or(default_theta), sizes)
}

/// What scaling depends on beside its own fields.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) head_dim: usize,
    pub(super) context: usize,
}

/// Reads one object of rotary fields called `name`.
pub(super) fn read_one(
    name: &str,
    inner: Option<Fields>,
    theta: Option<f64>,
    sizes: Sizes,
) -> Result<Rope, String> {
    let within = |error: String| format!("{name}.{error}");
    let Some(mut inner) = inner else {
        let theta = theta.ok_or("rope_theta is missing")?;
        return Ok(Rope {
            theta,
            scaling: RopeScaling::Default,
        });
    };
    let theta = inner.positive("rope_theta").map_err(within)?.or(theta);
    let theta = theta.ok_or("rope_theta is missing")?;
    let old_kind = inner.take("type");
    let kind = inner
        .take("rope_type")
        .or(old_kind)
        .unwrap_or_else(|| "default".into());
    let scaling = scaling(&mut inner, &kind, theta, sizes).map_err(within)?;
    match inner.rest(&[]) {
        Some(field) => Err(format!("field {name}.{field} is not supported")),
        None => Ok(Rope { theta, scaling }),
    }
}

fn scaling(inner: &mut Fields, kind: &Value, theta: f64, sizes: Sizes) -> Result<RopeScaling, String> {
    let mut needed = |field: &str| {
        inner
            .positive(field)?
            .ok_or_else(|| format!("{field} must be a positive number"))
    };
    match kind.as_str() {
        Some("default") => Ok(RopeScaling::Default),
        Some("dynamic") => {
            needed("factor")?;
            Ok(RopeScaling::Default)
        }
        Some("linear") => Ok(RopeScaling::Linear {
            factor: needed("factor")?,
        }),
        Some("llama3") => Ok(RopeScaling::Llama3 {
            factor: needed("factor")?,
            low_freq_factor: needed("low_freq_factor")?,
            high_freq_factor: needed("high_freq_factor")?,
            original_context: needed("original_max_position_embeddings")?,
        }),
        Some("yarn") => yarn(inner, theta, sizes),
        _ => Err(format!("rope_type {kind} is not supported")),
    }
}

/// The formulas are those of the paper; the defaults are the ones that its authors and `transformers` use.
fn yarn(inner: &mut Fields, theta: f64, sizes: Sizes) -> Result<RopeScaling, String> {
    let factor = inner
        .positive("factor")?
        .ok_or("factor must be a positive number")?;
    let original = inner.positive("original_max_position_embeddings")?;
    let original = original.unwrap_or(sizes.context as f64);
    let magnitude = |weight: f64| {
        if factor <= 1.0 {
            1.0
        } else {
            0.1 * weight * factor.ln() + 1.0
        }
    };
    let own = inner.positive("attention_factor")?;
    let scales = (inner.number("mscale")?, inner.number("mscale_all_dim")?);
    let attention_factor = match (own, scales) {
        (Some(own), _) => own,
        (None, (Some(part), Some(all))) if part != 0.0 && all != 0.0 => magnitude(part) / magnitude(all),
        _ => magnitude(1.0),
    };
    let dim = sizes.head_dim as f64;
    // The pair that turns this often within the first context.
    let pair = |turns: f64| dim * (original / (turns * std::f64::consts::TAU)).ln() / (2.0 * theta.ln());
    let low = pair(inner.positive("beta_fast")?.unwrap_or(32.0));
    let high = pair(inner.positive("beta_slow")?.unwrap_or(1.0));
    let (low, high) = if inner.flag("truncate")?.unwrap_or(true) {
        (low.floor(), high.ceil())
    } else {
        (low, high)
    };
    let (low, high) = (low.max(0.0), high.min(dim - 1.0));
    Ok(RopeScaling::Yarn {
        factor,
        low,
        // A ramp of no width would divide by zero.
        high: if high == low { low + 0.001 } else { high },
        attention_factor,
    })
}
