use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use prost_reflect::{DynamicMessage, Kind, MapKey, MessageDescriptor, Value};
use serde_json::Value as Json;

use super::fields::{self, Field, Form};
use super::parts::{Ends, Part};
use super::read_scalar::{base64, decode, enumeration, string, well_known};
use super::{MAX_DEPTH, any};

/// A message from JSON: fields by their own names or in camel case, nothing unknown.
///
/// # Errors
/// What is wrong, for people.
pub fn read(kind: &MessageDescriptor, json: &Json) -> Result<DynamicMessage, String> {
    parse(kind, &json.to_string())
}

/// As [`read`], from text: JSON that a contract gets stays as it is written, as in wasmd.
///
/// # Errors
/// As [`read`].
pub fn parse(kind: &MessageDescriptor, text: &str) -> Result<DynamicMessage, String> {
    let (ends, text) = Ends::of(text)?;
    message(kind, ends.whole(text), 0)
}

/// As [`parse`], but members that a message does not have are passed over, at every depth: so does the SDK's REST gateway
/// with bodies, and clients send such.
///
/// # Errors
/// As [`read`].
pub fn parse_known(kind: &MessageDescriptor, text: &str) -> Result<DynamicMessage, String> {
    let (ends, text) = Ends::of(text)?;
    let mut whole = ends.whole(text);
    whole.lenient = true;
    message(kind, whole, 0)
}

fn message(kind: &MessageDescriptor, json: Part<'_>, depth: usize) -> Result<DynamicMessage, String> {
    if depth > MAX_DEPTH {
        return Err(format!("nested deeper than {MAX_DEPTH}"));
    }
    let name = kind.full_name();
    if matches!(name, "google.protobuf.Timestamp" | "google.protobuf.Duration") {
        let text: String = json.is().ok_or_else(|| format!("{name} must be a string"))?;
        return well_known(kind, &text).ok_or_else(|| format!("bad {}: {text:?}", kind.name()));
    }
    let members = json
        .members()
        .ok_or_else(|| format!("{name} must be an object"))?;
    if name == "google.protobuf.Any" {
        return any_message(kind, &members, depth);
    }
    filled(kind, members.iter(), depth)
}

fn filled<'a>(
    kind: &MessageDescriptor,
    members: impl Iterator<Item = (&'a String, &'a Part<'a>)>,
    depth: usize,
) -> Result<DynamicMessage, String> {
    let name = kind.full_name();
    let mut message = DynamicMessage::new(kind.clone());
    for (key, item) in members {
        let field = match fields::named(kind, key) {
            Some(field) => field,
            None if item.lenient => continue,
            None => return Err(format!("unknown field {key:?} in {name}")),
        };
        // Bytes that are JSON may be its null.
        if item.text == "null" {
            continue;
        }
        let value = value(&field, *item, depth).map_err(|error| format!("{key}: {error}"))?;
        let set = message.try_set_field(&field.descriptor, value);
        set.map_err(|_| format!("{key}: a value of another type"))?;
    }
    Ok(message)
}

fn value(field: &Field, json: Part<'_>, depth: usize) -> Result<Value, String> {
    if field.descriptor.is_list() {
        let items = json.items().ok_or("must be an array")?;
        let items = items.into_iter().map(|item| single(field, item, depth));
        return items.collect::<Result<_, _>>().map(Value::List);
    }
    if field.descriptor.is_map() {
        return map(field, json, depth);
    }
    single(field, json, depth)
}

fn map(field: &Field, json: Part<'_>, depth: usize) -> Result<Value, String> {
    let members = json.members().ok_or("must be an object")?;
    let kind = field.descriptor.kind();
    let entry = kind.as_message().ok_or("no map")?;
    let parts = fields::of(entry);
    let part = |number| parts.iter().find(|part| part.descriptor.number() == number);
    let (Some(key), Some(item)) = (part(1), part(2)) else {
        return Err("no map".to_owned());
    };
    let mut pairs: Vec<(MapKey, Value)> = Vec::new();
    for (name, member) in members {
        let key = decode(key, &name)?.into_map_key().ok_or("not a key")?;
        pairs.push((key, single(item, member, depth)?));
    }
    Ok(Value::Map(pairs.into_iter().collect()))
}

fn single(field: &Field, json: Part<'_>, depth: usize) -> Result<Value, String> {
    let kind = field.descriptor.kind();
    match &kind {
        Kind::Message(inner) => return message(inner, json, depth + 1).map(Value::Message),
        Kind::Bytes if field.form == Form::Json => {
            return Ok(Value::Bytes(Bytes::copy_from_slice(json.text.as_bytes())));
        }
        _ => {}
    }
    scalar(field, &kind, &json.is::<Json>().ok_or("no JSON")?)
}

