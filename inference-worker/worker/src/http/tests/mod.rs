//! Calls of tools, as models write them and clients get them.

mod cases;
mod pieces;

use crate::model::Text;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// Templates that show tools in the ways of their families. What else they show does not matter here.
const TEMPLATES: [(&str, &str); 4] = [
    (
        "tagged",
        "{% if tools %}{{ tools }}<tool_call>{% endif %}{{ messages }}",
    ),
    (
        "listed",
        "{% if tools %}{{ tools }}{% endif %}[TOOL_CALLS]{{ messages }}",
    ),
    ("bare", "{% if tools %}{{ tools }}{% endif %}{{ messages }}"),
    ("untaught", "{{ messages }}"),
];

/// The packaged tokenizer with another template; `special` makes its marks tokens of their own, as some families do.
fn text(template: &str, special: bool) -> (TempDir, Text) {
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
    std::fs::copy(
        model.join("generation_config.json"),
        folder.path().join("generation_config.json"),
    )
    .unwrap();
    let tokenizer = std::fs::read(model.join("tokenizer.json")).unwrap();
    let mut tokenizer: Value = serde_json::from_slice(&tokenizer).unwrap();
    if special {
        let marks = ["<tool_call>", "</tool_call>", "[TOOL_CALLS]"];
        let added = tokenizer["added_tokens"].as_array_mut().unwrap();
        added.extend(marks.iter().zip(2048..).map(|(content, id)| {
            json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        }));
    }
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
    let text = Text::load(folder.path()).unwrap();
    (folder, text)
}
