//! Amino JSON as values. Members that are missing or null are empty, and unknown ones are passed over, as go-amino does.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::de::IgnoredAny;

use super::text::{access_number, decimal_from, in_range, is_integer};
use super::types::{Field, Kind, Type, by_name, of};
use super::value::{Budget, MEMBERS, Value, of_kind, zero};
use super::{MAX_DEPTH, Outcome};

/// A document of this type, in its envelope.
pub(super) fn named(json: &str, wanted: &'static Type, budget: &Budget) -> Outcome<Value> {
    serde_json::from_str::<IgnoredAny>(json).map_err(|error| error.to_string())?;
    let (name, inner) = envelope(json, budget)?;
    let known = wanted.name.as_deref().unwrap_or_default();
    if name != known {
        return Err(format!("expected a {known}, got {name:?}"));
    }
    body(inner, wanted, 0, budget)
}

/// A name and what it names.
fn envelope<'a>(json: &'a str, budget: &Budget) -> Outcome<(String, &'a str)> {
    let (mut name, mut inner) = (String::new(), "");
    for (key, value) in members(json, budget)? {
        match key.as_str() {
            "type" => name = string(value)?,
            "value" => inner = value,
            _ => {}
        }
    }
    match (name.is_empty(), inner.is_empty()) {
        (true, _) => Err("JSON encoding of interfaces require non-empty type field.".to_owned()),
        (_, true) => Err("interface JSON wrapper should have non-empty value field".to_owned()),
        _ => Ok((name, inner)),
    }
}

fn body(json: &str, of: &'static Type, depth: usize, budget: &Budget) -> Outcome<Value> {
    budget.spend(MEMBERS)?;
    if depth > MAX_DEPTH {
        return Err("messages are nested too deeply".to_owned());
    }
    if of.is_key {
        return Ok(Value::Struct(vec![one(json, &Kind::Bytes, depth, budget)?]));
    }
    let given = members(json, budget)?;
    let values = of.fields.iter().map(|field| {
        // of equal names the last counts
        let found = given.iter().rev().find(|(name, _)| *name == field.json);
        match found.map(|(_, text)| *text) {
            None | Some("null") => Ok(zero(field)),
            Some(text) => member(text, field, depth, budget),
        }
    });
    Ok(Value::Struct(values.collect::<Outcome<_>>()?))
}

fn member(text: &str, field: &Field, depth: usize, budget: &Budget) -> Outcome<Value> {
    let named = |error: String| format!("{}: {error}", field.json);
    if !field.list {
        return one(text, &field.kind, depth, budget).map_err(named);
    }
    let mut items = Vec::new();
    for text in elements(text, budget).map_err(named)? {
        items.push(match (text, field.pointer) {
            ("null", true) => Value::Nil,
            ("null", false) => {
                budget.spend(MEMBERS)?;
                of_kind(&field.kind)
            }
            _ => one(text, &field.kind, depth, budget).map_err(named)?,
        });
    }
    Ok(Value::List(items))
}

fn one(text: &str, kind: &Kind, depth: usize, budget: &Budget) -> Outcome<Value> {
    let bad = |what: &str| format!("{} is no {what}", shortened(text));
    Ok(match kind {
        Kind::Bool => Value::Bool(serde_json::from_str(text).map_err(|_| bad("bool"))?),
        Kind::Int32 => Value::Signed(
            serde_json::from_str::<i32>(text)
                .map_err(|_| bad("int32"))?
                .into(),
        ),
        Kind::Uint32 => Value::Unsigned(
            serde_json::from_str::<u32>(text)
                .map_err(|_| bad("uint32"))?
                .into(),
        ),
        // 64 bits stand in quotes
        Kind::Int64 => Value::Signed(quoted(text).ok_or_else(|| bad("int64 in quotes"))?),
        Kind::Uint64 => Value::Unsigned(quoted(text).ok_or_else(|| bad("uint64 in quotes"))?),
        Kind::Access => Value::Signed(access_number(&string(text)?)),
        Kind::Text => Value::Text(string(text)?),
        Kind::Bytes => Value::Bytes(STANDARD.decode(string(text)?).map_err(|_| bad("base64"))?),
        Kind::Raw => Value::Bytes(text.as_bytes().to_vec()),
        Kind::Integer => {
            let digits = string(text)?;
            match is_integer(&digits) {
                true => Value::Text(digits),
                false => return Err(bad("integer")),
            }
        }
        Kind::Decimal => Value::Text(decimal_from(&string(text)?).ok_or_else(|| bad("decimal"))?),
        Kind::Time => {
            let said = string(text)?;
            let time = Some(said.as_str()).filter(|said| said.ends_with('Z'));
            let time = time.and_then(|said| said.parse::<prost_types::Timestamp>().ok());
            let time = time.filter(|time| in_range(time.seconds));
            let time = time.ok_or_else(|| bad("time in UTC"))?;
            Value::Time(
                time.seconds,
                u32::try_from(time.nanos).map_err(|_| bad("time in UTC"))?,
            )
        }
        Kind::Any | Kind::Interface => {
            let (name, inner) = envelope(text, budget)?;
            let of = by_name(&name)?;
            Value::Named(of, Box::new(body(inner, of, depth.saturating_add(1), budget)?))
        }
        Kind::Struct(name) => {
            let of = of(name).ok_or_else(|| format!("no type {name}"))?;
            body(text, of, depth.saturating_add(1), budget)?
        }
    })
}

fn quoted<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    serde_json::from_str(inner).ok()
}

fn string(text: &str) -> Outcome<String> {
    serde_json::from_str(text).map_err(|_| format!("{} is no string", shortened(text)))
}

/// The begin of a text, for messages.
fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Takes the value at the begin of a text, and returns it with what follows.
fn value<'a>(text: &'a str, budget: &Budget) -> Outcome<(&'a str, &'a str)> {
    let text = blank(text);
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let read = values.next().ok_or("a value is missing")?;
    read.map_err(|error| error.to_string())?;
    budget.pass(values.byte_offset())?;
    text.split_at_checked(values.byte_offset())
        .ok_or_else(|| "a value is missing".to_owned())
}

fn blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
}

/// The members of an object, each with its text.
fn members<'a>(text: &'a str, budget: &Budget) -> Outcome<Vec<(String, &'a str)>> {
    let mut rest = blank(text)
        .strip_prefix('{')
        .ok_or_else(|| format!("{} is no object", shortened(text)))?;
    let mut found = Vec::new();
    loop {
        rest = blank(rest);
        if rest.starts_with('}') {
            return Ok(found);
        }
        budget.spend(1)?;
        let (name, after) = value(rest, budget)?;
        let after = blank(after).strip_prefix(':').ok_or("a colon is missing")?;
        let (text, after) = value(after, budget)?;
        found.push((string(name)?, text));
        rest = blank(after);
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

/// The texts of a list's elements.
fn elements<'a>(text: &'a str, budget: &Budget) -> Outcome<Vec<&'a str>> {
    let mut rest = blank(text)
        .strip_prefix('[')
        .ok_or_else(|| format!("{} is no list", shortened(text)))?;
    let mut found = Vec::new();
    loop {
        rest = blank(rest);
        if rest.starts_with(']') {
            return Ok(found);
        }
        budget.spend(1)?;
        let (text, after) = value(rest, budget)?;
        found.push(text);
        rest = blank(after);
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}
