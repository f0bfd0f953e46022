use base64::{Engine, engine::general_purpose::STANDARD};
use prost_reflect::{
    DynamicMessage, EnumDescriptor, EnumValueDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage,
    Value,
};

use super::fields::{self, Field, Form};
use super::text::{compact, quote};
use super::{MAX_DEPTH, any, forms};

/// Why a message has no JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoJson(pub String);

/// A message as JSON.
///
/// # Errors
/// For what has no JSON: bytes that should be JSON and are not, and messages
/// nested too deep.
pub fn write(message: &DynamicMessage) -> Result<String, NoJson> {
    let mut out = String::new();
    self::message(&mut out, message, 0)?;
    Ok(out)
}

fn message(out: &mut String, message: &DynamicMessage, depth: usize) -> Result<(), NoJson> {
    if depth > MAX_DEPTH {
        return Err(NoJson(format!("a message is nested deeper than {MAX_DEPTH}")));
    }
    let descriptor = message.descriptor();
    if let Some(text) = well_known(message, &descriptor) {
        quote(out, &text);
        return Ok(());
    }
    if descriptor.full_name() == "google.protobuf.Any" {
        return any_message(out, message, depth);
    }
    out.push('{');
    members(out, message, &descriptor, depth)?;
    out.push('}');
    Ok(())
}

fn members(
    out: &mut String,
    message: &DynamicMessage,
    descriptor: &MessageDescriptor,
    depth: usize,
) -> Result<(), NoJson> {
    for field in fields::of(descriptor).iter() {
        let present = message.has_field(&field.descriptor);
        if field.one_of && !present {
            continue;
        }
        if !out.ends_with('{') {
            out.push(',');
        }
        quote(out, field.descriptor.name());
        out.push(':');
        if present {
            value(out, field, &message.get_field(&field.descriptor), depth)?;
        } else {
            absent(out, field, depth)?;
        }
    }
    Ok(())
}

fn absent(out: &mut String, field: &Field, depth: usize) -> Result<(), NoJson> {
    let descriptor = &field.descriptor;
    if descriptor.is_list() {
        out.push_str("[]");
        return Ok(());
    }
    if descriptor.is_map() {
        out.push_str("{}");
        return Ok(());
    }
    match descriptor.kind() {
        _ if field.optional => out.push_str("null"),
        Kind::Message(_) if field.by_value && field.std_time => {
            quote(out, &forms::timestamp(forms::YEAR_ONE, 0).unwrap_or_default());
        }
        Kind::Message(kind) if field.by_value => message(out, &DynamicMessage::new(kind), depth + 1)?,
        Kind::Message(_) => out.push_str("null"),
        Kind::Bytes if field.form == Form::Hex => out.push_str("\"\""),
        Kind::Bytes if matches!(field.form, Form::Decimal | Form::Integer) => out.push_str("\"0\""),
        Kind::Bytes => out.push_str("null"),
        kind => value(out, field, &Value::default_value(&kind), depth)?,
    }
    Ok(())
}

fn value(out: &mut String, field: &Field, value: &Value, depth: usize) -> Result<(), NoJson> {
    match value {
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                self::value(out, field, item, depth)?;
            }
            out.push(']');
        }
        Value::Map(entries) => {
            let kind = field.descriptor.kind();
            let Some(entry) = kind.as_message() else {
                return Err(NoJson("a map without entries".to_owned()));
            };
            let inner = fields::of(entry);
            let inner = inner.iter().find(|field| field.descriptor.number() == 2);
            let inner = inner.ok_or_else(|| NoJson("a map without values".to_owned()))?;
            let mut entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| (key_text(key), value))
                .collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            out.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                quote(out, &key);
                out.push(':');
                self::value(out, inner, item, depth)?;
            }
            out.push('}');
        }
        Value::Message(inner) => message(out, inner, depth + 1)?,
        Value::EnumNumber(number) => {
            let kind = field.descriptor.kind();
            enumeration(out, kind.as_enum(), *number);
        }
        Value::Bytes(bytes) => self::bytes(out, field.form, bytes)?,
        Value::String(text) => match field.form {
            Form::Decimal => quote(out, &forms::decimal(text)),
            Form::Integer if text.is_empty() => out.push_str("\"0\""),
            _ => quote(out, text),
        },
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::I32(value) => out.push_str(&value.to_string()),
        Value::U32(value) => out.push_str(&value.to_string()),
        Value::I64(value) => quote(out, &value.to_string()),
        Value::U64(value) => quote(out, &value.to_string()),
        Value::F32(value) => out.push_str(&float(f64::from(*value))),
        Value::F64(value) => out.push_str(&float(*value)),
    }
    Ok(())
}

