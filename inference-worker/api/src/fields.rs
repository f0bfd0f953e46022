//! Parameters of the OpenAI schema that are accepted without effect, or only with the value that has none.

use serde_json::Value;

/// Parameters that only label a request for its sender.
pub(crate) const LABELS: &[&str] = &["metadata", "prompt_cache_key", "safety_identifier", "user"];

/// Parameters that are not implemented. Each is accepted with the value that asks for nothing, because some
/// clients always send it; any other value is refused by name.
pub(crate) fn is_neutral(name: &str, value: &Value) -> Option<bool> {
    let empty = || match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    let neutral = match name {
        "n" | "best_of" => value.as_f64() == Some(1.0),
        "frequency_penalty" | "presence_penalty" => value.as_f64() == Some(0.0),
        "echo" | "store" => *value == false,
        // A list of token counts for completions, a switch for chats.
        "logprobs" => *value == false,
        "logit_bias" | "tools" | "functions" | "suffix" => empty(),
        "tool_choice" | "function_call" => value == "none" || value == "auto",
        "parallel_tool_calls" => value.is_boolean(),
        "response_format" => value.get("type").is_some_and(|kind| kind == "text"),
        "service_tier" => value == "auto" || value == "default",
        "modalities" => *value == serde_json::json!(["text"]),
        "top_logprobs" | "audio" | "prediction" | "reasoning_effort" | "verbosity" | "web_search_options" => {
            false
        }
        _ => return None,
    };
    Some(neutral)
}
