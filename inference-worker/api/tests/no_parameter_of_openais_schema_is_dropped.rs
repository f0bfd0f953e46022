//! OpenAI's schema, parameter by parameter: each changes the request, labels it, or is refused by its name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

use Outcome::{Honoured, Label, Refused};
use quern_inference_api::dialect::Dialect;
use quern_inference_api::{ApiError, Endpoint, Request};
use serde_json::{Value, json};

/// What becomes of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The request is another with it.
    Honoured,
    /// It is for the sender's own books.
    Label,
    /// By its name, unless it asks for nothing.
    Refused,
}

/// A parameter, a value that asks for something, and one that asks for nothing if there is one beside null.
struct Row {
    name: &'static str,
    outcome: Outcome,
    asks: Value,
    neutral: Option<Value>,
    /// Parameters without which it is of no use.
    beside: Value,
}

fn row(name: &'static str, outcome: Outcome, asks: Value) -> Row {
    Row {
        name,
        outcome,
        asks,
        neutral: None,
        beside: json!({}),
    }
}

impl Row {
    fn or(self, neutral: Value) -> Self {
        let neutral = Some(neutral);
        Self { neutral, ..self }
    }

    fn beside(self, beside: Value) -> Self {
        Self { beside, ..self }
    }
}

/// What chats and completions share.
fn shared() -> Vec<Row> {
    vec![
        row("frequency_penalty", Honoured, json!(0.5)).or(json!(0)),
        row("logit_bias", Honoured, json!({"7": -100})).or(json!({})),
        row("max_tokens", Honoured, json!(7)),
        row("n", Honoured, json!(2)).or(json!(1)),
        row("presence_penalty", Honoured, json!(-0.5)).or(json!(0)),
        row("seed", Honoured, json!(7)),
        row("stop", Honoured, json!(["x"])).or(json!([])),
        row("stream", Honoured, json!(true)).or(json!(false)),
        row("stream_options", Honoured, json!({"include_usage": true}))
            .or(json!({"include_obfuscation": false}))
            .beside(json!({"stream": true})),
        row("stream_options", Refused, json!({"include_obfuscation": true})).beside(json!({"stream": true})),
        row("temperature", Honoured, json!(0.5)).or(json!(1)),
        row("top_p", Honoured, json!(0.5)).or(json!(1)),
        row("user", Label, json!("u")),
        // Beside OpenAI's.
        row("top_k", Honoured, json!(5)).or(json!(0)),
        row("min_p", Honoured, json!(0.1)).or(json!(0)),
        row("repetition_penalty", Honoured, json!(1.1)).or(json!(1)),
        row("cache_salt", Honoured, json!("s")),
        row("session_id", Honoured, json!("s")),
        row("structured_outputs", Honoured, json!({"regex": "a"})),
        row("guided_json", Honoured, json!({"type": "object"})),
        row("guided_regex", Honoured, json!("a")),
        row("guided_choice", Honoured, json!(["a"])),
        row("guided_grammar", Honoured, json!("start: \"a\"")),
        row("min_tokens", Refused, json!(3)).or(json!(0)),
        row("ignore_eos", Refused, json!(true)).or(json!(false)),
        row("priority", Refused, json!(1)).or(json!(0)),
        row("prompt_logprobs", Refused, json!(1)),
        row("top_a", Refused, json!(0.5)).or(json!(0)),
    ]
}

