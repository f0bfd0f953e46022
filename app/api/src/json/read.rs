use bytes::Bytes;
use prost::Message;
use prost_reflect::{DynamicMessage, Kind, MapKey, MessageDescriptor, Value};
use serde_json::Value as Json;

use super::fields::{self, Field, Form};
use super::read_scalar::{base64, decode, enumeration, string, well_known};
use super::{MAX_DEPTH, any};

/// A message from JSON: fields by their own names or in camel case, nothing unknown.
///
/// # Errors
/// What is wrong, for people.
pub(crate) fn read(kind: &MessageDescriptor, json: &Json) -> Result<DynamicMessage, String> {
    message(kind, json, 0)
}

fn message(kind: &MessageDescriptor, json: &Json, depth: usize) -> Result<DynamicMessage, String> {
    if depth > MAX_DEPTH {
        return Err(format!("nested deeper than {MAX_DEPTH}"));
    }
    let name = kind.full_name();
    if matches!(name, "google.protobuf.Timestamp" | "google.protobuf.Duration") {
        let text = json.as_str().ok_or_else(|| format!("{name} must be a string"))?;
        return well_known(kind, text).ok_or_else(|| format!("bad {}: {text:?}", kind.name()));
    }
    let members = json
        .as_object()
        .ok_or_else(|| format!("{name} must be an object"))?;
    if name == "google.protobuf.Any" {
        return any_message(kind, members, depth);
    }
    filled(kind, members.iter(), depth)
}

fn filled<'a>(
    kind: &MessageDescriptor,
    members: impl Iterator<Item = (&'a String, &'a Json)>,
    depth: usize,
) -> Result<DynamicMessage, String> {
    let name = kind.full_name();
    let mut message = DynamicMessage::new(kind.clone());
    for (key, item) in members {
        let field = fields::named(kind, key).ok_or_else(|| format!("unknown field {key:?} in {name}"))?;
        // Bytes that are JSON may be its null.
        if item.is_null() {
            continue;
        }
        let value = value(&field, item, depth).map_err(|error| format!("{key}: {error}"))?;
        let set = message.try_set_field(&field.descriptor, value);
        set.map_err(|_| format!("{key}: a value of another type"))?;
    }
    Ok(message)
}

fn value(field: &Field, json: &Json, depth: usize) -> Result<Value, String> {
    if field.descriptor.is_list() {
        let items = json.as_array().ok_or("must be an array")?;
        let items = items.iter().map(|item| single(field, item, depth));
        return items.collect::<Result<_, _>>().map(Value::List);
    }
    if field.descriptor.is_map() {
        return map(field, json, depth);
    }
    single(field, json, depth)
}

fn map(field: &Field, json: &Json, depth: usize) -> Result<Value, String> {
    let members = json.as_object().ok_or("must be an object")?;
    let kind = field.descriptor.kind();
    let entry = kind.as_message().ok_or("no map")?;
    let parts = fields::of(entry);
    let part = |number| parts.iter().find(|part| part.descriptor.number() == number);
    let (Some(key), Some(item)) = (part(1), part(2)) else {
        return Err("no map".to_owned());
    };
    let mut pairs: Vec<(MapKey, Value)> = Vec::new();
    for (name, member) in members {
        let key = decode(key, name)?.into_map_key().ok_or("not a key")?;
        pairs.push((key, single(item, member, depth)?));
    }
    Ok(Value::Map(pairs.into_iter().collect()))
}

fn single(field: &Field, json: &Json, depth: usize) -> Result<Value, String> {
    let kind = field.descriptor.kind();
    match (&kind, json) {
        (Kind::Message(inner), _) => message(inner, json, depth + 1).map(Value::Message),
        (Kind::Bytes, _) if field.form == Form::Json => Ok(Value::Bytes(json.to_string().into())),
        (Kind::Bytes, Json::String(text)) if field.form == Form::Hex => hex::decode(text)
            .map(|bytes| Value::Bytes(bytes.into()))
            .map_err(|error| error.to_string()),
        (Kind::Bytes, Json::String(text)) if matches!(field.form, Form::Decimal | Form::Integer) => {
            string(field.form, text).map(|text| Value::Bytes(text.into()))
        }
        (Kind::Bytes, Json::String(text)) => base64(text).map(|bytes| Value::Bytes(Bytes::from(bytes))),
        (Kind::String, Json::String(text)) => string(field.form, text).map(Value::String),
        (Kind::Bool, Json::Bool(value)) => Ok(Value::Bool(*value)),
        (Kind::Enum(inner), Json::String(text)) => enumeration(inner, text).map(Value::EnumNumber),
        (Kind::Enum(_), Json::Number(number)) => {
            let number = number.as_i64().and_then(|number| i32::try_from(number).ok());
            number
                .map(Value::EnumNumber)
                .ok_or_else(|| "must be a 32-bit integer".to_owned())
        }
        (Kind::String | Kind::Bytes | Kind::Bool | Kind::Enum(_), _) => {
            Err(format!("{json} is no value of type {kind:?}"))
        }
        (_, Json::Number(number)) => decode(field, &number.to_string()),
        (_, Json::String(text)) => decode(field, text),
        _ => Err(format!("{json} is no value of type {kind:?}")),
    }
}

fn any_message(
    kind: &MessageDescriptor,
    members: &serde_json::Map<String, Json>,
    depth: usize,
) -> Result<DynamicMessage, String> {
    let url = members.get("@type").and_then(Json::as_str);
    let url = url.ok_or("Any JSON doesn't have '@type'")?;
    let inner = any::resolve(url).ok_or_else(|| format!("unable to resolve type URL {url}"))?;
    let special = matches!(inner.package_name(), "google.protobuf");
    let value = if special {
        message(&inner, members.get("value").unwrap_or(&Json::Null), depth + 1)?
    } else if depth >= MAX_DEPTH {
        return Err(format!("nested deeper than {MAX_DEPTH}"));
    } else {
        let rest = members.iter().filter(|(key, _)| *key != "@type");
        filled(&inner, rest, depth + 1)?
    };
    let mut any = DynamicMessage::new(kind.clone());
    let set = any
        .try_set_field_by_number(1, Value::String(url.to_owned()))
        .and_then(|()| any.try_set_field_by_number(2, Value::Bytes(value.encode_to_vec().into())));
    set.map_err(|error| error.to_string())?;
    Ok(any)
}
