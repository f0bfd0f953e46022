//! The walk over a message.

use std::fmt::Write;

use prost_reflect::{Cardinality, DynamicMessage, Kind, ReflectMessage, Value};

use super::{
    AminoError, comma, inline,
    plan::{self, FieldPlan, Plan, Rule, Shape},
    text,
};

/// Deepest nesting of messages. Transactions are held to less when they are decoded.
pub(super) const MAX_DEPTH: usize = 64;

/// A message inside an `Any`: always in an envelope, named by its type where it has no amino name.
pub(super) fn any(out: &mut String, type_url: &str, bytes: &[u8]) -> Result<(), AminoError> {
    any_at(out, type_url, bytes, 0)
}

/// A message in its envelope, if it has one.
pub(super) fn named(out: &mut String, full_name: &str, bytes: &[u8]) -> Result<(), AminoError> {
    let (plan, message) = decode(full_name, bytes)?;
    match &plan.name {
        Some(name) => envelope(out, name, plan, &message, 0),
        None => body(out, plan, &message, 0),
    }
}

/// A message without envelope.
pub(super) fn plain(out: &mut String, full_name: &str, bytes: &[u8]) -> Result<(), AminoError> {
    let (plan, message) = decode(full_name, bytes)?;
    body(out, plan, &message, 0)
}

fn any_at(out: &mut String, type_url: &str, bytes: &[u8], depth: usize) -> Result<(), AminoError> {
    let full_name = type_url.strip_prefix('/').unwrap_or(type_url);
    let (plan, message) = decode(full_name, bytes)?;
    match &plan.name {
        Some(name) => envelope(out, name, plan, &message, depth),
        None => envelope(out, &format!("/{full_name}"), plan, &message, depth),
    }
}

/// A message and the rules of its type.
pub(super) fn decode(full_name: &str, bytes: &[u8]) -> Result<(&'static Plan, DynamicMessage), AminoError> {
    let plan =
        plan::of(full_name).ok_or_else(|| AminoError::new(format!("can't resolve type URL {full_name}")))?;
    let message =
        DynamicMessage::decode(plan.descriptor.clone(), bytes).map_err(|e| AminoError::new(e.to_string()))?;
    Ok((plan, message))
}

fn envelope(
    out: &mut String,
    name: &str,
    plan: &Plan,
    message: &DynamicMessage,
    depth: usize,
) -> Result<(), AminoError> {
    let _ = write!(out, "{{\"type\":\"{name}\",\"value\":");
    body(out, plan, message, depth)?;
    out.push('}');
    Ok(())
}

fn body(out: &mut String, plan: &Plan, message: &DynamicMessage, depth: usize) -> Result<(), AminoError> {
    let depth = depth.saturating_add(1);
    if depth > MAX_DEPTH {
        return Err(AminoError::new("message is nested too deeply"));
    }
    let number = |name: &str| match message.get_field_by_name(name).as_deref() {
        Some(Value::I64(n)) => *n,
        Some(Value::I32(n)) => i64::from(*n),
        Some(Value::U32(n)) => i64::from(*n),
        _ => 0,
    };
    match plan.shape {
        Shape::Fields => fields(out, plan, message, depth),
        Shape::Timestamp => text::timestamp(out, number("seconds"), number("nanos")),
        Shape::Duration => text::duration(out, number("seconds"), number("nanos")),
        Shape::Any => {
            let (url, value) = (
                message.get_field_by_name("type_url"),
                message.get_field_by_name("value"),
            );
            match (url.as_deref(), value.as_deref()) {
                (Some(Value::String(url)), Some(Value::Bytes(value))) => any_at(out, url, value, depth),
                _ => Err(AminoError::new("malformed Any")),
            }
        }
        Shape::Key => {
            match message.get_field_by_name("key").as_deref() {
                Some(Value::Bytes(key)) if !key.is_empty() => text::bytes(out, key),
                _ => out.push_str("null"),
            }
            Ok(())
        }
        Shape::Threshold => {
            out.push_str("{\"pubkeys\":[");
            if let Some(Value::List(keys)) = message.get_field_by_name("public_keys").as_deref() {
                list(out, keys, depth)?;
            }
            let _ = write!(out, "],\"threshold\":\"{}\"}}", number("threshold"));
            Ok(())
        }
    }
}

