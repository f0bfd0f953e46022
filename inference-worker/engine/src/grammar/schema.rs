//! What a JSON schema may be: bounds on what the compiler does not bound itself.

use super::exclusive;
use super::{MAX_COMBINATIONS, MAX_DEPTH, MAX_EXPANDED, MAX_LEVELS, MAX_PATTERNS, MAX_VALUES};
use llguidance::JsonCompileOptions;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// By this field a schema would set the compiler's options.
const OPTIONS: &str = "x-guidance";

/// A schema with this project's way of writing JSON, checked for what the compiler does not bound itself. Where it is not
/// `strict`, keywords that the compiler does not know are left out of account.
///
/// # Errors
/// Why it is not taken.
pub fn prepared(schema: &Value, strict: bool) -> Result<Value, String> {
    let mut schema = match schema {
        Value::Object(fields) => fields.clone(),
        Value::Bool(true) => Map::new(),
        _ => return Err("a schema must be a JSON object".into()),
    };
    // Options of the compiler are this server's matter; one of them would drop keywords in silence.
    if schema.remove(OPTIONS).is_some() && strict {
        return Err(format!(
            "'{OPTIONS}' is not supported: it is no keyword of JSON schemas"
        ));
    }
    // A keyword means what it does in the latest draft: of those that an older one does not know the compiler would keep none.
    if schema.get("$schema").is_some_and(Value::is_string) {
        schema.remove("$schema");
    }
    let mut schema = Value::Object(schema);
    let mut survey = Survey {
        root: &schema,
        values: 0,
        patterns: 0,
        levels: 0,
        intersects: false,
        strict,
        targets: BTreeMap::new(),
    };
    survey.count(&schema, 0)?;
    let size = survey.weigh(&schema, Role::Schema, 0)?.size;
    if survey.intersects && size > MAX_EXPANDED {
        return Err(format!(
            "written out with all that it refers to it has more than {MAX_EXPANDED} values"
        ));
    }
    exclusive::relax(&mut schema);
    let options = JsonCompileOptions {
        whitespace_flexible: true,
        // One space at most: endless blanks are a way never to end.
        whitespace_pattern: Some("[ ]".into()),
        lenient: !strict,
        ..JsonCompileOptions::default()
    };
    options.apply_to(&mut schema);
    Ok(schema)
}

/// What a value is to the compiler.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Schema,
    /// Not read as a schema.
    Data,
}

/// What a schema comes to.
#[derive(Clone, Copy)]
struct Weight {
    /// The number of alternatives that it stands for.
    ways: usize,
    /// Its values, each reference counted as what it leads to.
    size: usize,
}

const ONE: Weight = Weight { ways: 1, size: 1 };

struct Survey<'a> {
    root: &'a Value,
    values: usize,
    patterns: usize,
    /// Levels of all that is referred to, one after the other: the compiler goes through them in one recursion.
    levels: usize,
    /// Whether schemas meet in one place, so that the compiler copies what is referred to.
    intersects: bool,
    /// Whether every keyword must be kept.
    strict: bool,
    /// What references come to, by how they are written; none while they are looked at.
    targets: BTreeMap<&'a str, Option<Weight>>,
}

