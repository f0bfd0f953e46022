//! `config.json` of the decoder families that this project computes, one file for each.
//!
//! A field that would change the maths in a way this project does not implement is refused by name, and so is a
//! field it has never heard of: a wrong guess would give fluent, wrong answers.

mod encoder;
mod fields;
mod gemma2;
mod gemma3;
mod llama;
mod mistral;
mod mixtral;
mod qwen2;
mod qwen3;
mod rope;
mod windows;

pub use encoder::{EncoderConfig, Pooling};
pub use rope::{Rope, RopeScaling};

use crate::tokenizer::{TokenizerError, read};
use fields::Fields;
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
    /// Rotary frequencies.
    pub rope: Rope,
    /// Rotary frequencies of the layers that have a window, if they differ.
    pub window_rope: Option<Rope>,
    /// For each layer, how many positions a query sees, its own among them; `None` is all.
    pub windows: Vec<Option<usize>>,
    /// Whether the output layer is the embedding.
    pub tie_word_embeddings: bool,
    /// Whether the query, key and value projections carry biases.
    pub qkv_bias: bool,
    /// Whether the attention's output projection carries a bias.
    pub out_bias: bool,
    /// Whether the feed-forward projections carry biases.
    pub mlp_bias: bool,
    /// Whether each head of queries and keys is normed before its rotation.
    pub qk_norm: bool,
    /// Whether a stored norm weight w means the factor 1 + w.
    pub norm_plus_one: bool,
    /// Whether the outputs of attention and feed-forward layer are normed before they are added.
    pub output_norms: bool,
    /// Non-linearity of the feed-forward layer's gate.
    pub activation: Activation,
    /// Factor of the embedding's rows on their way into the first layer.
    pub embedding_scale: Option<f64>,
    /// Factor of attention scores in place of `1 / sqrt(head_dim)`.
    pub attention_scale: Option<f64>,
    /// Attention scores s become `cap * tanh(s / cap)`.
    pub attention_softcap: Option<f64>,
    /// Logits z become `cap * tanh(z / cap)`.
    pub logit_softcap: Option<f64>,
    /// The experts of a Mixture-of-Experts model.
    pub experts: Option<Experts>,
}

/// Non-linearity of a gated feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// GELU by its approximation with tanh.
    GeluTanh,
}

/// Feed-forward experts of which each token uses a few.
#[derive(Clone, Debug, PartialEq)]
pub struct Experts {
    /// Experts of a layer.
    pub count: usize,
    /// Experts that a token uses.
    pub per_token: usize,
    /// Width of one expert.
    pub intermediate_size: usize,
    /// Whether the weights of a token's experts are divided by their sum.
    pub normalise: bool,
    /// For each layer, whether it has experts; the others have one feed-forward layer.
    pub layers: Vec<bool>,
    /// How the checkpoint names them.
    pub names: ExpertNames,
}

/// Names of experts' tensors within a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpertNames {
    /// `mlp.gate` and `mlp.experts.N.{gate,up,down}_proj`.
    Qwen,
    /// `block_sparse_moe.gate` and `block_sparse_moe.experts.N.{w1,w3,w2}`.
    Mixtral,
}

