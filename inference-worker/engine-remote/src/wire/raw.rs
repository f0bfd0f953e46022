//! What engines send. Unknown fields are left out of account; wrong types make the answer garbage.

use crate::error::{UpstreamError, words_of};
use serde::Deserialize;
use serde_json::Value;

/// A whole answer or a chunk of one.
#[derive(Debug, Default, Deserialize)]
pub struct RawAnswer {
    /// Choices, or pieces of them.
    #[serde(default)]
    pub choices: Option<Vec<RawChoice>>,
    /// Token counts.
    #[serde(default)]
    pub usage: Option<Value>,
    /// An error in place of an answer.
    #[serde(default)]
    error: Option<Value>,
    /// vLLM: token ids of the prompt.
    #[serde(default)]
    pub prompt_token_ids: Option<Vec<u32>>,
}

/// A choice, or a piece of one.
#[derive(Debug, Default, Deserialize)]
pub struct RawChoice {
    /// Which one.
    #[serde(default)]
    pub index: Option<u32>,
    /// A piece of a chat's message.
    #[serde(default)]
    pub delta: Option<RawMessage>,
    /// A chat's message.
    #[serde(default)]
    pub message: Option<RawMessage>,
    /// A completion's text.
    #[serde(default)]
    pub text: Option<String>,
    /// In one of several shapes.
    #[serde(default)]
    pub logprobs: Option<Value>,
    /// Why it ended.
    #[serde(default)]
    pub finish_reason: Option<String>,
    /// vLLM: token ids of the output.
    #[serde(default)]
    pub token_ids: Option<Vec<u32>>,
    /// vLLM since 0.11 puts the prompt's here.
    #[serde(default)]
    pub prompt_token_ids: Option<Vec<u32>>,
}

/// A chat's message, or a piece of one.
#[derive(Debug, Default, Deserialize)]
pub struct RawMessage {
    /// Text.
    #[serde(default)]
    pub content: Option<String>,
    /// What the model thought.
    #[serde(default)]
    pub reasoning_content: Option<String>,
    /// The same under vLLM's newer name.
    #[serde(default)]
    pub reasoning: Option<String>,
    /// Calls of tools.
    #[serde(default)]
    pub tool_calls: Option<Vec<RawCall>>,
}

/// A call of a tool, or a piece of one.
#[derive(Debug, Default, Deserialize)]
pub struct RawCall {
    /// Which one of the answer's.
    #[serde(default)]
    pub index: Option<u32>,
    /// Its id.
    #[serde(default)]
    pub id: Option<String>,
    /// What is called.
    #[serde(default)]
    pub function: Option<RawFunction>,
}

/// What is called.
#[derive(Debug, Default, Deserialize)]
pub struct RawFunction {
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// JSON as text; TGI sends it as an object.
    #[serde(default)]
    pub arguments: Option<Value>,
}

impl RawAnswer {
    /// Reads an answer or a chunk.
    ///
    /// # Errors
    /// When it is none, or reports an error.
    pub fn parse(data: &[u8]) -> Result<Self, UpstreamError> {
        let value = serde_json::from_slice(data)
            .map_err(|e| UpstreamError::Garbage(format!("it is no JSON: {e}")))?;
        Self::from_value(value)
    }

    /// The same of JSON that was read before.
    ///
    /// # Errors
    /// As [`RawAnswer::parse`].
    pub fn from_value(value: Value) -> Result<Self, UpstreamError> {
        if !value.is_object() {
            return Err(UpstreamError::Garbage("it is no object".into()));
        }
        let answer: Self =
            serde_json::from_value(value).map_err(|e| UpstreamError::Garbage(words_of(&e.to_string())))?;
        match &answer.error {
            Some(error) => {
                let words = error.get("message").and_then(Value::as_str).map(str::to_owned);
                Err(UpstreamError::InStream(words_of(
                    &words.unwrap_or_else(|| error.to_string()),
                )))
            }
            None => Ok(answer),
        }
    }
}