impl<'a> Survey<'a> {
    /// Checks depth and number of what is written.
    fn count(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        self.values += 1;
        if depth > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} levels deep"));
        }
        if self.values > MAX_VALUES {
            return Err(format!("it has more than {MAX_VALUES} values"));
        }
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.count(item, depth + 1)),
            Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
                if let ("patternProperties", Value::Object(patterns)) = (name.as_str(), value) {
                    // The compiler compares each with each.
                    self.patterns += patterns.len();
                    if self.patterns > MAX_PATTERNS {
                        return Err(format!("it has more than {MAX_PATTERNS} 'patternProperties'"));
                    }
                }
                self.count(value, depth + 1)
            }),
            _ => Ok(()),
        }
    }

    /// Weighs a value below `path` others, those on the way through references counted.
    fn weigh(&mut self, value: &'a Value, role: Role, path: usize) -> Result<Weight, String> {
        if path > MAX_LEVELS {
            return Err(too_far());
        }
        let mut sum = ONE;
        let fields = match value {
            Value::Array(items) => {
                for item in items {
                    sum.size = sum.size.saturating_add(self.weigh(item, role, path + 1)?.size);
                }
                return Ok(sum);
            }
            Value::Object(fields) => fields,
            _ => return Ok(ONE),
        };
        if role == Role::Schema {
            self.intersects |= intersects(fields);
            if self.strict && may_repeat(fields) {
                return Err("'minProperties' can only be kept one above the number of 'required' names where others may be \
                            added, as these may repeat: list the names under 'required', or set 'additionalProperties' \
                            to false and leave 'patternProperties' out"
                    .into());
            }
            if self.strict && loses_items(fields) {
                return Err("'prefixItems' cannot be kept beside 'additionalItems' or a list of 'items': send one of them".into());
            }
        }
        // Every list of alternatives beside the others multiplies with them, and so does every part of an `allOf`.
        let whole = value;
        for (name, value) in fields {
            let own = match (role, name.as_str(), value) {
                (Role::Data, ..) | (_, "const" | "enum" | "default" | "examples", _) => {
                    self.weigh(value, Role::Data, path + 1)?
                }
                (_, "$ref", Value::String(target)) => self.target(target, path + 1)?,
                (_, "$id" | "id" | "$schema", Value::String(_)) if !std::ptr::eq(whole, self.root) => {
                    return Err(format!("'{name}' is taken at its top only"));
                }
                (_, "anyOf" | "oneOf", Value::Array(items)) => {
                    let mut sum = Weight { ways: 0, size: 1 };
                    for item in items {
                        let item = self.weigh(item, role, path + 1)?;
                        sum.ways = sum.ways.saturating_add(item.ways);
                        sum.size = sum.size.saturating_add(item.size);
                    }
                    sum
                }
                (_, "allOf", Value::Array(items)) => {
                    let mut product = ONE;
                    for item in items {
                        let item = self.weigh(item, role, path + 1)?;
                        product.ways = product.ways.saturating_mul(item.ways);
                        product.size = product.size.saturating_add(item.size);
                    }
                    product
                }
                // The names of these fields are no keywords.
                (
                    _,
                    "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas",
                    Value::Object(named),
                ) => {
                    let mut sum = ONE;
                    for value in named.values() {
                        sum.size = sum.size.saturating_add(self.weigh(value, role, path + 2)?.size);
                    }
                    sum
                }
                _ => Weight {
                    ways: 1,
                    ..self.weigh(value, role, path + 1)?
                },
            };
            sum.ways = sum.ways.saturating_mul(own.ways.max(1));
            sum.size = sum.size.saturating_add(own.size);
        }
        if sum.ways > MAX_COMBINATIONS {
            return Err(format!(
                "its alternatives combine in more than {MAX_COMBINATIONS} ways"
            ));
        }
        Ok(sum)
    }

    /// Weighs what a reference leads to. One that leads back to itself is not followed twice.
    fn target(&mut self, written: &'a str, path: usize) -> Result<Weight, String> {
        if let Some(known) = self.targets.get(written) {
            return Ok(known.unwrap_or(ONE));
        }
        if inner(written).is_none() {
            return Err("a '$ref' must lead into the schema itself, as '#/$defs/name' does".into());
        }
        let found = pointed(self.root, written);
        let found = found.ok_or_else(|| format!("its '$ref' {written:.80?} leads nowhere"))?;
        self.levels += height(found);
        if self.levels > MAX_LEVELS {
            return Err(too_far());
        }
        self.targets.insert(written, None);
        let weight = self.weigh(found, Role::Schema, path)?;
        self.targets.insert(written, Some(weight));
        Ok(weight)
    }
}

fn too_far() -> String {
    format!("with all that it refers to it is nested more than {MAX_LEVELS} levels deep")
}

/// Levels of a value, which are bounded before.
fn height(value: &Value) -> usize {
    let below = match value {
        Value::Array(items) => items.iter().map(height).max(),
        Value::Object(fields) => fields.values().map(height).max(),
        _ => None,
    };
    1 + below.unwrap_or(0)
}

/// Whether a schema makes the compiler intersect others than types with constants.
fn intersects(fields: &Map<String, Value>) -> bool {
    let is_note = |name: &str| {
        matches!(
            name,
            "title" | "description" | "default" | "$defs" | "definitions"
        )
    };
    let count = |names: &[&str]| names.iter().filter(|name| fields.contains_key(**name)).count();
    let rules = fields.keys().filter(|name| !is_note(name)).count();
    let constants = count(&["const", "enum"]);
    let several = fields.get("allOf").and_then(Value::as_array);
    several.is_some_and(|parts| parts.len() > 1)
        || count(&["$ref", "anyOf", "oneOf", "allOf"]) > 0 && rules > 1
        || constants > 0 && rules > constants + count(&["type"])
        || fields.contains_key("patternProperties")
}

/// Whether the compiler would take a list of items for one of older drafts, and drop what newer ones say of it.
fn loses_items(fields: &Map<String, Value>) -> bool {
    fields.contains_key("prefixItems")
        && (fields.contains_key("additionalItems") || fields.get("items").is_some_and(Value::is_array))
}

/// Whether the compiler could reach the least number of properties by one name that comes twice, which no reader of JSON
/// counts twice: it counts what is not listed without comparing names.
fn may_repeat(fields: &Map<String, Value>) -> bool {
    let Some(least) = fields.get("minProperties").and_then(Value::as_f64) else {
        return false;
    };
    let patterns = fields.get("patternProperties").and_then(Value::as_object);
    let is_closed =
        fields.get("additionalProperties") == Some(&Value::Bool(false)) && patterns.is_none_or(Map::is_empty);
    let required = fields.get("required").and_then(Value::as_array);
    let names: BTreeSet<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
    !is_closed && least > names.len() as f64 + 1.0
}

/// The pointer of a reference that leads into the schema itself.
fn inner(written: &str) -> Option<&str> {
    let pointer = written.strip_prefix('#')?;
    (pointer.is_empty() || pointer.starts_with('/')).then_some(pointer)
}

/// What a reference leads to.
pub(super) fn pointed<'a>(root: &'a Value, written: &str) -> Option<&'a Value> {
    root.pointer(&decoded(inner(written)?)?)
}

/// A pointer as it is after percent-encoding is undone.
fn decoded(pointer: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}
