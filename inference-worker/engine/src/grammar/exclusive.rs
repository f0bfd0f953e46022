//! `oneOf` whose alternatives exclude each other is `anyOf`, which the compiler takes. It sees that of few by itself, and of
//! none that is a reference, as those of tagged unions are.

use super::schema::pointed;
use serde_json::{Map, Value};

/// Most alternatives that are compared with each other.
const MOST: usize = 32;
/// References that are followed one after the other, and properties within properties.
const DEEPEST: usize = 8;

/// Writes `anyOf` for every `oneOf` of which that is certain.
pub(super) fn relax(schema: &mut Value) {
    let root = schema.clone();
    walk(schema, &root);
}

fn walk(value: &mut Value, root: &Value) {
    let fields = match value {
        Value::Array(items) => return items.iter_mut().for_each(|item| walk(item, root)),
        Value::Object(fields) => fields,
        _ => return,
    };
    let options = fields.get("oneOf").and_then(Value::as_array);
    if !fields.contains_key("anyOf") && options.is_some_and(|options| exclude_each_other(options, root)) {
        // Keywords keep their order, in which the compiler goes through them.
        let renamed = std::mem::take(fields)
            .into_iter()
            .map(|(name, value)| match &*name {
                "oneOf" => ("anyOf".to_owned(), value),
                _ => (name, value),
            });
        *fields = renamed.collect();
    }
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("const" | "enum" | "default" | "examples", _) => {}
            // The names of these fields are no keywords.
            (
                "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                Value::Object(named),
            ) => named.values_mut().for_each(|value| walk(value, root)),
            (_, value) => walk(value, root),
        }
    }
}

fn exclude_each_other(options: &[Value], root: &Value) -> bool {
    let mut others = options.iter();
    options.len() <= MOST
        && std::iter::from_fn(|| others.next().map(|one| (one, others.clone())))
            .all(|(one, mut rest)| rest.all(|other| apart(one, other, root, 0)))
}

/// Whether surely no value matches both.
fn apart(one: &Value, other: &Value, root: &Value, depth: usize) -> bool {
    let (Some(one), Some(other)) = (followed(one, root), followed(other, root)) else {
        return false;
    };
    if depth > DEEPEST {
        return false;
    }
    if let (Some(one), Some(other)) = (kinds(one), kinds(other))
        && one.iter().all(|kind| !other.contains(kind))
    {
        return true;
    }
    if let (Some(one), Some(other)) = (words(one), words(other)) {
        return one.iter().all(|word| !other.contains(word));
    }
    let property = |fields: &'_ Map<String, Value>, name: &str| {
        fields.get("properties").and_then(|all| all.get(name)).cloned()
    };
    let tells = |name: &str| {
        let both = property(one, name).zip(property(other, name));
        both.is_some_and(|(one, other)| apart(&one, &other, root, depth + 1))
    };
    let is_object = |fields: &Map<String, Value>| fields.get("type").is_some_and(|kind| kind == "object");
    let required = [one, other]
        .into_iter()
        .filter_map(|fields| fields.get("required")?.as_array());
    is_object(one) && is_object(other) && required.flatten().filter_map(Value::as_str).any(tells)
}

/// What a schema refers to in the end, or itself. What stands beside a reference only narrows it.
fn followed<'a>(schema: &'a Value, root: &'a Value) -> Option<&'a Map<String, Value>> {
    let mut fields = schema.as_object()?;
    for _ in 0..DEEPEST {
        let Some(target) = fields.get("$ref") else {
            return Some(fields);
        };
        fields = pointed(root, target.as_str()?)?.as_object()?;
    }
    None
}

/// The types that a schema's values can have; none if that is not told. Whole numbers are numbers.
fn kinds(schema: &Map<String, Value>) -> Option<Vec<&str>> {
    let kind = |kind| if kind == "integer" { "number" } else { kind };
    match schema.get("type") {
        Some(Value::String(one)) => Some(vec![kind(one)]),
        Some(Value::Array(all)) => all.iter().map(|one| one.as_str().map(kind)).collect(),
        _ => schema
            .get("const")
            .filter(|value| value.is_string())
            .map(|_| vec!["string"]),
    }
}

/// The values of a schema that lists them, where all are texts.
fn words(schema: &Map<String, Value>) -> Option<Vec<&str>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(one), _) => Some(vec![one.as_str()?]),
        (None, Some(all)) => all.as_array()?.iter().map(Value::as_str).collect(),
        (None, None) => None,
    }
}
