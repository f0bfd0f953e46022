//! The answer of a chat with one choice, read back.

use crate::response::Usage;
use serde_json::Value;

/// A call of a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Its id.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON, unless the answer was cut.
    pub arguments: String,
}

/// How an answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// `stop`, `length` or `tool_calls`.
    pub reason: String,
    /// The stop string that ended it, if one did.
    pub stop: Option<String>,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole {
    /// Random part of the answer's id.
    pub id: String,
    /// Unix time in seconds.
    pub created: u64,
    /// Model id.
    pub model: String,
    /// Thoughts before the answer.
    pub thought: String,
    /// Text.
    pub text: String,
    /// Log-probabilities of the text's tokens; none if nobody asked.
    pub logprobs: Vec<Value>,
    /// Calls.
    pub calls: Vec<Call>,
    /// How it ended.
    pub end: End,
    /// Token counts.
    pub usage: Usage,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The part of an id that is its own.
pub(super) fn own_id(value: &Value) -> String {
    let id = value["id"].as_str().unwrap_or_default();
    id.split_once('-').map_or(id, |(_, own)| own).to_owned()
}

/// Token counts, where there are any.
pub(super) fn usage_of(value: &Value) -> Option<Usage> {
    let count = |value: &Value| value.as_u64().and_then(|n| u32::try_from(n).ok());
    let usage = value.get("usage").filter(|usage| usage.is_object())?;
    let counted = Usage::new(
        count(&usage["prompt_tokens"])?,
        count(&usage["completion_tokens"])?,
    );
    let cached = count(&usage["prompt_tokens_details"]["cached_tokens"]);
    let reasoning = count(&usage["completion_tokens_details"]["reasoning_tokens"]);
    Some(
        counted
            .with_cached(cached.unwrap_or(0))
            .with_reasoning(reasoning.unwrap_or(0)),
    )
}

/// Thoughts of a message or a piece of one, under either of their names.
pub(super) fn thought_of(message: &Value) -> String {
    let names = ["reasoning_content", "reasoning"];
    let found = names.iter().find_map(|name| message[*name].as_str());
    found.unwrap_or_default().to_owned()
}

/// How a choice ended, if it did.
pub(super) fn end_of(choice: &Value) -> Option<End> {
    let reason = choice["finish_reason"].as_str()?.to_owned();
    let stop = choice["stop_reason"].as_str().map(str::to_owned);
    Some(End { reason, stop })
}

/// Entries of log-probabilities.
pub(super) fn logprobs_of(choice: &Value) -> Vec<Value> {
    choice["logprobs"]["content"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// Reads the body of a chat's answer; none if it is something else.
pub fn whole_of(value: &Value) -> Option<Whole> {
    let choice = value.get("choices")?.get(0)?;
    let message = choice.get("message")?;
    let call = |call: &Value| Call {
        id: text(&call["id"]),
        name: text(&call["function"]["name"]),
        arguments: text(&call["function"]["arguments"]),
    };
    let calls = message["tool_calls"].as_array();
    Some(Whole {
        id: own_id(value),
        created: value["created"].as_u64().unwrap_or(0),
        model: text(&value["model"]),
        thought: thought_of(message),
        text: text(&message["content"]),
        logprobs: logprobs_of(choice),
        calls: calls.map_or_else(Vec::new, |calls| calls.iter().map(call).collect()),
        end: end_of(choice)?,
        usage: usage_of(value)?,
    })
}
