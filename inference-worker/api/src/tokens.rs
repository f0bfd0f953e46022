//! `/tokenize` and `/detokenize`: what is asked, and how it is told.

use crate::error::ApiError;
use crate::request::{Endpoint, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    #[serde(default)]
    model: Option<String>,
    prompt: String,
    #[serde(default = "yes")]
    add_special_tokens: bool,
}

/// Tokens whose text is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detokenize {
    /// Model, if it is named.
    #[serde(default)]
    pub model: Option<String>,
    /// Token ids.
    pub tokens: Vec<u32>,
}

fn yes() -> bool {
    true
}

/// Reads JSON.
///
/// # Errors
/// When it is none.
pub fn json_of(body: &[u8]) -> Result<Value, ApiError> {
    serde_json::from_slice(body).map_err(|e| ApiError::body(format!("The body cannot be read: {e}.")))
}

fn read<T: DeserializeOwned>(body: Value) -> Result<T, ApiError> {
    serde_json::from_value(body).map_err(|e| ApiError::body(format!("The body cannot be read: {e}.")))
}

impl Tokenize {
    /// Reads a body for a server of `model`, which is what a chat that names none means.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(body: Value, model: &str) -> Result<Self, ApiError> {
        match body {
            Value::Object(mut chat) if chat.contains_key("messages") => {
                chat.entry("model").or_insert_with(|| model.into());
                let request = Request::parse(Endpoint::Chat, Value::Object(chat).to_string().as_bytes())?;
                Ok(Self::Chat(Box::new(request)))
            }
            body => {
                let Plain {
                    model,
                    prompt,
                    add_special_tokens,
                } = read(body)?;
                Ok(Self::Text {
                    model,
                    prompt,
                    add_special_tokens,
                })
            }
        }
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
        read(body)
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
