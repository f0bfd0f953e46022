//! Parameters of the OpenAI schema that are accepted without effect, or only with the value that has none.

use crate::error::ApiError;
use serde_json::Value;

/// Most pairs of `metadata`, and characters of a key and of a value, as OpenAI has it.
const METADATA: (usize, usize, usize) = (16, 64, 512);

/// Parameters that only label a request for its sender. None if it is no such parameter; otherwise whether it has the right shape.
pub(crate) fn label(name: &str, value: &Value) -> Option<Result<(), ApiError>> {
    let right = match name {
        "safety_identifier" | "user" => value.is_string(),
        "metadata" => value.as_object().is_some_and(|pairs| {
            let (most, key, text) = METADATA;
            let fits = |value: &Value| value.as_str().is_some_and(|value| value.chars().count() <= text);
            pairs.len() <= most
                && pairs
                    .iter()
                    .all(|(name, value)| name.chars().count() <= key && fits(value))
        }),
        _ => return None,
    };
    let message = match name {
        "metadata" => {
            let (most, key, text) = METADATA;
            format!(
                "'metadata' must be an object of at most {most} strings, with names of at most {key} and values of at \
                 most {text} characters."
            )
        }
        _ => format!("'{name}' must be a string."),
    };
    Some(
        right
            .then_some(())
            .ok_or_else(|| ApiError::invalid(name, message)),
    )
}

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
        "echo" | "store" | "ignore_eos" | "continue_final_message" | "include_reasoning" => *value == false,
        "add_generation_prompt" | "skip_special_tokens" => *value == true,
        "min_tokens" | "priority" | "top_a" => value.as_f64() == Some(0.0),
        "functions" | "suffix" | "stop_token_ids" | "bad_words" => empty(),
        "function_call" => value == "none" || value == "auto",
        "service_tier" => value == "auto" || value == "default",
        "modalities" => *value == serde_json::json!(["text"]),
        "prompt_cache_retention" => value == "in_memory" || value == "in-memory",
        // Prompts are cached by themselves; how long is not promised.
        "prompt_cache_options" => {
            let is_default = |(name, value): (&String, &Value)| name == "mode" && value == "implicit";
            value
                .as_object()
                .is_some_and(|options| options.iter().all(is_default))
        }
        "verbosity" => value == "medium",
        // The parameters of chats that completions do not have.
        "tools" => empty(),
        "tool_choice" => value == "none" || value == "auto",
        "parallel_tool_calls" => value.is_boolean(),
        "allowed_token_ids"
        | "audio"
        | "chat_template"
        | "chat_template_kwargs"
        | "documents"
        | "moderation"
        | "prediction"
        | "prompt_logprobs"
        | "reasoning"
        | "reasoning_effort"
        | "thinking"
        | "thinking_token_budget"
        | "top_logprobs"
        | "web_search_options" => false,
        _ => return None,
    };
    Some(neutral)
}
