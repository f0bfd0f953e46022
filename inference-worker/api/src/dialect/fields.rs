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

/// A part of an answer that says why there is none.
pub(crate) const REFUSAL: &str = "refusal";

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

/// A field of an object, and the values of it that ask for nothing.
pub(super) type Idle = (&'static str, &'static [&'static str]);

/// Refuses an object unless each of its fields has one of the values that ask for nothing.
pub(super) fn only_idle(fields: &mut Map<String, Value>, name: &str, idle: &[Idle]) -> Result<(), ApiError> {
    let Some(value) = fields.remove(name) else {
        return Ok(());
    };
    for (field, value) in object(name, value)? {
        let path = format!("{name}.{field}");
        let known = idle.iter().find(|(known, _)| *known == field);
        let (_, idle) = known.ok_or_else(|| ApiError::unknown(&path))?;
        if !idle.iter().any(|idle| value == *idle) {
            return Err(ApiError::unsupported(&path));
        }
    }
    Ok(())
}

/// Moves parameters that a chat reads under the same name.
pub(super) fn pass(from: &mut Map<String, Value>, to: &mut Map<String, Value>, names: &[&str]) {
    for name in names {
        if let Some(value) = from.remove(*name) {
            to.insert((*name).to_owned(), value);
        }
    }
}

/// Takes what stands beside a text without effect: hints and notes, which are objects or lists.
pub(super) fn labels_of(
    path: &str,
    fields: &mut Map<String, Value>,
    labels: &[&str],
) -> Result<(), ApiError> {
    for name in labels {
        if fields
            .remove(*name)
            .is_some_and(|value| !(value.is_object() || value.is_array()))
        {
            let path = format!("{path}.{name}");
            let message = format!("'{path}' must be an object or a list.");
            return Err(ApiError::invalid(&path, message));
        }
    }
    Ok(())
}

/// The texts of a list of parts put together.
pub(crate) fn joined(path: &str, value: Value, kinds: &[&str], labels: &[&str]) -> Result<String, ApiError> {
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
        let field = if kind == REFUSAL { REFUSAL } else { "text" };
        all.push_str(&required_text(&mut part, field, &format!("{path}.{field}"))?);
        labels_of(&path, &mut part, labels)?;
        none_left(&path, &part)?;
    }
    Ok(all)
}
