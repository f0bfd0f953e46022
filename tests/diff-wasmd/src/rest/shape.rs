//! What an answer is made of, where its values are each chain's own.

use serde_json::{Map, Value};

/// A JSON value with its values' kinds in their places; of a list, each kind of entry once.
pub fn of(value: &Value) -> Value {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Number(_) => "number".into(),
        Value::String(text) => kind(text).into(),
        Value::Array(list) => {
            let mut kinds: Vec<Value> = Vec::new();
            for entry in list.iter().map(of) {
                if !kinds.contains(&entry) {
                    kinds.push(entry);
                }
            }
            Value::Array(kinds)
        }
        Value::Object(members) => {
            let shape = |(name, value): (&String, &Value)| {
                // The name of a type is the same on both.
                let shape = if name == "@type" { value.clone() } else { of(value) };
                (name.clone(), shape)
            };
            Value::Object(members.iter().map(shape).collect::<Map<_, _>>())
        }
    }
}

/// The kind of a text, as far as clients tell them apart.
fn kind(text: &str) -> &'static str {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if text.is_empty() {
        return "nothing";
    }
    if digits(unsigned) {
        return "integer";
    }
    if let Some((whole, part)) = unsigned.split_once('.')
        && digits(whole)
        && digits(part)
    {
        return if part.len() == 18 {
            "decimal of 18 places"
        } else {
            "decimal"
        };
    }
    for (prefix, name) in [
        ("quernvaloper1", "address of an operator"),
        ("quernvalcons1", "address of a consensus key"),
        ("quern1", "address"),
    ] {
        if text.starts_with(prefix) {
            return name;
        }
    }
    if text.len() >= 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z') {
        return "time";
    }
    if text
        .strip_suffix('s')
        .is_some_and(|seconds| seconds.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
    {
        return "duration";
    }
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return "hash";
    }
    if text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
        return "constant";
    }
    "text"
}
