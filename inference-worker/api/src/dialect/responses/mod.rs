//! OpenAI's Responses. Nothing is stored: a conversation is sent whole each time.

mod answer;
mod input;
mod stream;
#[cfg(test)]
mod tests;

pub(super) use answer::whole;
pub(super) use stream::Stream;

use super::fields::{Idle, OF_ENGINE, none_left, object, only, only_idle, optional_text, pass};
use super::names::Names;
use super::{Dialect, Translation};
use crate::error::ApiError;
use crate::json;
use serde_json::{Map, Value, json};

/// What chats call otherwise.
const RENAMED: &[(&str, &str)] = &[
    ("messages", "input"),
    ("max_completion_tokens", "max_output_tokens"),
    ("max_tokens", "max_output_tokens"),
    ("response_format.json_schema", "text.format"),
    ("response_format", "text.format"),
    ("reasoning_effort", "reasoning.effort"),
    ("logprobs", "include"),
    ("tool_choice.allowed_tools", "tool_choice"),
];
/// Other parameters that chats have under the same name: OpenAI's.
const SAME: &[&str] = &[
    "parallel_tool_calls",
    "metadata",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "service_tier",
    "stop",
];
/// What would need a store or a server of tools.
const REFUSED: &[&str] = &[
    "previous_response_id",
    "conversation",
    "prompt",
    "max_tool_calls",
    "context_management",
    "moderation",
];
/// Objects whose fields may have a value that asks for nothing. No images are taken, so none is compressed.
const IDLE: &[(&str, &[Idle])] = &[
    ("access_programs", &[("cyber", &["standard"])]),
    (
        "background_options",
        &[("completion_window", &["soonest"]), ("continuation_id", &[])],
    ),
    ("image", &[("context_compression", &["auto", "disabled"])]),
];
const LOGPROBS: &str = "message.output_text.logprobs";

pub(super) fn translate(bytes: &[u8]) -> Result<Translation, ApiError> {
    let mut fields = json::fields(bytes)?;
    let mut echo = echo(&fields);
    if let Some(name) = REFUSED.iter().find(|name| fields.contains_key(**name)) {
        let message = format!(
            "Unsupported parameter: '{name}' is not supported by this server, which stores nothing; send the whole \
             conversation as 'input'."
        );
        return Err(ApiError {
            code: Some("unsupported_parameter"),
            ..ApiError::invalid(name, message)
        });
    }
    only(&mut fields, "store", &[false.into()])?;
    only(&mut fields, "background", &[false.into()])?;
    only(&mut fields, "truncation", &["disabled".into()])?;
    for (name, idle) in IDLE {
        only_idle(&mut fields, name, idle)?;
    }
    let mut chat = Map::new();
    pass(&mut fields, &mut chat, OF_ENGINE);
    pass(&mut fields, &mut chat, SAME);
    let (messages, origins) = input::messages(&mut fields)?;
    chat.insert("messages".into(), messages.into());
    if let Some(most) = fields.remove("max_output_tokens") {
        chat.insert("max_completion_tokens".into(), most);
    }
    if let Some(format) = text(&mut fields, &mut echo)? {
        chat.insert("response_format".into(), format);
    }
    if let Some(reasoning) = fields.remove("reasoning") {
        let mut reasoning = object("reasoning", reasoning)?;
        if let Some(effort) = reasoning.remove("effort") {
            chat.insert("reasoning_effort".into(), effort);
        }
        for name in ["summary", "generate_summary"] {
            // None is made, which is what `auto` may come to.
            if reasoning.remove(name).is_some_and(|value| value != "auto") {
                return Err(ApiError::unsupported(&format!("reasoning.{name}")));
            }
        }
        none_left("reasoning", &reasoning)?;
    }
    let logprobs = include(&mut fields)?;
    if logprobs {
        chat.insert("logprobs".into(), true.into());
    }
    if let Some(top) = fields.remove("top_logprobs") {
        if !logprobs && top.as_i64().is_some_and(|top| top > 0) {
            let message = format!("'top_logprobs' is only allowed when 'include' has '{LOGPROBS}'.");
            return Err(ApiError::invalid("top_logprobs", message));
        }
        chat.insert("top_logprobs".into(), top);
    }
    tools(&mut fields, &mut chat)?;
    let stream = chat.get("stream") == Some(&Value::Bool(true));
    if let Some(options) = fields.remove("stream_options") {
        let mut options = object("stream_options", options)?;
        if options
            .remove("include_obfuscation")
            .is_some_and(|value| value != false)
        {
            return Err(ApiError::unsupported("stream_options.include_obfuscation"));
        }
        none_left("stream_options", &options)?;
    }
    if stream {
        chat.insert("stream_options".into(), json!({"include_usage": true}));
    }
    none_left("", &fields)?;
    Ok(Translation {
        body: Value::Object(chat).to_string().into(),
        dialect: Dialect::Responses,
        stream,
        echo,
        names: Names {
            renamed: RENAMED,
            origins,
        },
    })
}

