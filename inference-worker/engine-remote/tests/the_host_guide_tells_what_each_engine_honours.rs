//! The table of the host guide, held against the code: what each engine is given, and what is refused by its name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

mod wire;

use quern_engine_remote::dialect::check;
use quern_engine_remote::{Capabilities, EngineKind};
use quern_inference_api::{Endpoint, Request};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

const KINDS: [(EngineKind, &str); 6] = [
    (EngineKind::Vllm, "vLLM"),
    (EngineKind::Sglang, "SGLang"),
    (EngineKind::LlamaCpp, "llama.cpp"),
    (EngineKind::LlamaCppPython, "llama-cpp-python"),
    (EngineKind::Tgi, "TGI"),
    (EngineKind::Other, "others"),
];

/// An engine of a kind of which everything was seen that can be.
fn best(kind: EngineKind) -> Capabilities {
    Capabilities {
        kind,
        counted_here: true,
        ..wire::able()
    }
}

/// One of which nothing was seen but that it answers.
fn least(kind: EngineKind) -> Capabilities {
    Capabilities {
        kind,
        chat: true,
        completions: true,
        ..Capabilities::default()
    }
}

/// What is asked for, in the guide's words, and the fields that ask for it.
fn rows() -> Vec<(&'static str, Endpoint, Value)> {
    let tool = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    let schema = json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}}});
    let chat = |words, fields| (words, Endpoint::Chat, fields);
    let plain = |words, fields| (words, Endpoint::Completions, fields);
    vec![
        chat("`max_tokens`", json!({"max_tokens": 5})),
        chat(
            "`temperature`, `top_p`",
            json!({"temperature": 0.5, "top_p": 0.5}),
        ),
        chat(
            "`frequency_penalty`, `presence_penalty`",
            json!({"frequency_penalty": 1, "presence_penalty": 1}),
        ),
        chat("`stream`", json!({"stream": true})),
        chat(
            "`stream_options.include_usage`",
            json!({"stream": true, "stream_options": {"include_usage": true}}),
        ),
        chat("`stop`", json!({"stop": "x"})),
        chat("`seed`", json!({"seed": 1})),
        chat("`n`", json!({"n": 2})),
        chat("`top_k`", json!({"top_k": 5})),
        chat("`min_p`", json!({"min_p": 0.1})),
        chat("`repetition_penalty`", json!({"repetition_penalty": 1.1})),
        chat("`logit_bias`", json!({"logit_bias": {"5": 1}})),
        chat(
            "`logprobs`, `top_logprobs`",
            json!({"logprobs": true, "top_logprobs": 20}),
        ),
        plain("`prompt` of token ids", json!({"prompt": [1, 2]})),
        plain("`prompt` of several texts", json!({"prompt": ["a", "b"]})),
        plain(
            "`echo`, also with `logprobs`",
            json!({"echo": true, "logprobs": 1}),
        ),
        plain("`max_tokens` 0 of completions", json!({"max_tokens": 0})),
        chat(
            "`response_format` `json_object`",
            json!({"response_format": {"type": "json_object"}}),
        ),
        chat(
            "`response_format` `json_schema`",
            json!({"response_format": schema}),
        ),
        chat("`guided_regex`", json!({"guided_regex": "a+"})),
        chat("`guided_choice`", json!({"guided_choice": ["a", "b"]})),
        chat("`guided_grammar`", json!({"guided_grammar": "start: \"a\""})),
        chat("`tools`", json!({"tools": tool})),
        chat(
            "`tool_choice` `required`",
            json!({"tools": tool, "tool_choice": "required"}),
        ),
        chat(
            "`parallel_tool_calls` false",
            json!({"tools": tool, "parallel_tool_calls": false}),
        ),
        chat(
            "`chat_template_kwargs`",
            json!({"chat_template_kwargs": {"x": 1}}),
        ),
        chat("`reasoning_effort`", json!({"reasoning_effort": "low"})),
        chat(
            "`reasoning.enabled` true",
            json!({"reasoning": {"enabled": true}}),
        ),
        chat(
            "`reasoning.enabled` false",
            json!({"reasoning": {"enabled": false}}),
        ),
        chat("`reasoning.max_tokens`", json!({"reasoning": {"max_tokens": 9}})),
        chat("`cache_salt`", json!({"cache_salt": "s"})),
    ]
}

fn table() -> Result<String, String> {
    let mut table = String::from("| | own");
    for (_, name) in KINDS {
        let _ = write!(table, " | {name}");
    }
    let _ = write!(table, " |\n| --- |{}", " --- |".repeat(KINDS.len() + 1));
    for (words, endpoint, fields) in rows() {
        let mut body = match endpoint {
            Endpoint::Chat => json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}),
            Endpoint::Completions => json!({"model": "m", "prompt": "x"}),
        };
        let fields = fields.as_object().into_iter().flatten();
        for (name, value) in fields {
            body[name] = value.clone();
        }
        let request = Request::parse(endpoint, body.to_string().as_bytes());
        let request = request.map_err(|error| format!("{words}: {error:?}"))?;
        let _ = write!(table, "\n| {words} | yes |");
        for (kind, _) in KINDS {
            let given = |capabilities: &Capabilities| check(&request, capabilities).is_ok();
            let _ = match (given(&best(kind)), given(&least(kind))) {
                (true, true) => write!(table, " yes |"),
                (true, false) => write!(table, " probed |"),
                (false, seen) => {
                    assert!(!seen, "{words}: what is seen takes away");
                    write!(table, " no |")
                }
            };
        }
    }
    Ok(table)
}

#[test]
fn the_host_guide_tells_what_each_engine_honours() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/host/reference.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let table = table().unwrap();
    assert!(
        guide.contains(&table),
        "docs/host/reference.md should hold this table:\n\n{table}\n"
    );
}