fn chats() -> Vec<Row> {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let with_tools = json!({"tools": tools});
    let mut rows = shared();
    rows.extend([
        row("audio", Refused, json!({"voice": "alloy", "format": "wav"})),
        row("function_call", Refused, json!({"name": "f"})).or(json!("auto")),
        row("functions", Refused, json!([{"name": "f"}])).or(json!([])),
        row("logprobs", Honoured, json!(true)).or(json!(false)),
        row("max_completion_tokens", Honoured, json!(7)),
        row("metadata", Label, json!({"a": "b"})),
        row("modalities", Refused, json!(["text", "audio"])).or(json!(["text"])),
        row("moderation", Refused, json!({"model": "m"})),
        row("parallel_tool_calls", Honoured, json!(false))
            .or(json!(true))
            .beside(with_tools.clone()),
        row("prediction", Refused, json!({"type": "content", "content": "x"})),
        row("prompt_cache_key", Honoured, json!("k")),
        row("prompt_cache_options", Refused, json!({"mode": "explicit"})).or(json!({"mode": "implicit"})),
        row("prompt_cache_options", Refused, json!({"ttl": "30m"})).or(json!({})),
        row("prompt_cache_retention", Refused, json!("24h")).or(json!("in_memory")),
        row("reasoning_effort", Honoured, json!("low")),
        row("response_format", Honoured, json!({"type": "json_object"})).or(json!({"type": "text"})),
        row("safety_identifier", Label, json!("s")),
        row("service_tier", Refused, json!("flex")).or(json!("auto")),
        row("service_tier", Refused, json!("priority")).or(json!("default")),
        row("store", Refused, json!(true)).or(json!(false)),
        row("tool_choice", Honoured, json!("required"))
            .or(json!("auto"))
            .beside(with_tools.clone()),
        row(
            "tool_choice",
            Honoured,
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": tools}}),
        )
        .beside(with_tools),
        row("tools", Honoured, tools).or(json!([])),
        row("top_logprobs", Honoured, json!(3))
            .or(json!(0))
            .beside(json!({"logprobs": true})),
        row("verbosity", Refused, json!("low")).or(json!("medium")),
        row("web_search_options", Refused, json!({})),
        row(
            "chat_template_kwargs",
            Honoured,
            json!({"enable_thinking": false}),
        ),
        row("thinking", Refused, json!({"type": "enabled"})),
        row("thinking_token_budget", Honoured, json!(9)),
        row("include_reasoning", Honoured, json!(false)),
        row("reasoning", Honoured, json!({"max_tokens": 9})),
        row("reasoning", Honoured, json!({"effort": "low"})),
        row("reasoning", Honoured, json!({"enabled": false})),
        row("reasoning", Honoured, json!({"exclude": true})),
    ]);
    rows
}

fn completions() -> Vec<Row> {
    let mut rows = shared();
    rows.extend([
        row("best_of", Refused, json!(3)).or(json!(1)),
        row("echo", Honoured, json!(true)).or(json!(false)),
        row("logprobs", Honoured, json!(3)),
        row("suffix", Refused, json!("x")).or(json!("")),
        row("reasoning_effort", Refused, json!("low")),
        row("reasoning", Refused, json!({"enabled": true})),
        row("thinking_token_budget", Refused, json!(9)),
        row("include_reasoning", Refused, json!(true)).or(json!(false)),
        row("tools", Refused, json!([{"type": "function"}])).or(json!([])),
    ]);
    rows
}

