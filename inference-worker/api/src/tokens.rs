//! `/tokenize` and `/detokenize`: what is asked, and how it is told.

use crate::error::ApiError;
use crate::json;
use crate::params::{optional_flag, text as text_of};
use crate::request::{Endpoint, Request};
use serde_json::{Map, Value, json};

/// Tokens of a text that are told at once; more of a model with a longer context.
const MAX_TOLD: usize = 1 << 19;

/// Tokens that are told at once of a model with such a context.
pub fn most_told(context: usize) -> usize {
    MAX_TOLD.max(context.saturating_mul(4))
}

/// A text has more tokens than are told at once.
pub fn too_many(param: &str, context: usize) -> ApiError {
    let most = most_told(context);
    let message =
        format!("'{param}' has more than {most} tokens, the most that are counted at once; send less.");
    ApiError {
        code: Some("context_length_exceeded"),
        ..ApiError::invalid(param, message)
    }
}

/// What tokens are asked of.
#[derive(Clone, Debug, PartialEq)]
pub enum Tokenize {
    /// A text, with the tokenizer's special tokens around it or without.
    Text {
        /// Model, if it is named.
        model: Option<String>,
        /// Text.
        prompt: String,
        /// Whether to add them.
        add_special_tokens: bool,
    },
    /// The prompt of a chat, in the shape of `/v1/chat/completions`.
    Chat(Box<Request>),
}

/// Tokens whose text is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detokenize {
    /// Model, if it is named.
    pub model: Option<String>,
    /// Token ids.
    pub tokens: Vec<u32>,
}

/// Reads JSON.
///
/// # Errors
/// When it is none, or names a field twice.
pub fn json_of(body: &[u8]) -> Result<Value, ApiError> {
    json::value(body)
}

/// The fields of a body. An explicit null means the default.
fn fields(body: Value) -> Result<Map<String, Value>, ApiError> {
    let Value::Object(mut fields) = body else {
        return Err(ApiError::body("The request body must be a JSON object."));
    };
    fields.retain(|_, value| !value.is_null());
    Ok(fields)
}

fn none_left(fields: &Map<String, Value>) -> Result<(), ApiError> {
    fields
        .keys()
        .next()
        .map_or(Ok(()), |name| Err(ApiError::unknown(name)))
}

impl Tokenize {
    /// Reads a body for a server of `model`, which is what a chat that names none means.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(body: Value, model: &str) -> Result<Self, ApiError> {
        let mut fields = fields(body)?;
        if fields.contains_key("messages") {
            fields.entry("model").or_insert_with(|| model.into());
            let request = Request::parse(Endpoint::Chat, Value::Object(fields).to_string().as_bytes())?;
            return Ok(Self::Chat(Box::new(request)));
        }
        let asked = Self::Text {
            model: text_of(&mut fields, "model")?,
            prompt: text_of(&mut fields, "prompt")?.ok_or_else(|| ApiError::missing("prompt"))?,
            add_special_tokens: optional_flag(&mut fields, "add_special_tokens")?.unwrap_or(true),
        };
        none_left(&fields)?;
        Ok(asked)
    }

    /// The model that is named.
    pub fn model(&self) -> Option<&str> {
        match self {
            Self::Text { model, .. } => model.as_deref(),
            Self::Chat(request) => Some(&request.model),
        }
    }
}

impl Detokenize {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(body: Value) -> Result<Self, ApiError> {
        let mut fields = fields(body)?;
        let tokens = fields
            .remove("tokens")
            .ok_or_else(|| ApiError::missing("tokens"))?;
        let id = |id: &Value| id.as_u64().and_then(|id| u32::try_from(id).ok());
        let tokens = tokens.as_array().and_then(|ids| ids.iter().map(id).collect());
        let asked = Self {
            model: text_of(&mut fields, "model")?,
            tokens: tokens
                .ok_or_else(|| ApiError::invalid("tokens", "'tokens' must be a list of token ids."))?,
        };
        none_left(&fields)?;
        Ok(asked)
    }
}

/// The answer for these tokens, of a model with such a context.
pub fn counted(tokens: &[u32], context: usize) -> Value {
    json!({"count": tokens.len(), "max_model_len": context, "tokens": tokens})
}

/// The answer for tokens that have this text.
pub fn text(prompt: &str) -> Value {
    json!({"prompt": prompt})
}
