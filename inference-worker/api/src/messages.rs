//! Messages of a chat.

use crate::error::ApiError;
use crate::params::text;
use crate::request::{Input, Message};
use serde_json::{Map, Value, json};

/// Reads `messages`.
pub(crate) fn messages(fields: &mut Map<String, Value>) -> Result<Input, ApiError> {
    let value = fields
        .remove("messages")
        .ok_or_else(|| ApiError::missing("messages"))?;
    match value {
        Value::Array(items) if !items.is_empty() => {
            let messages: Result<_, _> = items.into_iter().enumerate().map(message).collect();
            Ok(Input::Chat(messages?))
        }
        _ => Err(ApiError::invalid(
            "messages",
            "'messages' must be a list of at least one message.",
        )),
    }
}

fn message((index, value): (usize, Value)) -> Result<Message, ApiError> {
    let path = |field: &str| format!("messages[{index}].{field}");
    let Value::Object(mut fields) = value else {
        let name = format!("messages[{index}]");
        return Err(ApiError::invalid(&name, format!("'{name}' must be an object.")));
    };
    fields.retain(|_, value| !value.is_null());
    let role = match text(&mut fields, "role")?.as_deref() {
        None => return Err(ApiError::missing(&path("role"))),
        // OpenAI's newer name for the same thing.
        Some("developer") => "system".to_owned(),
        Some(role @ ("system" | "user" | "assistant" | "tool")) => role.to_owned(),
        Some(_) => {
            let message = format!(
                "'{}' must be 'system', 'developer', 'user', 'assistant' or 'tool'.",
                path("role")
            );
            return Err(ApiError::invalid(&path("role"), message));
        }
    };
    let mut extra = Map::new();
    match role.as_str() {
        "assistant" => {
            if let Some(calls) = fields.remove("tool_calls") {
                extra.insert("tool_calls".into(), tool_calls(&path("tool_calls"), calls)?);
            }
            for name in ["reasoning_content", "reasoning"] {
                if let Some(thought) = text(&mut fields, name)? {
                    extra.insert("reasoning_content".into(), thought.into());
                }
            }
            // What clients send back of an answer that had none. LiteLLM gathers the fields that it does not know.
            fields.retain(|name, value| match (name.as_str(), value) {
                ("annotations", Value::Array(notes)) => !notes.is_empty(),
                ("provider_specific_fields", Value::Object(unknown)) => !unknown.values().all(Value::is_null),
                _ => true,
            });
        }
        "tool" => {
            let id =
                text(&mut fields, "tool_call_id")?.ok_or_else(|| ApiError::missing(&path("tool_call_id")))?;
            extra.insert("tool_call_id".into(), id.into());
        }
        _ => {}
    }
    // Who speaks, for the templates that tell.
    match fields.remove("name") {
        None => {}
        Some(Value::String(name)) => drop(extra.insert("name".into(), name.into())),
        Some(_) => {
            let path = path("name");
            return Err(ApiError::invalid(&path, format!("'{path}' must be a string.")));
        }
    }
    let content = match fields.remove("content") {
        None if extra.contains_key("tool_calls") => String::new(),
        None => return Err(ApiError::missing(&path("content"))),
        Some(content) => joined(&path("content"), content)?,
    };
    match fields.keys().next() {
        Some(name) => Err(ApiError::unsupported(&path(name))),
        None => Ok(Message { role, content, extra }),
    }
}

/// A text, or the parts of one put together.
fn joined(path: &str, content: Value) -> Result<String, ApiError> {
    let parts = match content {
        Value::String(text) => return Ok(text),
        Value::Array(parts) => parts,
        _ => {
            let message = format!("'{path}' must be a string or a list of text parts.");
            return Err(ApiError::invalid(path, message));
        }
    };
    let part = |part: &Value| {
        let kind = part.get("type").and_then(Value::as_str);
        let text = part.get("text").and_then(Value::as_str);
        text.filter(|_| kind == Some("text")).map(str::to_owned)
    };
    let text: Option<String> = parts.iter().map(part).collect();
    text.ok_or_else(|| ApiError::invalid(path, "Only content parts of type 'text' are supported."))
}

/// Calls as templates take them: arguments are objects, not text. Those of a call that was cut are none, and stay as they
/// are.
fn tool_calls(path: &str, calls: Value) -> Result<Value, ApiError> {
    let refused = |index: usize, what: &str| {
        let path = format!("{path}[{index}]");
        let message = format!("'{path}' must have {what}.");
        ApiError::invalid(&path, message)
    };
    let Value::Array(calls) = calls else {
        return Err(ApiError::invalid(path, format!("'{path}' must be a list.")));
    };
    let call = |(index, call): (usize, &Value)| {
        let words = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        if words(call, "type").is_some_and(|kind| kind != "function") {
            return Err(refused(index, "'function' as its type"));
        }
        let id = words(call, "id").ok_or_else(|| refused(index, "an 'id'"))?;
        let function = call.get("function").unwrap_or(&Value::Null);
        let name = words(function, "name").ok_or_else(|| refused(index, "a 'function.name'"))?;
        let arguments = words(function, "arguments").unwrap_or_default();
        let arguments = match serde_json::from_str::<Map<String, Value>>(&arguments) {
            Ok(arguments) => Value::Object(arguments),
            Err(_) if arguments.trim().is_empty() => json!({}),
            Err(_) => Value::String(arguments),
        };
        Ok(json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}))
    };
    let calls: Result<Vec<Value>, ApiError> = calls.iter().enumerate().map(call).collect();
    Ok(Value::Array(calls?))
}
