//! Printing for people and for scripts.

use std::io::{self, Write};

use serde_json::Value;

use crate::exit::Outcome;

/// `-o`: how results are printed. The wallet's commands read the same flag.
pub use quern_wallet::Format;

/// Prints a result; a reader that went away early is no error.
pub fn print(format: Format, value: &Value) {
    let text = match format {
        Format::Json => serde_json::to_string_pretty(value).unwrap_or_default(),
        Format::Text => plain(value, 0),
    };
    let _ = say(&text);
}

/// Prints a text with one newline at its end, unless there is nothing to print.
///
/// # Errors
/// None: a reader that went away early got what it wanted.
pub fn say(text: &str) -> Outcome {
    let text = text.trim_end_matches('\n');
    if !text.is_empty() {
        let _ = writeln!(io::stdout().lock(), "{text}");
    }
    Ok(())
}

/// Indented `key: value` lines, the YAML-like form that Cosmos tools print.
fn plain(value: &Value, depth: usize) -> String {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| match value {
                Value::Object(inner) if !inner.is_empty() => {
                    format!("{pad}{key}:\n{}", plain(value, depth.saturating_add(1)))
                }
                Value::Array(inner) if !inner.is_empty() => {
                    format!("{pad}{key}:\n{}", plain(value, depth.saturating_add(1)))
                }
                _ => format!("{pad}{key}: {}\n", scalar(value)),
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::Object(_) => format!("{pad}-\n{}", plain(item, depth.saturating_add(1))),
                _ => format!("{pad}- {}\n", scalar(item)),
            })
            .collect(),
        _ => scalar(value),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn nested_results_read_as_indented_lines() {
        let value = serde_json::json!({"a": {"b": 1}, "c": ["x", "y"], "d": "t"});
        assert_eq!(plain(&value, 0), "a:\n  b: 1\nc:\n  - x\n  - y\nd: t\n");
    }
}
