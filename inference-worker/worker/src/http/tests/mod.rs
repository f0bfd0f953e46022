//! Calls of tools, as models write them and clients get them.

mod cases;
mod models;
mod no_calls;
mod pieces;

use super::part_cache;
use super::tools::Style;
use crate::generate::{Job, Shape};
use crate::model::Text;
use quern_engine::sampler::SamplingParams;
use quern_engine::seed::Seed;
use quern_inference_api::paid::CACHE_PART_HEADER;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// Templates that show tools in the ways of their families. What else they show does not matter here.
pub(crate) const TEMPLATES: [(&str, &str); 4] = [
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
pub(crate) fn text(template: &str, special: bool) -> (TempDir, Text) {
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

#[test]
fn calls_are_written_as_the_template_that_shows_the_tools_teaches() {
    let (folder, _) = text("", false);
    std::fs::remove_file(folder.path().join("chat_template.jinja")).unwrap();
    let config = json!({"chat_template": [
        {"name": "default", "template": "[TOOL_CALLS]{{ messages }}"},
        {"name": "tool_use", "template": "{{ tools }}<tool_call>{{ messages }}"},
    ]});
    std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    let text = Text::load(folder.path()).unwrap();
    assert_eq!(Style::of(&text), Style::Tagged);
}

#[test]
fn holders_of_a_routers_keys_share_no_cached_prompt_whatever_salt_they_send() {
    let salt = |part: Option<&str>, own: Option<&str>| {
        let mut job = Job {
            prompt: vec![1],
            max_tokens: 1,
            params: SamplingParams::default(),
            stop: Vec::new(),
            seed: Seed([0; 32]),
            meter: None,
            shape: Shape {
                cache_salt: own.map(str::to_owned),
                ..Shape::default()
            },
        };
        let mut headers = http::HeaderMap::new();
        if let Some(part) = part {
            headers.insert(CACHE_PART_HEADER, part.parse().unwrap());
        }
        part_cache(&mut job, &headers);
        job.shape.cache_salt
    };
    assert_eq!(salt(None, None), None);
    assert_eq!(salt(None, Some("s")), Some("s".into()));
    assert_eq!(salt(Some("ann"), None), salt(Some("ann"), None));
    let all = [
        salt(Some("ann"), None),
        salt(Some("bob"), None),
        salt(Some("ann"), Some("s")),
        salt(Some("anns"), None),
        salt(Some("an"), Some("ns")),
    ];
    for (index, one) in all.iter().enumerate() {
        assert!(!all[index + 1..].contains(one), "{one:?}");
    }
}
