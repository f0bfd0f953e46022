//! Chat templates give the text that `transformers` gives: `vectors/chat.py` writes what to compare with.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use quern_engine::chat::{Chat, ChatError, ChatTemplate};
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime};

#[derive(serde::Deserialize)]
struct Vectors {
    now: u64,
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    template: String,
    messages: Vec<Value>,
    tools: Vec<Value>,
    extra: Map<String, Value>,
    text: Option<String>,
    refused: Option<String>,
}

/// A model folder with this entry as its template.
fn folder(template: &Value) -> ChatTemplate {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false},
        "pad_token": "<pad>", "chat_template": template});
    std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    ChatTemplate::load(folder.path()).unwrap()
}

#[test]
fn every_vector_renders_to_the_same_text() {
    let vectors: Vectors = serde_json::from_str(include_str!("vectors/chat.json")).unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(vectors.now);
    for case in vectors.cases {
        let template = folder(&case.template.as_str().into());
        let chat = Chat {
            messages: &case.messages,
            tools: &case.tools,
            extra: &case.extra,
        };
        match (template.render_chat_at(&chat, now), case.text, case.refused) {
            (Ok(ours), Some(theirs), None) => assert_eq!(ours, theirs, "{}", case.template),
            (Err(ChatError::Refused(ours)), None, Some(theirs)) => assert_eq!(ours, theirs),
            (ours, ..) => unreachable!("{ours:?} for {}", case.template),
        }
    }
}

#[test]
fn a_model_with_two_templates_uses_the_one_for_tools_where_there_are_tools() {
    let template = folder(&json!([
        {"name": "default", "template": "plain"},
        {"name": "tool_use", "template": "with {{ tools | length }}"},
    ]));
    let extra = Map::new();
    let render = |tools: &[Value]| {
        let chat = Chat {
            messages: &[],
            tools,
            extra: &extra,
        };
        template.render_chat(&chat).unwrap()
    };
    assert_eq!(
        (render(&[]), render(&[json!({})])),
        ("plain".into(), "with 1".into())
    );
    assert!(template.reads("tools") && template.shows(true, "tools") && !template.shows(false, "tools"));
    assert_eq!(
        (template.source(false), template.source(true)),
        ("plain", "with {{ tools | length }}")
    );
}

#[test]
fn a_file_that_the_models_hash_does_not_cover_changes_no_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let more = folder.path().join("additional_chat_templates");
    std::fs::create_dir(&more).unwrap();
    std::fs::write(more.join("tool_use.jinja"), "other").unwrap();
    std::fs::write(folder.path().join("chat_template.jinja"), "plain").unwrap();
    let template = ChatTemplate::load(folder.path()).unwrap();
    let chat = Chat {
        messages: &[],
        tools: &[json!({})],
        extra: &Map::new(),
    };
    assert_eq!(template.render_chat(&chat).unwrap(), "plain");
    assert_eq!(template.source(true), "plain");
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    let template =
        folder(&"{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}".into());
    assert!(matches!(template.render(&[]), Err(ChatError::Refused(_))));
}
