//! Reading a dialect's parameters.

use crate::error::ApiError;
use serde_json::{Map, Value};

/// Parameters of the engine, which each dialect has under the name that chats have for them.
pub(crate) const OF_ENGINE: &[&str] = &[
    "model",
    "stream",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "logit_bias",
    "cache_salt",
    "session_id",
    "chat_template_kwargs",
];

/// An object's fields; an explicit null is as good as none.
pub(super) fn object(path: &str, value: Value) -> Result<Map<String, Value>, ApiError> {
    match value {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            Ok(fields)
        }
        _ => Err(ApiError::invalid(path, format!("'{path}' must be an object."))),
    }
}

/// A body's fields.
pub(super) fn body(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|e| ApiError::body(format!("We could not parse the JSON body of your request: {e}")))?;
    let Value::Object(mut fields) = value else {
        return Err(ApiError::body("The request body must be a JSON object."));
    };
    fields.retain(|_, value| !value.is_null());
    Ok(fields)
}

/// A string that must be there.
pub(super) fn required_text(
    fields: &mut Map<String, Value>,
    name: &str,
    path: &str,
) -> Result<String, ApiError> {
    match fields.remove(name) {
        None => Err(ApiError::missing(path)),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(ApiError::invalid(path, format!("'{path}' must be a string."))),
    }
}

/// A string that may be there.
pub(super) fn optional_text(
    fields: &mut Map<String, Value>,
    name: &str,
    path: &str,
) -> Result<Option<String>, ApiError> {
    match fields.contains_key(name) {
        true => required_text(fields, name, path).map(Some),
        false => Ok(None),
    }
}

/// Refuses whatever is left of an object.
pub(super) fn none_left(path: &str, fields: &Map<String, Value>) -> Result<(), ApiError> {
    match fields.keys().next() {
        Some(name) if path.is_empty() => Err(ApiError::unknown(name)),
        Some(name) => Err(ApiError::unknown(&format!("{path}.{name}"))),
        None => Ok(()),
    }
}

/// Refuses a parameter unless it has the one value that asks for nothing.
pub(super) fn only(fields: &mut Map<String, Value>, name: &str, neutral: &[Value]) -> Result<(), ApiError> {
    match fields.remove(name) {
        Some(value) if !neutral.contains(&value) => Err(ApiError::unsupported(name)),
        _ => Ok(()),
    }
}

/// Moves parameters that a chat reads under the same name.
pub(super) fn pass(from: &mut Map<String, Value>, to: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        if let Some(value) = from.remove(*name) {
            to.insert((*name).to_owned(), value);
        }
    }
}

/// The texts of a list of parts put together.
pub(super) fn joined(path: &str, value: Value, kinds: &[&str], labels: &[&str]) -> Result<String, ApiError> {
    let parts = match value {
        Value::String(text) => return Ok(text),
        Value::Array(parts) => parts,
        _ => {
            let message = format!("'{path}' must be a string or a list of text parts.");
            return Err(ApiError::invalid(path, message));
        }
    };
    let mut all = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        let mut part = object(&path, part)?;
        let kind = required_text(&mut part, "type", &format!("{path}.type"))?;
        if !kinds.contains(&kind.as_str()) {
            return Err(ApiError {
                code: Some("unsupported_parameter"),
                ..ApiError::invalid(
                    &format!("{path}.type"),
                    format!("'{path}.type' must be text here: '{kind}' is not supported."),
                )
            });
        }
        all.push_str(&required_text(&mut part, "text", &format!("{path}.text"))?);
        part.retain(|name, _| !labels.contains(&name.as_str()));
        none_left(&path, &part)?;
    }
    Ok(all)
}