/// How a value of an enumeration reads: by its name, but for wasmd's permissions, which have words of their own.
pub fn word_of(value: &EnumValueDescriptor) -> &str {
    let own = WORDS.iter().find(|(name, _)| *name == value.name());
    own.map_or(value.name(), |(_, word)| *word)
}

/// Names of wasmd's access types in the descriptors, and in JSON.
pub(super) const WORDS: [(&str, &str); 4] = [
    ("ACCESS_TYPE_UNSPECIFIED", "Unspecified"),
    ("ACCESS_TYPE_NOBODY", "Nobody"),
    ("ACCESS_TYPE_EVERYBODY", "Everybody"),
    ("ACCESS_TYPE_ANY_OF_ADDRESSES", "AnyOfAddresses"),
];

fn enumeration(out: &mut String, kind: Option<&EnumDescriptor>, number: i32) {
    match kind.and_then(|kind| kind.get_value(number)) {
        Some(value) => quote(out, word_of(&value)),
        None => out.push_str(&number.to_string()),
    }
}

fn bytes(out: &mut String, form: Form, bytes: &[u8]) -> Result<(), NoJson> {
    match form {
        Form::Json => {
            let text = std::str::from_utf8(bytes).map_err(|error| not_json(&error))?;
            serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| not_json(&error))?;
            compact(out, text);
        }
        Form::Hex => quote(out, &hex::encode_upper(bytes)),
        Form::Decimal => quote(out, &forms::decimal(&String::from_utf8_lossy(bytes))),
        Form::Integer => quote(out, &String::from_utf8_lossy(bytes)),
        Form::Plain => quote(out, &STANDARD.encode(bytes)),
    }
    Ok(())
}

fn not_json(error: &dyn std::fmt::Display) -> NoJson {
    NoJson(format!("the contract's message is not JSON: {error}"))
}

/// JSON has no word for what is not finite: as text, then.
fn float(value: f64) -> String {
    if value.is_finite() {
        serde_json::json!(value).to_string()
    } else {
        format!("\"{value}\"")
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

fn well_known(message: &DynamicMessage, descriptor: &MessageDescriptor) -> Option<String> {
    let part = |number| message.get_field_by_number(number);
    let seconds = || part(1).and_then(|value| value.as_i64()).unwrap_or_default();
    let nanos = || part(2).and_then(|value| value.as_i32()).unwrap_or_default();
    match descriptor.full_name() {
        "google.protobuf.Timestamp" => {
            // An instant that no calendar has is no reason to lose the whole answer.
            Some(forms::timestamp(seconds(), nanos()).unwrap_or_else(|| seconds().to_string()))
        }
        "google.protobuf.Duration" => Some(forms::duration(seconds(), nanos())),
        _ => None,
    }
}

/// `{"@type": ..., fields}`; of a type that nobody knows, the bytes as they are.
fn any_message(out: &mut String, any: &DynamicMessage, depth: usize) -> Result<(), NoJson> {
    let (url, bytes) = any::parts(any);
    out.push_str("{\"@type\":");
    quote(out, &url);
    let decoded = any::resolve(&url).and_then(|kind| DynamicMessage::decode(kind, bytes.as_slice()).ok());
    match decoded {
        None => {
            out.push_str(",\"value\":");
            quote(out, &STANDARD.encode(&bytes));
        }
        Some(inner) => {
            let descriptor = inner.descriptor();
            let special = well_known(&inner, &descriptor).is_some();
            if special || descriptor.full_name() == "google.protobuf.Any" {
                out.push_str(",\"value\":");
                message(out, &inner, depth + 1)?;
            } else if depth >= MAX_DEPTH {
                return Err(NoJson(format!("a message is nested deeper than {MAX_DEPTH}")));
            } else {
                members(out, &inner, &descriptor, depth + 1)?;
            }
        }
    }
    out.push('}');
    Ok(())
}
