//! Arguments as Qwen3-Coder writes them: each between tags, on lines of its own; texts as they are, all else in JSON.

use quern_engine::grammar::{lark_string, prepared};
use quern_inference_api::tools::{Tool, Tools};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What ends a value.
pub(super) const END: &str = "\n</parameter>\n";
/// Words of a schema of arguments beside its properties that say nothing of their values.
const OUTER: [&str; 8] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "title",
    "description",
    "$schema",
    "default",
];
/// Words by which there are arguments that are not among the properties.
const MORE: [&str; 6] = [
    "$ref",
    "allOf",
    "anyOf",
    "oneOf",
    "patternProperties",
    "minProperties",
];
/// Where other schemas refer to.
const SHARED: [&str; 2] = ["$defs", "definitions"];
/// Words of a text's schema.
const TEXT: [&str; 9] = [
    "type",
    "title",
    "description",
    "default",
    "examples",
    "enum",
    "const",
    "minLength",
    "maxLength",
];

/// The names of arguments that are texts, by tool.
pub(super) type Texts = BTreeMap<String, BTreeSet<String>>;

fn properties(tool: &Tool) -> impl Iterator<Item = (&String, &Value)> {
    let fields = tool.parameters.get("properties").and_then(Value::as_object);
    fields.into_iter().flatten()
}

fn is_text(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("string")
}

/// Which arguments of which tools are texts.
pub(super) fn texts(tools: &Tools) -> Texts {
    let names = |tool: &Tool| {
        let texts = properties(tool).filter(|(_, schema)| is_text(schema));
        texts.map(|(name, _)| name.clone()).collect()
    };
    tools
        .list
        .iter()
        .map(|tool| (tool.name.clone(), names(tool)))
        .collect()
}

/// Rules of the grammar for a tool's arguments, of which the first is `args_INDEX`; why there are none, if there are none.
/// Where the tool is not strict, words that cannot be kept are left out of account: its calls are good for what is left.
pub(super) fn rules(index: usize, tool: &Tool) -> Result<String, String> {
    // What of it cannot be used at all is told as for any other model.
    prepared(&tool.parameters, tool.strict)?;
    let fields = tool
        .parameters
        .as_object()
        .ok_or("they are no schema of an object")?;
    let bare = properties(tool).next().is_none();
    let must = |key: &str| tool.strict || bare && MORE.contains(&key);
    let unknown = |key: &&String| {
        let key = key.as_str();
        !OUTER.contains(&key) && !SHARED.contains(&key) && must(key)
    };
    if let Some(key) = fields.keys().find(unknown) {
        return Err(format!(
            "this model's way of writing calls knows no '{key}' beside 'properties'"
        ));
    }
    let required = fields.get("required").and_then(Value::as_array);
    let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
    if let Some(name) = required
        .iter()
        .find(|name| properties(tool).all(|(known, _)| known != *name))
    {
        return Err(format!(
            "this model cannot write '{name}', which is not among 'properties'"
        ));
    }
    let (mut rules, mut all) = (String::new(), String::new());
    for (number, (name, schema)) in properties(tool).enumerate() {
        if name.is_empty() || name.contains(['<', '>', '\n']) {
            return Err(format!("this model cannot write an argument named {name:?}"));
        }
        let value = format!("value_{index}_{number}");
        let open = lark_string(&format!("<parameter={name}>\n"));
        let many = if required.contains(&name.as_str()) {
            ""
        } else {
            "?"
        };
        let _ = write!(all, " arg_{index}_{number}{many}");
        if is_text(schema) {
            let text = text(schema, tool.strict).map_err(|why| format!("in '{name}', {why}"))?;
            let _ = writeln!(rules, "arg_{index}_{number}: {open} {value}\n{value}{text}");
        } else {
            let mut schema = match schema {
                Value::Bool(true) => Map::new(),
                Value::Object(schema) => schema.clone(),
                _ => return Err(format!("'{name}' is no schema")),
            };
            for shared in SHARED {
                schema.extend(fields.get(shared).map(|all| (shared.to_owned(), all.clone())));
            }
            let schema = prepared(&Value::Object(schema), tool.strict)?;
            let _ = writeln!(
                rules,
                "arg_{index}_{number}: {open} {value} {}\n{value}: %json {schema}",
                lark_string(END)
            );
        }
    }
    Ok(format!(
        "args_{index}:{} {}\n{rules}",
        all,
        lark_string("</function>\n")
    ))
}

/// The rest of the rule of a text and its end.
fn text(schema: &Value, strict: bool) -> Result<String, String> {
    let fields = schema.as_object().ok_or("it is no schema")?;
    if let Some(key) = fields.keys().find(|key| strict && !TEXT.contains(&key.as_str())) {
        return Err(format!(
            "this model's way of writing calls knows no '{key}' of a text"
        ));
    }
    let length = |key: &str| fields.get(key).and_then(Value::as_u64);
    let chosen = match (fields.get("enum"), fields.get("const")) {
        (None, None) => None,
        (Some(Value::Array(all)), None) => Some(all.clone()),
        (None, Some(one)) => Some(vec![one.clone()]),
        _ => return Err("'enum' and 'const' cannot be used together".into()),
    };
    if let Some(all) = chosen {
        let fits = |text: &&str| {
            let count = text.chars().count() as u64;
            length("minLength").is_none_or(|least| count >= least)
                && length("maxLength").is_none_or(|most| count <= most)
        };
        let texts: Vec<&str> = all.iter().filter_map(Value::as_str).filter(fits).collect();
        if texts.is_empty() || texts.iter().any(|text| text.contains("</parameter>")) {
            return Err("there is nothing to choose from that this model can write".into());
        }
        let texts: Vec<String> = texts
            .iter()
            .map(|text| lark_string(&format!("{text}{END}")))
            .collect();
        return Ok(format!(": {}", texts.join(" | ")));
    }
    let count = match (length("minLength"), length("maxLength")) {
        (None | Some(0), None) => "*".to_owned(),
        (least, most) => {
            let most = most.map_or(String::new(), |most| most.to_string());
            format!("{{{},{most}}}", least.unwrap_or(0))
        }
    };
    // It ends where it first can.
    Ok(format!(
        r"[lazy]: /(.|\n){count}\n<\/parameter>\n/ & ~/(.|\n)*<\/parameter>(.|\n)*<\/parameter>(.|\n)*/"
    ))
}
