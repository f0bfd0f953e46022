//! Anthropic's Messages.

mod answer;
mod input;
mod stream;
#[cfg(test)]
mod tests;

pub(super) use answer::{error, whole};
pub(super) use stream::Stream;

use super::fields::{OF_ENGINE, none_left, object, optional_text, pass, required_text};
use super::names::Names;
use super::{Dialect, Translation};
use crate::error::ApiError;
use crate::json;
use http::HeaderMap;
use serde_json::{Map, Value, json};

/// What chats call otherwise.
const RENAMED: &[(&str, &str)] = &[
    ("max_completion_tokens", "max_tokens"),
    ("stop", "stop_sequences"),
    ("reasoning_effort", "output_config.effort"),
    ("thinking_token_budget", "thinking"),
    ("reasoning", "thinking"),
    ("response_format.json_schema", "output_config.format"),
    ("response_format", "output_config.format"),
];

/// What would need a store, a server of tools or another's accounts. Each is taken where it asks for nothing.
const REFUSED: &[&str] = &[
    "container",
    "context_management",
    "mcp_servers",
    "inference_geo",
    "speed",
    "diagnostics",
    "user_profile_id",
    "workspace_id",
    "billing_policy",
    "compaction",
    "fallback_credit_token",
    "fallbacks",
    "thread",
];

/// Headers by which Anthropic's clients send parameters.
const HEADERS: &[&str] = &["anthropic-user-profile-id", "anthropic-workspace-id"];

/// Refuses parameters that are headers.
pub(super) fn check_headers(headers: &HeaderMap) -> Result<(), ApiError> {
    let asked = HEADERS.iter().find(|name| headers.contains_key(**name));
    asked.map_or(Ok(()), |name| Err(ApiError::unsupported(name)))
}

/// Least budget of thoughts, as Anthropic has it.
const LEAST_BUDGET: u32 = 1024;

pub(super) fn translate(bytes: &[u8]) -> Result<Translation, ApiError> {
    let mut fields = json::fields(bytes)?;
    let mut chat = Map::new();
    let most = fields
        .remove("max_tokens")
        .ok_or_else(|| ApiError::missing("max_tokens"))?;
    chat.insert("max_completion_tokens".into(), most);
    if let Some(metadata) = fields.remove("metadata") {
        let mut metadata = object("metadata", metadata)?;
        if let Some(user) = optional_text(&mut metadata, "user_id", "metadata.user_id")? {
            chat.insert("user".into(), user.into());
        }
        none_left("metadata", &metadata)?;
    }
    match fields.remove("stop_sequences") {
        None => {}
        Some(Value::Array(stops)) => drop(chat.insert("stop".into(), stops.into())),
        Some(_) => {
            let message = "'stop_sequences' must be a list of strings.";
            return Err(ApiError::invalid("stop_sequences", message));
        }
    }
    if fields
        .remove("service_tier")
        .is_some_and(|tier| tier != "auto" && tier != "standard_only")
    {
        return Err(ApiError::unsupported("service_tier"));
    }
    pass(&mut fields, &mut chat, OF_ENGINE);
    let stream = chat.get("stream") == Some(&Value::Bool(true));
    if stream {
        chat.insert("stream_options".into(), json!({"include_usage": true}));
    }
    let origins = shared(&mut fields, &mut chat)?;
    none_left("", &fields)?;
    Ok(translation(chat, stream, origins))
}

/// Counting asks about what a chat reads, and nothing else.
pub(super) fn translate_count(bytes: &[u8]) -> Result<Translation, ApiError> {
    let mut fields = json::fields(bytes)?;
    let mut chat = Map::new();
    let model = required_text(&mut fields, "model", "model")?;
    chat.insert("model".into(), model.into());
    let origins = shared(&mut fields, &mut chat)?;
    none_left("", &fields)?;
    Ok(translation(chat, false, origins))
}

fn translation(chat: Map<String, Value>, stream: bool, origins: Vec<String>) -> Translation {
    Translation {
        body: Value::Object(chat).to_string().into(),
        dialect: Dialect::Messages,
        stream,
        echo: Value::Null,
        names: Names {
            renamed: RENAMED,
            origins,
        },
    }
}

/// What answering and counting have in common.
fn shared(fields: &mut Map<String, Value>, chat: &mut Map<String, Value>) -> Result<Vec<String>, ApiError> {
    if let Some(asked) = fields.remove("thinking") {
        thinking(asked, chat)?;
    }
    // A hint of where a prompt may be cached, which is never needed.
    if let Some(hint) = fields.remove("cache_control") {
        object("cache_control", hint)?;
    }
    for name in REFUSED {
        let idle = |value: &Value| match *name {
            "context_management" => [json!([]), json!({}), json!({"edits": []})].contains(value),
            "fallbacks" | "mcp_servers" => *value == json!([]),
            "diagnostics" => *value == json!({}) || *value == json!({"previous_message_id": null}),
            "billing_policy" => *value == json!({"type": "billing_policy", "bill_to": "self"}),
            "speed" => value == "standard",
            _ => false,
        };
        if fields.remove(*name).is_some_and(|value| !idle(&value)) {
            return Err(ApiError::unsupported(name));
        }
    }
    if let Some(config) = fields.remove("output_config") {
        let mut config = object("output_config", config)?;
        if let Some(effort) = config.remove("effort") {
            chat.insert("reasoning_effort".into(), effort);
        }
        if let Some(format) = config.remove("format") {
            chat.insert("response_format".into(), schema("output_config.format", format)?);
        }
        none_left("output_config", &config)?;
    }
    if let Some(format) = fields.remove("output_format") {
        chat.insert("response_format".into(), schema("output_format", format)?);
    }
    let (messages, origins) = input::messages(fields)?;
    chat.insert("messages".into(), messages.into());
    tools(fields, chat)?;
    Ok(origins)
}

