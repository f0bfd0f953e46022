//! Sentence encoders of the BERT class: `config.json` of the transformer, `modules.json` of what follows it.

use super::fields::Fields;
use crate::tokenizer::{TokenizerError, read_optional};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Numbers that define an encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderConfig {
    /// Width of the residual stream, and of an embedding.
    pub hidden_size: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Rows of the word embedding.
    pub vocab_size: usize,
    /// Rows of the position embedding.
    pub positions: usize,
    /// Row of the first token's position: RoBERTa keeps the rows before it for padding.
    pub first_position: usize,
    /// Rows of the segment embedding; all tokens take the first.
    pub segments: usize,
    /// Longest sequence in tokens.
    pub context: usize,
    /// Epsilon of the layer norms.
    pub norm_eps: f64,
    /// Name of the architecture's part of a larger checkpoint, as in `bert.embeddings`.
    pub prefix: &'static str,
    /// How token rows become one.
    pub pooling: Pooling,
    /// Whether embeddings are divided by their Euclidean length.
    pub normalise: bool,
}

/// How token rows become one embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The mean over all tokens.
    Mean,
    /// The first token's row.
    First,
}

/// Fields that do not reach the rows of a forward pass in fp32.
const WITHOUT_EFFECT: &[&str] = &[
    "_name_or_path",
    "add_cross_attention",
    "attention_probs_dropout_prob",
    "bos_token_id",
    "classifier_dropout",
    "dtype",
    "eos_token_id",
    "gradient_checkpointing",
    "hidden_dropout_prob",
    "initializer_range",
    "is_decoder",
    "output_past",
    "pad_token_id",
    "tie_word_embeddings",
    "torch_dtype",
    "transformers.js_config",
    "transformers_version",
    "use_cache",
];

impl EncoderConfig {
    /// Whether a model folder says that it holds an encoder, be it one that can be loaded or not.
    pub fn describes(folder: &Path) -> bool {
        let config = read_optional(&folder.join("config.json")).ok().flatten();
        let family = config.and_then(|config| config["model_type"].as_str().map(str::to_owned));
        matches!(family.as_deref(), Some("bert" | "roberta" | "xlm-roberta"))
    }

    /// Reads the folder of a sentence encoder: that of `sentence-transformers`, or a transformer alone, whose rows
    /// are then averaged.
    ///
    /// # Errors
    /// Names the file and the field that is missing or not implemented.
    pub fn load(folder: &Path) -> Result<Self, TokenizerError> {
        let mut config = super::load(folder, Self::from_fields)?;
        let file = |name: &str| -> Result<Option<(PathBuf, Value)>, TokenizerError> {
            let path = folder.join(name);
            Ok(read_optional(&path)?.map(|value| (path, value)))
        };
        let invalid = |path: &Path, reason: String| TokenizerError::Invalid {
            path: path.to_owned(),
            reason,
        };
        if let Some((path, value)) = file("sentence_bert_config.json")? {
            match &value["max_seq_length"] {
                Value::Null => {}
                length => {
                    let length = length.as_u64().filter(|n| *n > 0).map(|n| n as usize);
                    let length =
                        length.ok_or_else(|| invalid(&path, "max_seq_length is not a size".into()))?;
                    config.context = config.context.min(length);
                }
            }
        }
        let Some((path, modules)) = file("modules.json")? else {
            return Ok(config);
        };
        let modules = modules.as_array().cloned().unwrap_or_default();
        let kinds = modules.iter().map(|module| {
            let kind = module["type"].as_str().unwrap_or_default();
            kind.rsplit('.').next().unwrap_or_default()
        });
        config.normalise = match kinds.collect::<Vec<_>>().as_slice() {
            ["Transformer", "Pooling"] => false,
            ["Transformer", "Pooling", "Normalize"] => true,
            other => return Err(invalid(&path, format!("modules {other:?} are not supported"))),
        };
        if modules[0]["path"].as_str() != Some("") {
            return Err(invalid(
                &path,
                "the transformer must lie in the model's folder itself".into(),
            ));
        }
        let place = modules[1]["path"].as_str().unwrap_or_default();
        if Path::new(place).file_name() != Some(place.as_ref()) {
            return Err(invalid(
                &path,
                format!("path {place:?} is not a folder of the model"),
            ));
        }
        let path = folder.join(place).join("config.json");
        let pooling = read_optional(&path)?.unwrap_or_default();
        config.pooling = pooling_of(&pooling, config.hidden_size).map_err(|reason| invalid(&path, reason))?;
        Ok(config)
    }

    fn from_fields(fields: Map<String, Value>) -> Result<Self, String> {
        let mut fields = Fields(fields);
        let family = fields.text("model_type")?.ok_or("model_type is missing")?;
        let prefix = match family.as_str() {
            "bert" => "bert.",
            "roberta" | "xlm-roberta" => "roberta.",
            _ => return Err(format!("model_type {family:?} is not a supported encoder")),
        };
        fields.take("architectures");
        fields.unset("quantization_config")?;
        fields.only("hidden_act", "gelu")?;
        fields.only("position_embedding_type", "absolute")?;
        fields.not("is_decoder")?;
        let positions = fields.size("max_position_embeddings")?;
        let padding = fields.0.get("pad_token_id").and_then(Value::as_u64);
        let first_position = if family == "bert" {
            0
        } else {
            padding.ok_or("pad_token_id is missing")? as usize + 1
        };
        let config = Self {
            hidden_size: fields.size("hidden_size")?,
            intermediate_size: fields.size("intermediate_size")?,
            layers: fields.size("num_hidden_layers")?,
            heads: fields.size("num_attention_heads")?,
            vocab_size: fields.size("vocab_size")?,
            positions,
            first_position,
            segments: fields.optional_size("type_vocab_size")?.unwrap_or(2),
            context: positions.saturating_sub(first_position),
            norm_eps: fields.positive("layer_norm_eps")?.unwrap_or(1e-12),
            prefix,
            pooling: Pooling::Mean,
            normalise: false,
        };
        if !config.hidden_size.is_multiple_of(config.heads) {
            return Err("hidden_size is not a multiple of num_attention_heads".into());
        }
        if config.context == 0 {
            return Err("max_position_embeddings leaves no position".into());
        }
        match fields.rest(WITHOUT_EFFECT) {
            Some(name) => Err(format!("field {name:?} is not supported")),
            None => Ok(config),
        }
    }
}

/// The mode is a flag of its own in older folders, `pooling_mode` in newer ones.
fn pooling_of(config: &Value, width: usize) -> Result<Pooling, String> {
    let dimension = config
        .get("word_embedding_dimension")
        .or(config.get("embedding_dimension"));
    if dimension.and_then(Value::as_u64) != Some(width as u64) {
        return Err(format!("word_embedding_dimension is not {width}"));
    }
    let flags = config.as_object().into_iter().flatten();
    let mut modes: Vec<&str> = flags
        .filter(|(name, value)| name.starts_with("pooling_mode_") && value.as_bool() == Some(true))
        .map(|(name, _)| name.as_str())
        .collect();
    modes.extend(config["pooling_mode"].as_str());
    if config["include_prompt"].as_bool() == Some(false) {
        return Err("include_prompt false is not supported".into());
    }
    match modes.as_slice() {
        ["pooling_mode_mean_tokens" | "mean"] => Ok(Pooling::Mean),
        ["pooling_mode_cls_token" | "cls"] => Ok(Pooling::First),
        other => Err(format!("pooling {other:?} is not supported")),
    }
}