/// What a response says of its request.
fn echo(fields: &Map<String, Value>) -> Value {
    let of = |name: &str, default: Value| fields.get(name).cloned().unwrap_or(default);
    json!({
        "background": false,
        "instructions": of("instructions", Value::Null),
        "max_output_tokens": of("max_output_tokens", Value::Null),
        "max_tool_calls": null,
        "metadata": of("metadata", json!({})),
        "parallel_tool_calls": of("parallel_tool_calls", true.into()),
        "previous_response_id": null,
        "reasoning": {"effort": fields.get("reasoning").and_then(|reasoning| reasoning.get("effort")), "summary": null},
        "service_tier": "default",
        "store": false,
        "temperature": of("temperature", 1.0.into()),
        "text": {"format": {"type": "text"}},
        "tool_choice": of("tool_choice", "auto".into()),
        "tools": of("tools", json!([])),
        "top_logprobs": of("top_logprobs", 0.into()),
        "top_p": of("top_p", 1.0.into()),
        "truncation": "disabled",
        "user": of("user", Value::Null),
    })
}

/// `text.format` as a chat's `response_format`.
fn text(fields: &mut Map<String, Value>, echo: &mut Value) -> Result<Option<Value>, ApiError> {
    let Some(text) = fields.remove("text") else {
        return Ok(None);
    };
    let mut text = object("text", text)?;
    if text.remove("verbosity").is_some_and(|value| value != "medium") {
        return Err(ApiError::unsupported("text.verbosity"));
    }
    let format = text.remove("format");
    none_left("text", &text)?;
    let Some(format) = format else {
        return Ok(None);
    };
    echo["text"]["format"] = format.clone();
    let mut format = object("text.format", format)?;
    let kind = optional_text(&mut format, "type", "text.format.type")?;
    match kind.as_deref() {
        Some("json_schema") => Ok(Some(json!({"type": "json_schema", "json_schema": format}))),
        Some(kind @ ("text" | "json_object")) => {
            none_left("text.format", &format)?;
            Ok(Some(json!({"type": kind})))
        }
        None => Err(ApiError::missing("text.format.type")),
        Some(_) => {
            let message = "'text.format.type' must be 'text', 'json_object' or 'json_schema'.";
            Err(ApiError::invalid("text.format.type", message))
        }
    }
}

/// Whether log-probabilities are asked for.
fn include(fields: &mut Map<String, Value>) -> Result<bool, ApiError> {
    let items = match fields.remove("include") {
        None => return Ok(false),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(ApiError::invalid("include", "'include' must be a list.")),
    };
    // Thoughts come as they are, so there is nothing that is encrypted.
    let fine = |item: &Value| item == LOGPROBS || item == "reasoning.encrypted_content";
    match items.iter().position(|item| !fine(item)) {
        Some(index) => Err(ApiError::unsupported(&format!("include[{index}]"))),
        None => Ok(items.iter().any(|item| item == LOGPROBS)),
    }
}

fn tools(fields: &mut Map<String, Value>, chat: &mut Map<String, Value>) -> Result<(), ApiError> {
    if let Some(tools) = fields.remove("tools") {
        let Value::Array(tools) = tools else {
            return Err(ApiError::invalid("tools", "'tools' must be a list."));
        };
        let tool = |(index, tool): (usize, Value)| {
            let path = format!("tools[{index}]");
            let mut tool = object(&path, tool)?;
            match tool.remove("type").as_ref().and_then(Value::as_str) {
                Some("function") => Ok(json!({"type": "function", "function": tool})),
                None => Err(ApiError::missing(&format!("{path}.type"))),
                Some(kind) => Err(ApiError {
                    code: Some("unsupported_parameter"),
                    ..ApiError::invalid(
                        &format!("{path}.type"),
                        format!(
                            "'{path}.type' must be 'function': this server has no tools of its own, so no '{kind}'."
                        ),
                    )
                }),
            }
        };
        let tools: Result<Vec<Value>, ApiError> = tools.into_iter().enumerate().map(tool).collect();
        chat.insert("tools".into(), tools?.into());
    }
    let choice = match fields.remove("tool_choice") {
        None => return Ok(()),
        Some(Value::Object(mut choice)) if choice.get("type").is_some_and(|kind| kind == "function") => {
            choice.remove("type");
            json!({"type": "function", "function": choice})
        }
        Some(Value::Object(mut choice)) if choice.get("type").is_some_and(|kind| kind == "allowed_tools") => {
            choice.remove("type");
            if let Some(Value::Array(tools)) = choice.get_mut("tools") {
                tools.iter_mut().for_each(as_of_chats);
            }
            json!({"type": "allowed_tools", "allowed_tools": choice})
        }
        Some(choice) => choice,
    };
    chat.insert("tool_choice".into(), choice);
    Ok(())
}

/// A tool that a choice names, as chats name it.
fn as_of_chats(tool: &mut Value) {
    if let Value::Object(fields) = tool
        && fields.get("type").is_some_and(|kind| kind == "function")
    {
        fields.remove("type");
        fields.retain(|_, value| !value.is_null());
        *tool = json!({"type": "function", "function": std::mem::take(fields)});
    }
}
