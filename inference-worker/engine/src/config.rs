//! `config.json` of a Llama-architecture checkpoint.
//!
//! A field that would change the maths in a way this project does not implement is refused by name, and so is a
//! field it has never heard of: a wrong guess would give fluent, wrong answers.

use crate::tokenizer::{TokenizerError, read};
use serde_json::{Map, Value};
use std::path::Path;

/// Numbers that define the decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the gated feed-forward layer.
    pub intermediate_size: usize,
    /// Number of decoder layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Longest sequence in tokens.
    pub context: usize,
    /// Epsilon of the RMS norms.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// How the rotary frequencies are scaled.
    pub rope_scaling: RopeScaling,
    /// Whether the output layer is the embedding.
    pub tie_word_embeddings: bool,
    /// Whether the attention projections carry biases.
    pub attention_bias: bool,
    /// Whether the feed-forward projections carry biases.
    pub mlp_bias: bool,
}

/// Scaling of rotary frequencies for contexts beyond the first training's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// None.
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
}

/// Fields that do not reach the logits of a forward pass in fp32.
const WITHOUT_EFFECT: &[&str] = &[
    "_attn_implementation_autoset",
    "_name_or_path",
    "attention_dropout",
    "bos_token_id",
    "dtype",
    "eos_token_id",
    "initializer_range",
    "is_llama_config",
    "pad_token_id",
    "torch_dtype",
    "transformers.js_config",
    "transformers_version",
    "unsloth_fixed",
    "unsloth_version",
    "use_cache",
];

impl ModelConfig {
    /// Reads `config.json` of a model folder.
    ///
    /// # Errors
    /// When the file is missing, no JSON, or describes maths that is not implemented.
    pub fn load(folder: &Path) -> Result<Self, TokenizerError> {
        let path = folder.join("config.json");
        let invalid = |reason: String| TokenizerError::Invalid {
            path: path.clone(),
            reason,
        };
        let value: Value = serde_json::from_slice(&read(&path)?).map_err(|e| invalid(e.to_string()))?;
        let Value::Object(fields) = value else {
            return Err(invalid("it is not a JSON object".into()));
        };
        Self::from_fields(fields).map_err(invalid)
    }

    /// Half of a head's width: the number of rotary frequencies.
    pub fn rotary_pairs(&self) -> usize {
        self.head_dim / 2
    }

    /// Inverse frequency of each rotary pair, scaling applied.
    pub fn inverse_frequencies(&self) -> Vec<f64> {
        let plain =
            (0..self.rotary_pairs()).map(|i| self.rope_theta.powf(-((2 * i) as f64) / self.head_dim as f64));
        plain.map(|f| self.rope_scaling.scale(f)).collect()
    }

    fn from_fields(fields: Map<String, Value>) -> Result<Self, String> {
        let mut fields = Fields(fields);
        fields.only("model_type", "llama")?;
        match fields.take("architectures") {
            None => {}
            Some(Value::Array(names)) if names == ["LlamaForCausalLM"] => {}
            Some(other) => return Err(format!("architectures {other} is not [\"LlamaForCausalLM\"]")),
        }
        fields.only("hidden_act", "silu")?;
        fields.unset("quantization_config")?;
        fields.unset("sliding_window")?;
        if fields.flag("rope_interleaved")? {
            return Err("rope_interleaved is not supported".into());
        }
        match fields.take("pretraining_tp") {
            Some(value) if value != 1 => return Err("pretraining_tp other than 1 is not supported".into()),
            _ => {}
        }
        let hidden_size = fields.size("hidden_size")?;
        let heads = fields.size("num_attention_heads")?;
        let kv_heads = fields.optional_size("num_key_value_heads")?.unwrap_or(heads);
        let (rope_theta, rope_scaling) = fields.rope()?;
        let config = Self {
            hidden_size,
            intermediate_size: fields.size("intermediate_size")?,
            layers: fields.size("num_hidden_layers")?,
            heads,
            kv_heads,
            head_dim: fields.optional_size("head_dim")?.unwrap_or(hidden_size / heads),
            vocab_size: fields.size("vocab_size")?,
            context: fields.optional_size("max_position_embeddings")?.unwrap_or(2048),
            rms_norm_eps: fields.number("rms_norm_eps")?.unwrap_or(1e-6),
            rope_theta,
            rope_scaling,
            tie_word_embeddings: fields.flag("tie_word_embeddings")?,
            attention_bias: fields.flag("attention_bias")?,
            mlp_bias: fields.flag("mlp_bias")?,
        };
        if !heads.is_multiple_of(kv_heads) {
            return Err(format!(
                "num_attention_heads {heads} is not a multiple of num_key_value_heads {kv_heads}"
            ));
        }
        if config.head_dim == 0 || !config.head_dim.is_multiple_of(2) {
            return Err(format!(
                "head_dim {} is not even, as rotary embeddings need",
                config.head_dim
            ));
        }
        if !(config.rms_norm_eps > 0.0 && config.rope_theta > 0.0) {
            return Err("rms_norm_eps and rope_theta must be positive".into());
        }
        match fields
            .0
            .keys()
            .find(|name| !WITHOUT_EFFECT.contains(&name.as_str()))
        {
            Some(name) => Err(format!("field {name:?} is not supported")),
            None => Ok(config),
        }
    }
}

