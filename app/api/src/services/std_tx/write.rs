//! Values as amino JSON: members in the order of their types, empty ones left out where the type says so.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_types::Timestamp;

use super::Outcome;
use super::text::{access_name, decimal_to};
use super::types::{Field, Kind, Type, of};
use super::value::Value;
use crate::json::quote;

/// A value in the envelope of its name.
pub(super) fn named(out: &mut String, of: &Type, value: &Value) -> Outcome<()> {
    let name = of
        .name
        .as_deref()
        .ok_or("a type without a name stands for an interface")?;
    // names hold nothing that needs escaping
    let _ = write!(out, "{{\"type\":\"{name}\",\"value\":");
    body(out, of, value)?;
    out.push('}');
    Ok(())
}

fn body(out: &mut String, of: &Type, value: &Value) -> Outcome<()> {
    let Value::Struct(values) = value else {
        return Err(format!("expected the members of {:?}", of.name));
    };
    if let (true, Some(key)) = (of.is_key, values.first()) {
        return one(out, &Kind::Bytes, key);
    }
    out.push('{');
    let mut first = true;
    for (field, value) in of.fields.iter().zip(values) {
        if field.omit && is_empty(field, value) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(',');
        }
        quote(out, &field.json);
        out.push(':');
        match (field.list, value) {
            (true, Value::List(items)) => list(out, field, items)?,
            _ => one(out, &field.kind, value)?,
        }
    }
    out.push('}');
    Ok(())
}

fn list(out: &mut String, field: &Field, items: &[Value]) -> Outcome<()> {
    if items.is_empty() {
        out.push_str(if field.coins { "[]" } else { "null" });
        return Ok(());
    }
    for (nth, item) in items.iter().enumerate() {
        out.push(if nth == 0 { '[' } else { ',' });
        one(out, &field.kind, item)?;
    }
    out.push(']');
    Ok(())
}

/// Go's notion of empty: what is behind a pointer never is.
fn is_empty(field: &Field, value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::List(items) => items.is_empty(),
        _ if field.pointer => false,
        Value::Bool(flag) => !flag,
        Value::Signed(number) => *number == 0,
        Value::Unsigned(number) => *number == 0,
        Value::Text(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        _ => false,
    }
}

fn one(out: &mut String, kind: &Kind, value: &Value) -> Outcome<()> {
    match (kind, value) {
        (_, Value::Nil) => out.push_str("null"),
        (_, Value::Bool(flag)) => out.push_str(if *flag { "true" } else { "false" }),
        (Kind::Int32, Value::Signed(number)) => out.push_str(&number.to_string()),
        (Kind::Access, Value::Signed(number)) => quote(out, access_name(*number)),
        (_, Value::Signed(number)) => quote(out, &number.to_string()),
        (Kind::Uint32, Value::Unsigned(number)) => out.push_str(&number.to_string()),
        (_, Value::Unsigned(number)) => quote(out, &number.to_string()),
        (Kind::Decimal, Value::Text(wire)) => quote(out, &decimal_to(wire)),
        (_, Value::Text(text)) => quote(out, text),
        (_, Value::Bytes(bytes)) if bytes.is_empty() => out.push_str("null"),
        (Kind::Raw, Value::Bytes(json)) => {
            let json = std::str::from_utf8(json).ok();
            let json = json.filter(|json| serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok());
            out.push_str(json.ok_or("a contract's message is no JSON")?);
        }
        (_, Value::Bytes(bytes)) => quote(out, &STANDARD.encode(bytes)),
        (_, Value::Time(seconds, nanos)) => {
            let (seconds, nanos) = (*seconds, *nanos);
            quote(out, &Timestamp { seconds, nanos }.to_string());
        }
        (_, Value::Named(of, inner)) => named(out, of, inner)?,
        (Kind::Struct(name), Value::Struct(_)) => {
            body(out, of(name).ok_or_else(|| format!("no type {name}"))?, value)?;
        }
        _ => return Err("a value has another type than its field".to_owned()),
    }
    Ok(())
}
