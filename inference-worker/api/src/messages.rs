//! Messages of a chat.

use crate::dialect::fields;
use crate::error::ApiError;
use crate::params::{only, text};
use crate::request::{Input, Message};
use serde_json::{Map, Value, json};

/// What clients send beside a text without effect: where a prompt may be cached.
const HINTS: &[&str] = &["cache_control", "prompt_cache_breakpoint"];

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
            if let Some(thought) = thought(&path, &mut fields)? {
                extra.insert("reasoning_content".into(), thought.into());
            }
            // What clients send back of an answer that had none. LiteLLM gathers the fields that it does not know, and OpenAI's
            // clients leave what they read out of the content beside it.
            fields.retain(|name, value| match (name.as_str(), value) {
                ("parsed", _) => false,
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
    let refusal = match role.as_str() {
        "assistant" => fields.remove("refusal"),
        _ => None,
    };
    let content = match (fields.remove("content"), refusal) {
        (None, None) if extra.contains_key("tool_calls") => String::new(),
        (None, None) => return Err(ApiError::missing(&path("content"))),
        (content, None) => joined(&path("content"), content.unwrap_or_default(), &role)?,
        // What was said instead of an answer.
        (None, Some(Value::String(refusal))) => refusal,
        (Some(Value::String(nothing)), Some(Value::String(refusal))) if nothing.is_empty() => refusal,
        (_, Some(_)) => {
            let path = path("refusal");
            let message = format!("'{path}' must be a string, and stand without 'content'.");
            return Err(ApiError::invalid(&path, message));
        }
    };
    match fields.keys().next() {
        Some(name) => Err(ApiError::unsupported(&path(name))),
        None => Ok(Message { role, content, extra }),
    }
}

/// Earlier thoughts, under one of their two names or both.
fn thought(
    path: &impl Fn(&str) -> String,
    fields: &mut Map<String, Value>,
) -> Result<Option<String>, ApiError> {
    let mut take = |name: &str| match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => {
            let path = path(name);
            Err(ApiError::invalid(&path, format!("'{path}' must be a string.")))
        }
    };
    match (take("reasoning_content")?, take("reasoning")?) {
        (Some(one), Some(other)) if one != other => {
            let (one, other) = (path("reasoning_content"), path("reasoning"));
            let message = format!("'{one}' and '{other}' contradict each other; send one.");
            Err(ApiError::invalid(&one, message))
        }
        (one, other) => Ok(one.or(other)),
    }
}

/// A text, or the parts of one put together.
fn joined(path: &str, content: Value, role: &str) -> Result<String, ApiError> {
    let kinds: &[&str] = match role {
        "assistant" => &["text", fields::REFUSAL],
        _ => &["text"],
    };
    fields::joined(path, content, kinds, HINTS)
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
        let there = |value: &Value, name: &str| value.get(name).is_some_and(|value| !value.is_null());
        if there(call, "type") && call["type"] != "function" {
            return Err(refused(index, "'function' as its type"));
        }
        let id = words(call, "id").ok_or_else(|| refused(index, "an 'id'"))?;
        let function = call.get("function").unwrap_or(&Value::Null);
        let name = words(function, "name").ok_or_else(|| refused(index, "a 'function.name'"))?;
        let arguments = words(function, "arguments");
        if arguments.is_none() && there(function, "arguments") {
            return Err(refused(index, "a string of JSON as its 'function.arguments'"));
        }
        let arguments = arguments.unwrap_or_default();
        only(
            call,
            &["id", "type", "function", "index"],
            &format!("{path}[{index}]"),
        )?;
        // What OpenAI's clients read out of the arguments they leave beside them.
        let known = ["name", "arguments", "parsed_arguments"];
        only(function, &known, &format!("{path}[{index}].function"))?;
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