impl RopeScaling {
    /// Scales one inverse frequency; the ramp of Llama 3 is linear in the number of turns over the first context.
    fn scale(self, frequency: f64) -> f64 {
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
        }
    }
}

/// Fields not yet used; what remains at the end is unknown.
struct Fields(Map<String, Value>);

impl Fields {
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    fn only(&mut self, name: &str, wanted: &str) -> Result<(), String> {
        match self.take(name) {
            Some(value) if value != wanted => {
                Err(format!("{name} {value} is not supported, only {wanted:?}"))
            }
            _ => Ok(()),
        }
    }

    fn unset(&mut self, name: &str) -> Result<(), String> {
        self.take(name)
            .map_or(Ok(()), |_| Err(format!("{name} is not supported")))
    }

    fn optional_size(&mut self, name: &str) -> Result<Option<usize>, String> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        // Far above any published model, and small enough that products of two cannot overflow.
        let size = value
            .as_u64()
            .filter(|n| (1..=1 << 28).contains(n))
            .map(|n| n as usize);
        size.map(Some)
            .ok_or_else(|| format!("{name} {value} is not a positive size"))
    }

    fn size(&mut self, name: &str) -> Result<usize, String> {
        self.optional_size(name)?
            .ok_or_else(|| format!("{name} is missing"))
    }

    fn number(&mut self, name: &str) -> Result<Option<f64>, String> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        value
            .as_f64()
            .map(Some)
            .ok_or_else(|| format!("{name} {value} is not a number"))
    }

    fn flag(&mut self, name: &str) -> Result<bool, String> {
        let Some(value) = self.take(name) else {
            return Ok(false);
        };
        value
            .as_bool()
            .ok_or_else(|| format!("{name} {value} is not true or false"))
    }

    /// Older checkpoints write `rope_theta` and `rope_scaling`, newer ones `rope_parameters` with both.
    fn rope(&mut self) -> Result<(f64, RopeScaling), String> {
        let outer_theta = self.number("rope_theta")?;
        let (name, inner) = match (self.take("rope_parameters"), self.take("rope_scaling")) {
            (Some(_), Some(_)) => return Err("rope_parameters and rope_scaling contradict each other".into()),
            (Some(inner), None) => ("rope_parameters", inner),
            (None, Some(inner)) => ("rope_scaling", inner),
            (None, None) => return Ok((outer_theta.unwrap_or(10_000.0), RopeScaling::Default)),
        };
        let Value::Object(inner) = inner else {
            return Err(format!("{name} is not an object"));
        };
        let mut inner = Self(inner);
        let theta = inner.number("rope_theta")?.or(outer_theta).unwrap_or(10_000.0);
        let old_kind = inner.take("type");
        let kind = inner
            .take("rope_type")
            .or(old_kind)
            .unwrap_or_else(|| "default".into());
        let mut positive = |field: &str| match inner.number(field)? {
            Some(value) if value > 0.0 => Ok(value),
            _ => Err(format!("{name}.{field} must be a positive number")),
        };
        let scaling = match kind.as_str() {
            Some("default") => RopeScaling::Default,
            Some("linear") => RopeScaling::Linear {
                factor: positive("factor")?,
            },
            Some("llama3") => RopeScaling::Llama3 {
                factor: positive("factor")?,
                low_freq_factor: positive("low_freq_factor")?,
                high_freq_factor: positive("high_freq_factor")?,
                original_context: positive("original_max_position_embeddings")?,
            },
            _ => return Err(format!("{name} of type {kind} is not supported")),
        };
        match inner.0.keys().next() {
            Some(field) => Err(format!("field {name}.{field} is not supported")),
            None => Ok((theta, scaling)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(change: Value) -> Result<ModelConfig, String> {
        let mut base = json!({
            "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
            "num_attention_heads": 4, "vocab_size": 100,
        });
        let fields = base.as_object_mut().unwrap();
        fields.extend(change.as_object().unwrap().clone());
        ModelConfig::from_fields(fields.clone())
    }

    #[test]
    fn a_field_that_changes_the_maths_is_refused_by_its_name() {
        for (change, name) in [
            (json!({"quantization_config": {"bits": 4}}), "quantization_config"),
            (json!({"hidden_act": "gelu"}), "hidden_act"),
            (json!({"rope_interleaved": true}), "rope_interleaved"),
            (json!({"rope_scaling": {"type": "yarn", "factor": 2.0}}), "yarn"),
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
        let scaled = config.inverse_frequencies();
        assert_eq!(scaled[0], 1.0);
        let plain = ModelConfig {
            rope_scaling: RopeScaling::Default,
            ..config
        }
        .inverse_frequencies();
        assert_eq!(scaled[7], plain[7] / 8.0);
    }
}