fn scalar(field: &Field, kind: &Kind, json: &Json) -> Result<Value, String> {
    match (kind, json) {
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
    members: &BTreeMap<String, Part<'_>>,
    depth: usize,
) -> Result<DynamicMessage, String> {
    let url = members.get("@type").and_then(|url| url.is::<String>());
    let url = url.ok_or("Any JSON doesn't have '@type'")?;
    let inner = any::resolve(&url).ok_or_else(|| format!("unable to resolve type URL {url}"))?;
    let special = matches!(inner.package_name(), "google.protobuf");
    let value = if special {
        message(
            &inner,
            members.get("value").copied().unwrap_or(Part::NULL),
            depth + 1,
        )?
    } else if depth >= MAX_DEPTH {
        return Err(format!("nested deeper than {MAX_DEPTH}"));
    } else {
        let rest = members.iter().filter(|(key, _)| *key != "@type");
        filled(&inner, rest, depth + 1)?
    };
    let mut any = DynamicMessage::new(kind.clone());
    let set = any
        .try_set_field_by_number(1, Value::String(url))
        .and_then(|()| any.try_set_field_by_number(2, Value::Bytes(value.encode_to_vec().into())));
    set.map_err(|error| error.to_string())?;
    Ok(any)
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_known};
    use crate::parts::seen;
    use prost_reflect::MessageDescriptor;

    fn kind(name: &str) -> MessageDescriptor {
        quern_proto::pool().get_message_by_name(name).unwrap()
    }

    fn within(times: usize, (before, after): (&str, &str), inner: &str) -> String {
        format!("{}{inner}{}", before.repeat(times), after.repeat(times))
    }

    /// Bytes that are looked at to read a text.
    fn looked_at(kind: &MessageDescriptor, text: &str) -> usize {
        seen::take();
        parse(kind, text).unwrap();
        seen::take()
    }

    #[test]
    fn members_that_a_message_lacks_are_passed_over_where_the_gateway_does() {
        let kind = kind("cosmos.tx.v1beta1.SimulateRequest");
        let text = r#"{"tx":{"body":{"messages":[{"@type":"/cosmos.bank.v1beta1.MsgSend","from_address":"a","new":{"b":[1]}}],
            "old":null},"memo2":"x"},"mode":"BROADCAST_MODE_SYNC"}"#;
        assert!(parse(&kind, text).unwrap_err().contains("unknown field"));
        let known =
            r#"{"tx":{"body":{"messages":[{"@type":"/cosmos.bank.v1beta1.MsgSend","from_address":"a"}]}}}"#;
        assert_eq!(parse_known(&kind, text).unwrap(), parse(&kind, known).unwrap());
        assert!(parse_known(&kind, r#"{"tx":7}"#).is_err(), "what it has must fit");
    }

    #[test]
    fn what_is_nested_deep_is_read_once_as_what_is_not() {
        let exec = (
            r#"{"@type":"/cosmos.authz.v1beta1.MsgExec","grantee":"g","msgs":["#,
            "]}",
        );
        let call = format!(
            r#"{{"@type":"/cosmwasm.wasm.v1.MsgExecuteContract","msg":[{}0]}}"#,
            r#"{"a":[]},"#.repeat(200_000)
        );
        let multi = (r#"{"multi":{"mode_infos":["#, "]}}");
        let wide = vec![r#"{"single":{"mode":"SIGN_MODE_DIRECT"}}"#; 20_000].join(",");
        for (name, around, inner) in [
            ("google.protobuf.Any", exec, &call),
            ("cosmos.tx.v1beta1.ModeInfo", multi, &wide),
        ] {
            let kind = kind(name);
            let (deep, flat) = (within(30, around, inner), within(1, around, inner));
            let (read, once) = (looked_at(&kind, &deep), looked_at(&kind, &flat));
            assert!(once >= inner.len(), "{name}: {once} of {}", inner.len());
            // two readings of what is outside at most: an object's members, and what they are
            let outside = deep.len() - flat.len();
            assert!(read <= once + 4 * outside, "{name}: {read} instead of {once}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_refused() {
        let exec = (r#"{"@type":"/cosmos.authz.v1beta1.MsgExec","msgs":["#, "]}");
        let any = kind("google.protobuf.Any");
        let inner = r#"{"@type":"/cosmos.bank.v1beta1.MsgSend"}"#;
        parse(&any, &within(31, exec, inner)).unwrap();
        let wrong = parse(&any, &within(33, exec, inner)).unwrap_err();
        assert!(wrong.ends_with("nested deeper than 64"), "{wrong}");
    }
}
