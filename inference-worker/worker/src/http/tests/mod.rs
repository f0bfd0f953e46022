//! Calls of tools, as models write them and clients get them.

mod cases;
mod models;
mod no_calls;
mod page;
mod pieces;
mod thoughts;

use super::part_cache;
use super::tools::{Style, constraint, no_call};
use crate::generate::{Job, Shape};
use crate::model::Text;
use quern_engine::sampler::SamplingParams;
use quern_engine::seed::Seed;
use quern_inference_api::paid::CACHE_PART_HEADER;
use quern_inference_api::{Endpoint, Request};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// Templates that show tools in the ways of their families. What else they show does not matter here.
pub(crate) const TEMPLATES: [(&str, &str); 6] = [
    (
        "tagged",
        "{% if tools %}{{ tools }}<tool_call>{% endif %}{{ messages }}",
    ),
    (
        "listed",
        "{% if tools %}{{ tools }}{% endif %}[TOOL_CALLS]{{ messages }}",
    ),
    (
        "named",
        "{% if tools %}{{ tools }}{% endif %}[TOOL_CALLS]f[ARGS]{{ messages }}",
    ),
    (
        "parameters",
        "{% if tools %}{{ tools }}<tool_call><function=f><parameter=a>{% endif %}{{ messages }}",
    ),
    (
        "bare",
        "{% if tools %}{{ tools }}{\"name\": \"\", \"parameters\": {}}{% endif %}{{ messages }}",
    ),
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
        let marks = ["<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]"];
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
fn a_style_is_told_by_its_marks_and_tools_of_an_unknown_one_are_refused() {
    let known = TEMPLATES.map(|(name, template)| (name, Style::of(&text(template, false).1)));
    let styles = [
        Style::Tagged,
        Style::Listed,
        Style::Named,
        Style::Parameters,
        Style::Bare,
        Style::Untaught,
    ];
    assert_eq!(known.map(|(_, style)| style), styles, "{known:?}");
    let unknown = [
        "{{ tools }}",
        "{{ tools }}[TOOL_CALLS]f[CALL_ID]1[ARGS]{}",
        "{{ tools }}<tool_call>f<arg_key>a</arg_key></tool_call>",
        "{{ tools }}<function=f>{}</function>",
    ];
    for template in unknown {
        let (_folder, text) = text(template, false);
        assert_eq!(Style::of(&text), Style::Unknown);
        for choice in ["auto", "required"] {
            let tool = json!({"type": "function", "function": {"name": "f"}});
            let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [tool],
                "tool_choice": choice});
            let request = Request::parse(Endpoint::Chat, body.to_string().as_bytes()).unwrap();
            let error = constraint(&text, &request.tools, choice != "auto").unwrap_err();
            assert_eq!(
                (error.status.as_u16(), error.param.as_deref()),
                (400, Some("tools"))
            );
        }
        assert!(no_call(&text).is_none());
    }
}

#[test]
fn what_arguments_between_tags_cannot_hold_is_refused_by_the_name_of_the_tool() {
    let (_folder, text) = text(TEMPLATES[3].1, false);
    let asked = |parameters: &Value, strict: bool| {
        let function = json!({"name": "find", "parameters": parameters, "strict": strict});
        let tool = json!({"type": "function", "function": function});
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [tool]});
        let request = Request::parse(Endpoint::Chat, body.to_string().as_bytes()).unwrap();
        constraint(&text, &request.tools, false)
    };
    let refused = |parameters: &Value, strict: bool| {
        let error = asked(parameters, strict).unwrap_err();
        assert!(
            error.message.contains("'find'") && error.param.as_deref() == Some("tools"),
            "{error}"
        );
    };
    let always = [
        json!({"type": "object", "properties": {}, "minProperties": 1}),
        json!({"type": "object", "properties": {}, "anyOf": [{"required": ["b"]}, {"required": ["c"]}]}),
        json!({"type": "object", "properties": {"a>": {"type": "integer"}}}),
        json!({"type": "object", "properties": {}, "required": ["b"]}),
        json!({"type": "object", "properties": {"a": {"type": "string", "enum": ["</parameter>"]}}}),
    ];
    for parameters in &always {
        refused(parameters, true);
        refused(parameters, false);
    }
    // What is no more than best effort is held to the rest of its schema, as with the other ways of writing calls.
    let plain = asked(
        &json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}}),
        false,
    );
    let plain = Some(plain.unwrap());
    let text_of = |more: Value| {
        let mut text = json!({"type": "string", "maxLength": 9});
        text.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"type": "object", "properties": {"a": text}})
    };
    for parameters in [
        text_of(json!({"pattern": "^a$"})),
        text_of(json!({"format": "uri"})),
        text_of(json!({"contentEncoding": "base64", "x-order": 1})),
        json!({"$id": "urn:a", "examples": [{"a": "b"}], "type": "object", "minProperties": 1,
            "properties": {"a": {"type": "string", "maxLength": 9}}}),
    ] {
        assert_eq!(asked(&parameters, false).ok(), plain, "{parameters}");
        refused(&parameters, true);
    }
    let none = json!({"type": "object", "properties": {}, "$comment": "nothing", "examples": [{}]});
    asked(&none, false).unwrap();
    refused(&none, true);
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