fn fields(out: &mut String, plan: &Plan, message: &DynamicMessage, depth: usize) -> Result<(), AminoError> {
    out.push('{');
    let mut written = 0usize;
    let mut empty_oneof = None; // a oneof without a member is written once, as null
    for field in &plan.fields {
        let present = message.has_field(&field.field);
        let mut nil = false;
        if !present {
            let unset = field.oneof.as_ref().filter(|(name, _)| {
                let siblings = plan
                    .fields
                    .iter()
                    .filter(|f| f.oneof.as_ref().is_some_and(|(n, _)| n == name));
                !siblings.into_iter().any(|f| message.has_field(&f.field))
            });
            let single = field.field.cardinality() != Cardinality::Repeated;
            match unset {
                Some((name, _)) if empty_oneof != Some(name) => {
                    nil = true;
                    empty_oneof = Some(name);
                }
                _ if field.omit_empty || field.oneof.is_some() => continue,
                _ if single && matches!(field.field.kind(), Kind::Message(_)) => {
                    return Err(AminoError::new(format!(
                        "not supported: dont_omit_empty=true on invalid (nil?) message field: {}",
                        field.name
                    )));
                }
                _ => {}
            }
        }
        comma(out, written);
        written = written.saturating_add(1);
        write_field(out, field, message, nil, depth)?;
    }
    out.push('}');
    Ok(())
}

fn write_field(
    out: &mut String,
    field: &FieldPlan,
    message: &DynamicMessage,
    nil: bool,
    depth: usize,
) -> Result<(), AminoError> {
    let wrapped = match &field.oneof {
        Some((name, _)) if nil => {
            text::string(out, name);
            out.push_str(":null");
            return Ok(());
        }
        Some((_, kind)) if kind.is_empty() => {
            return Err(AminoError::new(format!(
                "field {} within a oneof must have the amino.oneof_type_name option set",
                field.name
            )));
        }
        Some((name, kind)) => {
            let _ = write!(out, "\"{name}\":{{\"type\":\"{kind}\",\"value\":{{");
            true
        }
        None => false,
    };
    text::string(out, &field.name);
    out.push(':');
    let value = message.get_field(&field.field);
    match (field.rule, value.as_ref()) {
        (Rule::LegacyCoins, Value::List(items)) => {
            out.push('[');
            list(out, items, depth)?;
            out.push(']');
        }
        (Rule::InlineJson, Value::Bytes(json)) => inline::sorted(out, json)?,
        (Rule::Int, Value::String(text)) if text.is_empty() => out.push_str("\"0\""),
        (Rule::Int, Value::String(text)) => text::string(out, text),
        (Rule::Int, Value::Bytes(bytes)) => match std::str::from_utf8(bytes) {
            Ok("") => out.push_str("\"0\""),
            Ok(text) => text::string(out, text),
            Err(_) => return Err(AminoError::new("malformed integer")),
        },
        (Rule::Dec, Value::String(text)) => text::decimal(out, text)?,
        (Rule::Dec, Value::Bytes(bytes)) => {
            let text = std::str::from_utf8(bytes).map_err(|_| AminoError::new("malformed decimal"))?;
            text::decimal(out, text)?;
        }
        (Rule::Unseen, Value::Message(_)) => out.push_str("{}"),
        (Rule::Kind, Value::List(items)) if items.is_empty() => out.push_str("null"),
        (Rule::Kind, value) => write_value(out, value, depth)?,
        _ => {
            return Err(AminoError::new(format!(
                "unsupported type in field {}",
                field.name
            )));
        }
    }
    if wrapped {
        out.push_str("}}");
    }
    Ok(())
}

fn write_value(out: &mut String, value: &Value, depth: usize) -> Result<(), AminoError> {
    match value {
        Value::Bool(b) => {
            let _ = write!(out, "{b}");
        }
        Value::I32(n) | Value::EnumNumber(n) => {
            let _ = write!(out, "{n}");
        }
        Value::U32(n) => {
            let _ = write!(out, "{n}");
        }
        Value::I64(n) => {
            let _ = write!(out, "\"{n}\"");
        }
        Value::U64(n) => {
            let _ = write!(out, "\"{n}\"");
        }
        Value::String(s) => text::string(out, s),
        Value::Bytes(b) if b.is_empty() => out.push_str("null"),
        Value::Bytes(b) => text::bytes(out, b),
        Value::Message(message) => {
            let descriptor = message.descriptor();
            let plan = plan::of(descriptor.full_name())
                .ok_or_else(|| AminoError::new(format!("no amino form of {}", descriptor.full_name())))?;
            body(out, plan, message, depth)?;
        }
        Value::List(items) => {
            out.push('[');
            list(out, items, depth)?;
            out.push(']');
        }
        Value::F32(_) | Value::F64(_) | Value::Map(_) => {
            return Err(AminoError::new("floats and maps are not supported"));
        }
    }
    Ok(())
}

fn list(out: &mut String, items: &[Value], depth: usize) -> Result<(), AminoError> {
    for (i, item) in items.iter().enumerate() {
        comma(out, i);
        write_value(out, item, depth)?;
    }
    Ok(())
}
