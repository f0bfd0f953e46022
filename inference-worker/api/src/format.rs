//! What an output has to match.

use crate::error::ApiError;
use crate::json;
use serde_json::{Map, Value};

/// Most texts to choose from.
const MAX_CHOICES: usize = 512;

/// What an output has to match as a whole.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// Any JSON object.
    JsonObject,
    /// JSON that a schema permits.
    JsonSchema(Value),
    /// A regular expression.
    Regex(String),
    /// A grammar in Lark's notation.
    Grammar(String),
    /// One of several texts.
    Choice(Vec<String>),
}

/// A format, and the parameter that asked for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What was asked for.
    pub format: Format,
    /// The parameter.
    pub param: String,
}

/// Reads OpenAI's `response_format`, and `structured_outputs` and `guided_*` as other servers have them. One of them
/// at most.
pub(crate) fn take(fields: &mut Map<String, Value>) -> Result<Option<Asked>, ApiError> {
    let mut asked = Vec::new();
    if let Some(value) = fields.remove("response_format") {
        asked.extend(response_format(value)?);
    }
    if let Some(value) = fields.remove("structured_outputs") {
        let Value::Object(mut options) = value else {
            let message = "'structured_outputs' must be an object.";
            return Err(ApiError::invalid("structured_outputs", message));
        };
        options.retain(|_, value| !value.is_null());
        for (name, value) in options {
            let param = format!("structured_outputs.{name}");
            asked.push(named(&name, value, &param)?);
        }
    }
    for name in ["guided_json", "guided_regex", "guided_choice", "guided_grammar"] {
        if let Some(value) = fields.remove(name) {
            asked.push(named(name.trim_start_matches("guided_"), value, name)?);
        }
    }
    match asked.len() {
        0 | 1 => Ok(asked.pop()),
        _ => {
            let param = asked.pop().map(|asked| asked.param).unwrap_or_default();
            Err(ApiError::invalid(
                &param,
                "The output can be held to one format only.",
            ))
        }
    }
}

fn named(name: &str, value: Value, param: &str) -> Result<Asked, ApiError> {
    let text = |value: Value| match value {
        Value::String(text) if !text.is_empty() => Ok(text),
        _ => {
            let message = format!("'{param}' must be a string that is not empty.");
            Err(ApiError::invalid(param, message))
        }
    };
    let format = match name {
        "json" => Format::JsonSchema(match value {
            // Some clients send the schema as text.
            Value::String(text) => json::value(text.as_bytes()).map_err(|error| {
                let message = format!("'{param}' cannot be read: {}", error.message);
                ApiError::invalid(param, message)
            })?,
            schema => schema,
        }),
        "json_object" if value == true => Format::JsonObject,
        "regex" => Format::Regex(text(value)?),
        "grammar" => Format::Grammar(text(value)?),
        "choice" => {
            let texts = value.as_array().and_then(|items| {
                let texts = items.iter().map(|item| Some(item.as_str()?.to_owned()));
                texts.collect::<Option<Vec<String>>>()
            });
            let fine = texts.filter(|texts| (1..=MAX_CHOICES).contains(&texts.len()));
            let fine = fine.filter(|texts| texts.iter().all(|text| !text.is_empty()));
            Format::Choice(fine.ok_or_else(|| {
                let message = format!("'{param}' must be a list of 1 to {MAX_CHOICES} strings, none empty.");
                ApiError::invalid(param, message)
            })?)
        }
        _ => return Err(ApiError::unsupported(param)),
    };
    let param = param.to_owned();
    Ok(Asked { format, param })
}

fn response_format(value: Value) -> Result<Option<Asked>, ApiError> {
    let Value::Object(mut fields) = value else {
        let message = "'response_format' must be an object.";
        return Err(ApiError::invalid("response_format", message));
    };
    fields.retain(|_, value| !value.is_null());
    let kind = fields.remove("type");
    let (format, param) = match kind.as_ref().and_then(Value::as_str) {
        None => return Err(ApiError::missing("response_format.type")),
        Some("text") => (None, ""),
        Some("json_object") => (Some(Format::JsonObject), "response_format"),
        Some("json_schema") => {
            let schema = fields.remove("json_schema");
            let schema = schema.ok_or_else(|| ApiError::missing("response_format.json_schema"))?;
            (Some(json_schema(schema)?), "response_format.json_schema.schema")
        }
        Some(_) => {
            let message = "'response_format.type' must be 'text', 'json_object' or 'json_schema'.";
            return Err(ApiError::invalid("response_format.type", message));
        }
    };
    match fields.keys().next() {
        Some(name) => Err(ApiError::unknown(&format!("response_format.{name}"))),
        None => Ok(format.map(|format| Asked {
            format,
            param: param.to_owned(),
        })),
    }
}

/// OpenAI holds an output to its schema only with `strict`; here it always is.
fn json_schema(value: Value) -> Result<Format, ApiError> {
    let path = |field: &str| format!("response_format.json_schema.{field}");
    let Value::Object(mut fields) = value else {
        let path = "response_format.json_schema";
        return Err(ApiError::invalid(path, format!("'{path}' must be an object.")));
    };
    let name = fields
        .remove("name")
        .ok_or_else(|| ApiError::missing(&path("name")))?;
    let schema = fields
        .remove("schema")
        .ok_or_else(|| ApiError::missing(&path("schema")))?;
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name
        .as_str()
        .is_some_and(|name| (1..=64).contains(&name.len()) && name.bytes().all(fine))
    {
        let message = format!(
            "'{}' must have 1 to 64 letters, digits, underscores or dashes.",
            path("name")
        );
        return Err(ApiError::invalid(&path("name"), message));
    }
    let words = fields
        .remove("description")
        .is_none_or(|value| value.is_string() || value.is_null());
    if !words {
        return Err(ApiError::invalid(
            &path("description"),
            "A description must be a string.",
        ));
    }
    let strict = fields
        .remove("strict")
        .is_none_or(|value| value.is_boolean() || value.is_null());
    if !strict {
        return Err(ApiError::invalid(
            &path("strict"),
            "'strict' must be true or false.",
        ));
    }
    match fields.keys().next() {
        Some(name) => Err(ApiError::unknown(&path(name))),
        None => Ok(Format::JsonSchema(schema)),
    }
}