fn responses() -> Vec<Row> {
    let tools = json!([{"type": "function", "name": "f", "parameters": {"type": "object"}}]);
    let with_tools = json!({"tools": tools});
    vec![
        row("access_programs", Refused, json!({"cyber": "daybreak_blue"})).or(json!({"cyber": "standard"})),
        row("background", Refused, json!(true)).or(json!(false)),
        row("background_options", Refused, json!({"completion_window": "8h"}))
            .or(json!({"completion_window": "soonest"})),
        row("background_options", Refused, json!({"continuation_id": "x"})).or(json!({})),
        row("context_management", Refused, json!([{"type": "compaction"}])),
        row("conversation", Refused, json!("c")),
        row("image", Refused, json!({"context_compression": "enabled"}))
            .or(json!({"context_compression": "auto"})),
        row("include", Honoured, json!(["message.output_text.logprobs"]))
            .or(json!(["reasoning.encrypted_content"])),
        row("include", Refused, json!(["file_search_call.results"])),
        row("instructions", Honoured, json!("Be brief.")),
        row("max_output_tokens", Honoured, json!(7)),
        row("max_tool_calls", Refused, json!(1)),
        row("metadata", Label, json!({"a": "b"})),
        row("moderation", Refused, json!({"model": "m"})),
        row("parallel_tool_calls", Honoured, json!(false))
            .or(json!(true))
            .beside(with_tools.clone()),
        row("previous_response_id", Refused, json!("resp_1")),
        row("prompt", Refused, json!({"id": "p"})),
        row("prompt_cache_key", Honoured, json!("k")),
        row("prompt_cache_options", Refused, json!({"mode": "explicit"})).or(json!({"mode": "implicit"})),
        row("prompt_cache_retention", Refused, json!("24h")).or(json!("in_memory")),
        row("reasoning", Honoured, json!({"effort": "low"})).or(json!({"summary": "auto"})),
        row("reasoning", Refused, json!({"summary": "detailed"})),
        row("safety_identifier", Label, json!("s")),
        row("service_tier", Refused, json!("flex")).or(json!("auto")),
        row("store", Refused, json!(true)).or(json!(false)),
        row("stream", Honoured, json!(true)).or(json!(false)),
        row("stream_options", Refused, json!({"include_obfuscation": true}))
            .or(json!({"include_obfuscation": false}))
            .beside(json!({"stream": true})),
        row("temperature", Honoured, json!(0.5)).or(json!(1)),
        row("text", Honoured, json!({"format": {"type": "json_object"}})).or(json!({"verbosity": "medium"})),
        row("text", Refused, json!({"verbosity": "high"})),
        row("tool_choice", Honoured, json!("required"))
            .or(json!("auto"))
            .beside(with_tools.clone()),
        row(
            "tool_choice",
            Honoured,
            json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}),
        )
        .beside(with_tools),
        row("tools", Honoured, tools).or(json!([])),
        row("tools", Refused, json!([{"type": "web_search"}])),
        row("top_logprobs", Honoured, json!(3))
            .or(json!(0))
            .beside(json!({"include": ["message.output_text.logprobs"]})),
        row("top_p", Honoured, json!(0.5)).or(json!(1)),
        row("truncation", Refused, json!("auto")).or(json!("disabled")),
        row("user", Label, json!("u")),
    ]
}

/// Anthropic's.
fn messages() -> Vec<Row> {
    let tools = json!([{"name": "f", "input_schema": {"type": "object"}}]);
    let with_tools = json!({"tools": tools});
    vec![
        row(
            "billing_policy",
            Refused,
            json!({"type": "billing_policy", "bill_to": "user_profile"}),
        )
        .or(json!({"type": "billing_policy", "bill_to": "self"})),
        row("compaction", Refused, json!({"type": "x"})),
        row("container", Refused, json!("c")),
        row("context_management", Refused, json!({"edits": [{"type": "x"}]})).or(json!({"edits": []})),
        row("diagnostics", Refused, json!({"previous_message_id": "m"}))
            .or(json!({"previous_message_id": null})),
        row("fallback_credit_token", Refused, json!("x")),
        row("fallbacks", Refused, json!("default")).or(json!([])),
        row("inference_geo", Refused, json!("us")),
        row("max_tokens", Honoured, json!(7)),
        row("mcp_servers", Refused, json!([{"type": "url"}])).or(json!([])),
        row("output_config", Honoured, json!({"effort": "low"})).or(json!({})),
        row("service_tier", Refused, json!("priority")).or(json!("auto")),
        row("speed", Refused, json!("fast")).or(json!("standard")),
        row("stop_sequences", Honoured, json!(["x"])).or(json!([])),
        row("stream", Honoured, json!(true)).or(json!(false)),
        row("system", Honoured, json!("Be brief.")).or(json!([])),
        row("temperature", Honoured, json!(0.5)).or(json!(1)),
        row("thinking", Honoured, json!({"type": "disabled"})).or(json!({"type": "adaptive"})),
        row("thread", Refused, json!({"type": "create"})),
        row("tool_choice", Honoured, json!({"type": "any"}))
            .or(json!({"type": "auto"}))
            .beside(with_tools),
        row("tools", Honoured, tools).or(json!([])),
        row("top_k", Honoured, json!(5)),
        row("top_p", Honoured, json!(0.5)).or(json!(1)),
        row("user_profile_id", Refused, json!("u")),
        row("workspace_id", Refused, json!("w")),
    ]
}

