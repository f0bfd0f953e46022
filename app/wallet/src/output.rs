//! What a command prints.

use serde_json::Value;

/// Format of a command's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Indented text for people
    #[default]
    Text,
    /// One line of JSON for scripts
    Json,
}

/// The flag `-o`.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct OutputFlag {
    /// Output format
    #[arg(short, long, value_enum, default_value_t, global = true)]
    pub output: Format,
}

impl Format {
    /// Prints JSON text in this format.
    pub(crate) fn show(self, json: &str) -> String {
        match (self, serde_json::from_str::<Value>(json)) {
            (Self::Json, _) | (_, Err(_)) => json.to_owned(),
            (Self::Text, Ok(value)) => {
                let mut text = String::new();
                write_text(&value, 0, &mut text);
                text.trim_end().to_owned()
            }
        }
    }
}

/// A subset of YAML: what the SDK's text output looks like.
fn write_text(value: &Value, depth: usize, out: &mut String) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                if is_leaf(inner) {
                    out.push_str(&format!("{pad}{key}: {}\n", leaf(inner)));
                } else {
                    out.push_str(&format!("{pad}{key}:\n"));
                    write_text(inner, depth.saturating_add(1), out);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                if is_leaf(item) {
                    out.push_str(&format!("{pad}- {}\n", leaf(item)));
                    continue;
                }
                let mut inner = String::new();
                write_text(item, depth.saturating_add(1), &mut inner);
                out.push_str(&format!("{pad}- {}", inner.trim_start()));
            }
        }
        _ => out.push_str(&format!("{pad}{}\n", leaf(value))),
    }
}

fn is_leaf(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

fn leaf(value: &Value) -> String {
    match value {
        Value::String(text) => serde_json::to_string(text).unwrap_or_default(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_indented_and_json_stays_on_one_line() {
        let json = r#"{"a":"1","b":[{"c":1,"d":[]},"x"],"e":{"f":null}}"#;
        assert_eq!(Format::Json.show(json), json);
        assert_eq!(
            Format::Text.show(json),
            "a: \"1\"\nb:\n  - c: 1\n    d: []\n  - \"x\"\ne:\n  f: null"
        );
    }
}
