//! A chat's answer as a message, and its errors.

use crate::dialect::answer::{End, Whole};
use crate::response::Usage;
use http::StatusCode;
use serde_json::{Value, json};

/// Anthropic's words for how an answer ended, and the stop sequence that ended it.
pub(super) fn stop(end: &End) -> (&'static str, Value) {
    match (end.reason.as_str(), &end.stop) {
        ("length", _) => ("max_tokens", Value::Null),
        ("tool_calls", _) => ("tool_use", Value::Null),
        (_, Some(stop)) => ("stop_sequence", stop.clone().into()),
        _ => ("end_turn", Value::Null),
    }
}

/// Tokens that were read, those found in a cache counted apart, and tokens that were written.
pub(super) fn usage(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.prompt_tokens.saturating_sub(usage.cached_tokens),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.completion_tokens,
    })
}

/// What stands for Anthropic's signature of thoughts. It is checked by nobody: thoughts that come back are taken as they
/// are.
pub(super) const SIGNATURE: &str = "unsigned";

/// A block of thoughts.
pub(super) fn thinking(thought: &str, signature: &str) -> Value {
    json!({"type": "thinking", "thinking": thought, "signature": signature})
}

/// A message with the blocks so far.
pub(super) fn message(id: &str, model: &str, content: Vec<Value>) -> Value {
    json!({"id": format!("msg_{id}"), "type": "message", "role": "assistant", "model": model, "content": content,
           "stop_reason": null, "stop_sequence": null})
}

/// A whole message. Input that was cut is no JSON, so it becomes none; the stop reason says so.
pub(in crate::dialect) fn whole(_echo: &Value, whole: &Whole) -> Value {
    let mut content = Vec::new();
    if !whole.thought.is_empty() {
        content.push(thinking(&whole.thought, SIGNATURE));
    }
    if !whole.text.is_empty() || whole.calls.is_empty() {
        content.push(json!({"type": "text", "text": whole.text}));
    }
    for call in &whole.calls {
        let input: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
        content.push(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}));
    }
    let mut message = message(&whole.id, &whole.model, content);
    let (reason, sequence) = stop(&whole.end);
    message["stop_reason"] = reason.into();
    message["stop_sequence"] = sequence;
    message["usage"] = usage(whole.usage);
    message
}

/// An error in Anthropic's shape. `param` is beside its fields.
pub(in crate::dialect) fn error(status: StatusCode, error: &Value) -> Value {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        500..=599 => "api_error",
        _ => "invalid_request_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": error["message"], "param": error["param"]}})
}
