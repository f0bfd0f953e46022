//! Messages and their blocks as messages of a chat.

use crate::dialect::fields::{joined, labels_of, none_left, object, required_text};
use crate::error::ApiError;
use serde_json::{Map, Value, json};

/// Hints beside a block, without effect.
const HINTS: &[&str] = &["cache_control", "citations"];

/// Reads `system` and `messages`; each message of the chat comes with the path of what it was made of.
pub(super) fn messages(fields: &mut Map<String, Value>) -> Result<(Vec<Value>, Vec<String>), ApiError> {
    let (mut messages, mut origins) = (Vec::new(), Vec::new());
    if let Some(system) = fields.remove("system") {
        let empty = system.as_array().is_some_and(Vec::is_empty);
        let text = joined("system", system, &["text"], HINTS)?;
        if !empty {
            messages.push(json!({"role": "system", "content": text}));
            origins.push("system".to_owned());
        }
    }
    let items = match fields.remove("messages") {
        None => return Err(ApiError::missing("messages")),
        Some(Value::Array(items)) if !items.is_empty() => items,
        Some(_) => {
            let message = "'messages' must be a list of at least one message.";
            return Err(ApiError::invalid("messages", message));
        }
    };
    for (index, item) in items.into_iter().enumerate() {
        let path = format!("messages[{index}]");
        let made = message(&path, item)?;
        origins.extend(made.iter().map(|_| path.clone()));
        messages.extend(made);
    }
    if messages.last().is_some_and(|last| last["role"] == "assistant") {
        let message = "The last of 'messages' must be the user's: an answer cannot be begun for the model.";
        return Err(ApiError {
            code: Some("unsupported_parameter"),
            ..ApiError::invalid("messages", message)
        });
    }
    Ok((messages, origins))
}

fn message(path: &str, item: Value) -> Result<Vec<Value>, ApiError> {
    let mut fields = object(path, item)?;
    let role = required_text(&mut fields, "role", &format!("{path}.role"))?;
    if !["user", "assistant"].contains(&role.as_str()) {
        let path = format!("{path}.role");
        let message = format!("'{path}' must be 'user' or 'assistant'.");
        return Err(ApiError::invalid(&path, message));
    }
    let content = fields
        .remove("content")
        .ok_or_else(|| ApiError::missing(&format!("{path}.content")))?;
    none_left(path, &fields)?;
    let blocks = match content {
        Value::String(text) => return Ok(vec![json!({"role": role, "content": text})]),
        // A user that says nothing would be no message at all.
        Value::Array(blocks) if !(blocks.is_empty() && role == "user") => blocks,
        _ => {
            let path = format!("{path}.content");
            let message =
                format!("'{path}' must be a string or a list of blocks; a user's may not be empty.");
            return Err(ApiError::invalid(&path, message));
        }
    };
    let blocks = blocks.into_iter().enumerate();
    let blocks = blocks.map(|(index, block)| (format!("{path}.content[{index}]"), block));
    match role.as_str() {
        "user" => user(blocks),
        _ => assistant(blocks).map(|message| vec![message]),
    }
}

/// A block's type and what else it has.
fn block(path: &str, value: Value) -> Result<(String, Map<String, Value>), ApiError> {
    let mut fields = object(path, value)?;
    let kind = required_text(&mut fields, "type", &format!("{path}.type"))?;
    labels_of(path, &mut fields, HINTS)?;
    Ok((kind, fields))
}

fn refused(path: &str, kind: &str) -> ApiError {
    let path = format!("{path}.type");
    let message = format!(
        "'{path}' cannot be '{kind}' here: only texts, calls of tools and their results are supported."
    );
    ApiError {
        code: Some("unsupported_parameter"),
        ..ApiError::invalid(&path, message)
    }
}

fn text(path: &str, fields: &mut Map<String, Value>) -> Result<String, ApiError> {
    required_text(fields, "text", &format!("{path}.text"))
}

/// Results of tools are messages of their own, before and after what the user says.
fn user(blocks: impl Iterator<Item = (String, Value)>) -> Result<Vec<Value>, ApiError> {
    let (mut messages, mut said): (Vec<Value>, Option<String>) = (Vec::new(), None);
    for (path, value) in blocks {
        let (kind, mut fields) = block(&path, value)?;
        match kind.as_str() {
            "text" => said.get_or_insert_default().push_str(&text(&path, &mut fields)?),
            "tool_result" => {
                messages.extend(said.take().map(|text| json!({"role": "user", "content": text})));
                let id = required_text(&mut fields, "tool_use_id", &format!("{path}.tool_use_id"))?;
                let content = fields.remove("content").unwrap_or_else(|| "".into());
                let content = joined(&format!("{path}.content"), content, &["text"], HINTS)?;
                let failed = match fields.remove("is_error") {
                    None => false,
                    Some(Value::Bool(failed)) => failed,
                    Some(_) => {
                        let path = format!("{path}.is_error");
                        return Err(ApiError::invalid(
                            &path,
                            format!("'{path}' must be true or false."),
                        ));
                    }
                };
                // A chat has no field for it, so the model reads it.
                let content = if failed {
                    format!("Error: {content}")
                } else {
                    content
                };
                messages.push(json!({"role": "tool", "tool_call_id": id, "content": content}));
            }
            kind => return Err(refused(&path, kind)),
        }
        none_left(&path, &fields)?;
    }
    messages.extend(said.map(|text| json!({"role": "user", "content": text})));
    Ok(messages)
}

fn assistant(blocks: impl Iterator<Item = (String, Value)>) -> Result<Value, ApiError> {
    let (mut thought, mut said, mut calls) = (String::new(), String::new(), Vec::new());
    for (path, value) in blocks {
        let (kind, mut fields) = block(&path, value)?;
        match kind.as_str() {
            "text" => said.push_str(&text(&path, &mut fields)?),
            "thinking" => {
                thought.push_str(&required_text(
                    &mut fields,
                    "thinking",
                    &format!("{path}.thinking"),
                )?);
                // Of whoever answered then; nothing here is signed.
                fields.remove("signature");
            }
            "tool_use" => {
                let mut take = |name: &str| required_text(&mut fields, name, &format!("{path}.{name}"));
                let (id, name) = (take("id")?, take("name")?);
                let input = fields.remove("input").unwrap_or_else(|| json!({}));
                if !input.is_object() {
                    let path = format!("{path}.input");
                    return Err(ApiError::invalid(&path, format!("'{path}' must be an object.")));
                }
                fields.remove("caller");
                calls.push(json!({"id": id, "type": "function",
                                  "function": {"name": name, "arguments": input.to_string()}}));
            }
            kind => return Err(refused(&path, kind)),
        }
        none_left(&path, &fields)?;
    }
    let mut message = json!({"role": "assistant", "content": said});
    if !thought.is_empty() {
        message["reasoning_content"] = thought.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    Ok(message)
}