/// Whether and how long the model may think. Without it, it does as its template has it.
fn thinking(asked: Value, chat: &mut Map<String, Value>) -> Result<(), ApiError> {
    let mut asked = object("thinking", asked)?;
    match required_text(&mut asked, "type", "thinking.type")?.as_str() {
        "disabled" => drop(chat.insert("reasoning".into(), json!({"enabled": false}))),
        // The model's own decision.
        "adaptive" => {}
        "enabled" => {
            let path = "thinking.budget_tokens";
            let budget = asked
                .remove("budget_tokens")
                .ok_or_else(|| ApiError::missing(path))?;
            let tokens = budget.as_u64().and_then(|tokens| u32::try_from(tokens).ok());
            let most = chat.get("max_completion_tokens").and_then(Value::as_u64);
            let fits =
                |tokens: &u32| *tokens >= LEAST_BUDGET && most.is_none_or(|most| u64::from(*tokens) < most);
            if tokens.filter(fits).is_none() {
                let message = format!("'{path}' must be at least {LEAST_BUDGET} and less than 'max_tokens'.");
                return Err(ApiError::invalid(path, message));
            }
            chat.insert("thinking_token_budget".into(), budget);
        }
        _ => {
            let message = "'thinking.type' must be 'enabled', 'disabled' or 'adaptive'.";
            return Err(ApiError::invalid("thinking.type", message));
        }
    }
    none_left("thinking", &asked)
}

fn schema(path: &str, format: Value) -> Result<Value, ApiError> {
    let mut format = object(path, format)?;
    let kind = required_text(&mut format, "type", &format!("{path}.type"))?;
    if kind != "json_schema" {
        let path = format!("{path}.type");
        return Err(ApiError::invalid(
            &path,
            format!("'{path}' must be 'json_schema'."),
        ));
    }
    let schema = format
        .remove("schema")
        .ok_or_else(|| ApiError::missing(&format!("{path}.schema")))?;
    format.remove("name");
    none_left(path, &format)?;
    Ok(json!({"type": "json_schema", "json_schema": {"name": "output", "schema": schema}}))
}

fn tools(fields: &mut Map<String, Value>, chat: &mut Map<String, Value>) -> Result<(), ApiError> {
    if let Some(tools) = fields.remove("tools") {
        let Value::Array(tools) = tools else {
            return Err(ApiError::invalid("tools", "'tools' must be a list."));
        };
        let tools: Result<Vec<Value>, ApiError> = tools.into_iter().enumerate().map(tool).collect();
        chat.insert("tools".into(), tools?.into());
    }
    let Some(choice) = fields.remove("tool_choice") else {
        return Ok(());
    };
    let mut choice = object("tool_choice", choice)?;
    let kind = required_text(&mut choice, "type", "tool_choice.type")?;
    match choice.remove("disable_parallel_tool_use") {
        None => {}
        Some(Value::Bool(off)) => drop(chat.insert("parallel_tool_calls".into(), (!off).into())),
        Some(_) => {
            let path = "tool_choice.disable_parallel_tool_use";
            return Err(ApiError::invalid(
                path,
                format!("'{path}' must be true or false."),
            ));
        }
    }
    let wanted = match kind.as_str() {
        "auto" | "none" => kind.into(),
        "any" => "required".into(),
        "tool" => {
            let name = required_text(&mut choice, "name", "tool_choice.name")?;
            json!({"type": "function", "function": {"name": name}})
        }
        _ => {
            let message = "'tool_choice.type' must be 'auto', 'any', 'tool' or 'none'.";
            return Err(ApiError::invalid("tool_choice.type", message));
        }
    };
    none_left("tool_choice", &choice)?;
    chat.insert("tool_choice".into(), wanted);
    Ok(())
}

fn tool((index, value): (usize, Value)) -> Result<Value, ApiError> {
    let path = format!("tools[{index}]");
    let mut tool = object(&path, value)?;
    let kind = optional_text(&mut tool, "type", &format!("{path}.type"))?;
    if let Some(kind) = kind.filter(|kind| kind != "custom") {
        return Err(ApiError {
            code: Some("unsupported_parameter"),
            ..ApiError::invalid(
                &format!("{path}.type"),
                format!(
                    "'{path}.type' must be 'custom': this server has no tools of its own, so no '{kind}'."
                ),
            )
        });
    }
    // Hints of where a prompt may be cached, and of how input may be sent, which is always as it comes.
    tool.retain(|name, _| !["cache_control", "eager_input_streaming"].contains(&name.as_str()));
    let mut function = Map::new();
    pass(&mut tool, &mut function, &["name", "description", "strict"]);
    if let Some(schema) = tool.remove("input_schema") {
        function.insert("parameters".into(), schema);
    }
    none_left(&path, &tool)?;
    Ok(json!({"type": "function", "function": function}))
}