/// Fields that do not reach the logits of a forward pass in fp32.
const WITHOUT_EFFECT: &[&str] = &[
    "_attn_implementation_autoset",
    "_name_or_path",
    "attention_dropout",
    "bos_token_id",
    "cache_implementation",
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

/// How a family reads its fields.
type Read = fn(&mut Fields) -> Result<ModelConfig, String>;

/// Where a family departs from Llama in what it leaves out.
struct Defaults {
    tied: bool,
    theta: Option<f64>,
    context: Option<usize>,
    eps: Option<f64>,
}

impl Default for Defaults {
    /// For published checkpoints that always say what the others left to a default.
    fn default() -> Self {
        Self {
            tied: false,
            theta: None,
            context: None,
            eps: None,
        }
    }
}

impl ModelConfig {
    /// Reads `config.json` of a model folder.
    ///
    /// # Errors
    /// When the file is missing, no JSON, or describes maths that is not implemented.
    pub fn load(folder: &Path) -> Result<Self, TokenizerError> {
        load(folder, Self::from_fields)
    }

    fn from_fields(fields: Map<String, Value>) -> Result<Self, String> {
        let mut fields = Fields(fields);
        let family = fields.text("model_type")?.unwrap_or_else(|| "llama".into());
        let (architecture, read): (_, Read) = match family.as_str() {
            "gemma2" => ("Gemma2ForCausalLM", gemma2::read),
            "gemma3_text" => ("Gemma3ForCausalLM", gemma3::read),
            "llama" => ("LlamaForCausalLM", llama::read),
            "mistral" => ("MistralForCausalLM", mistral::read),
            "mixtral" => ("MixtralForCausalLM", mixtral::read),
            "qwen2" => ("Qwen2ForCausalLM", qwen2::read),
            "qwen3" => ("Qwen3ForCausalLM", qwen3::read),
            "qwen3_moe" => ("Qwen3MoeForCausalLM", qwen3::read_moe),
            _ => return Err(format!("model_type {family:?} is not supported")),
        };
        match fields.take("architectures") {
            None => {}
            Some(Value::Array(names)) if names == [architecture] => {}
            Some(other) => return Err(format!("architectures {other} is not [{architecture:?}]")),
        }
        fields.unset("quantization_config")?;
        let config = read(&mut fields)?;
        config.check()?;
        match fields.rest(WITHOUT_EFFECT) {
            Some(name) => Err(format!("field {name:?} is not supported")),
            None => Ok(config),
        }
    }

    /// What all families share; the rest is as in Llama.
    fn base(fields: &mut Fields, defaults: &Defaults) -> Result<Self, String> {
        let hidden_size = fields.size("hidden_size")?;
        let heads = fields.size("num_attention_heads")?;
        let layers = fields.size("num_hidden_layers")?;
        let head_dim = fields.optional_size("head_dim")?.unwrap_or(hidden_size / heads);
        if head_dim == 0 || !head_dim.is_multiple_of(2) {
            return Err(format!(
                "head_dim {head_dim} is not even, as rotary embeddings need"
            ));
        }
        let context = fields
            .optional_size("max_position_embeddings")?
            .or(defaults.context);
        let eps = fields.positive("rms_norm_eps")?.or(defaults.eps);
        Ok(Self {
            hidden_size,
            // A model of experts alone has none.
            intermediate_size: fields.optional_size("intermediate_size")?.unwrap_or(0),
            layers,
            heads,
            kv_heads: fields.optional_size("num_key_value_heads")?.unwrap_or(heads),
            head_dim,
            vocab_size: fields.size("vocab_size")?,
            context: context.ok_or("max_position_embeddings is missing")?,
            rms_norm_eps: eps.ok_or("rms_norm_eps is missing")?,
            // Families read their own.
            rope: Rope {
                theta: defaults.theta.unwrap_or(10_000.0),
                scaling: RopeScaling::Default,
            },
            window_rope: None,
            windows: vec![None; layers],
            tie_word_embeddings: fields.flag("tie_word_embeddings")?.unwrap_or(defaults.tied),
            qkv_bias: false,
            out_bias: false,
            mlp_bias: false,
            qk_norm: false,
            norm_plus_one: false,
            output_norms: false,
            activation: Activation::Silu,
            embedding_scale: None,
            attention_scale: None,
            attention_softcap: None,
            logit_softcap: None,
            experts: None,
        })
    }

    fn rope_sizes(&self) -> rope::Sizes {
        rope::Sizes {
            head_dim: self.head_dim,
            context: self.context,
        }
    }

    fn check(&self) -> Result<(), String> {
        let (heads, kv_heads) = (self.heads, self.kv_heads);
        if !heads.is_multiple_of(kv_heads) {
            return Err(format!(
                "num_attention_heads {heads} is not a multiple of num_key_value_heads {kv_heads}"
            ));
        }
        let dense = |experts: &Experts| experts.layers.contains(&false);
        if self.intermediate_size == 0 && self.experts.as_ref().is_none_or(dense) {
            return Err("intermediate_size is missing".into());
        }
        match &self.experts {
            Some(experts) if experts.per_token > experts.count => Err(format!(
                "num_experts_per_tok {} is more than the {} experts",
                experts.per_token, experts.count
            )),
            _ => Ok(()),
        }
    }
}

fn load<T>(
    folder: &Path,
    read_fields: fn(Map<String, Value>) -> Result<T, String>,
) -> Result<T, TokenizerError> {
    let path = folder.join("config.json");
    let invalid = |reason: String| TokenizerError::Invalid {
        path: path.clone(),
        reason,
    };
    match serde_json::from_slice(&read(&path)?).map_err(|e| invalid(e.to_string()))? {
        Value::Object(fields) => read_fields(fields).map_err(invalid),
        _ => Err(invalid("it is not a JSON object".into())),
    }
}