fn with(base: &Value, more: &Value) -> Value {
    let mut body = base.clone();
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}

/// Sends each row of a table.
fn check(rows: Vec<Row>, base: &Value, parse: impl Fn(&Value) -> Result<Request, ApiError>) {
    for row in rows {
        let before = with(base, &row.beside);
        let plain = parse(&before).unwrap();
        let name = row.name;
        let ask = |value: &Value| parse(&with(&before, &json!({name: value})));
        let asked = ask(&row.asks);
        match row.outcome {
            Honoured => assert_ne!(asked.unwrap(), plain, "{name} changes nothing"),
            Label => {
                assert_eq!(asked.unwrap(), plain, "{name}");
                // A label of another type is none.
                let error = ask(&json!([1])).unwrap_err();
                assert_eq!(
                    (error.param.as_deref(), error.code),
                    (Some(name), Some("invalid_value"))
                );
            }
            Refused => {
                let error = asked.unwrap_err();
                let param = error.param.unwrap_or_default();
                assert!(param.starts_with(name), "{name}: {param}");
                assert_eq!(
                    (error.status.as_u16(), error.code),
                    (400, Some("unsupported_parameter")),
                    "{name}"
                );
                assert!(error.message.contains(&param), "{name}: {}", error.message);
            }
        }
        // What must be there has no value that asks for nothing.
        let null = (!base.as_object().unwrap().contains_key(name)).then_some(&Value::Null);
        for neutral in row.neutral.iter().chain(null) {
            assert_eq!(ask(neutral).unwrap(), plain, "{name}: {neutral}");
        }
    }
    let error = parse(&with(base, &json!({"wizardry": 1}))).unwrap_err();
    assert_eq!(
        (error.param.as_deref(), error.code),
        (Some("wizardry"), Some("unknown_parameter"))
    );
}

#[test]
fn no_parameter_of_a_chat_is_dropped() {
    let base = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    check(chats(), &base, |body| {
        Request::parse(Endpoint::Chat, body.to_string().as_bytes())
    });
}

#[test]
fn no_parameter_of_a_completion_is_dropped() {
    let base = json!({"model": "m", "prompt": "hi"});
    check(completions(), &base, |body| {
        Request::parse(Endpoint::Completions, body.to_string().as_bytes())
    });
}

#[test]
fn no_parameter_of_a_response_is_dropped() {
    let base = json!({"model": "m", "input": "hi"});
    check(responses(), &base, |body| {
        let chat = Dialect::Responses.translate(body.to_string().as_bytes())?;
        Request::parse(Endpoint::Chat, &chat.body)
    });
}

#[test]
fn no_parameter_of_messages_is_dropped() {
    let base = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    check(messages(), &base, |body| {
        let chat = Dialect::Messages.translate(body.to_string().as_bytes())?;
        Request::parse(Endpoint::Chat, &chat.body)
    });
    // Some of them Anthropic's clients send as headers.
    let mut headers = http::HeaderMap::new();
    headers.insert("anthropic-version", http::HeaderValue::from_static("2023-06-01"));
    assert!(Dialect::Messages.check_headers(&headers).is_ok());
    for name in ["anthropic-user-profile-id", "anthropic-workspace-id"] {
        headers.clear();
        headers.insert(name, http::HeaderValue::from_static("x"));
        let error = Dialect::Messages.check_headers(&headers).unwrap_err();
        assert_eq!((error.status.as_u16(), error.param.as_deref()), (400, Some(name)));
        assert!(Dialect::Responses.check_headers(&headers).is_ok());
    }
}
