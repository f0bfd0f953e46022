//! Every parameter of a request is honoured or refused by name; none is dropped silently.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

use quern_inference_api::{Endpoint, Input, Request};
use serde_json::{Value, json};

fn chat(change: Value) -> Result<Request, (Option<String>, Option<&'static str>)> {
    parse(
        Endpoint::Chat,
        json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
        change,
    )
}

fn completion(change: Value) -> Result<Request, (Option<String>, Option<&'static str>)> {
    parse(
        Endpoint::Completions,
        json!({"model": "m", "prompt": "hi"}),
        change,
    )
}

fn parse(
    endpoint: Endpoint,
    mut body: Value,
    change: Value,
) -> Result<Request, (Option<String>, Option<&'static str>)> {
    body.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    Request::parse(endpoint, body.to_string().as_bytes()).map_err(|e| (e.param, e.code))
}

#[test]
fn supported_parameters_reach_the_request() {
    let request = chat(json!({
        "max_completion_tokens": 7, "temperature": 0.5, "top_p": 0.9, "seed": -3, "stop": ["a", "b"],
        "stream": true, "stream_options": {"include_usage": true}, "user": "u", "n": 1, "logit_bias": {},
        "presence_penalty": 0, "response_format": {"type": "text"}, "frequency_penalty": null,
    }))
    .unwrap();
    assert_eq!(
        (request.max_tokens, request.temperature, request.top_p),
        (Some(7), 0.5, 0.9)
    );
    assert_eq!(
        (request.seed, request.stream, request.include_usage),
        (Some(-3), true, true)
    );
    assert_eq!(request.stop, ["a", "b"]);
}

#[test]
fn content_parts_of_text_are_joined_and_developer_means_system() {
    let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
    let request = chat(json!({"messages": [{"role": "developer", "content": parts}]})).unwrap();
    let Input::Chat(messages) = request.input else {
        panic!("a chat")
    };
    assert_eq!(
        (messages[0].role.as_str(), messages[0].content.as_str()),
        ("system", "ab")
    );
}

#[test]
fn unsupported_parameters_are_named() {
    for (name, value) in [
        ("n", json!(2)),
        ("logprobs", json!(true)),
        ("top_logprobs", json!(3)),
        ("logit_bias", json!({"5": 1})),
        ("frequency_penalty", json!(0.1)),
        ("presence_penalty", json!(-0.1)),
        ("tools", json!([{"type": "function"}])),
        ("tool_choice", json!("required")),
        ("response_format", json!({"type": "json_object"})),
        ("store", json!(true)),
        ("reasoning_effort", json!("low")),
        ("modalities", json!(["text", "audio"])),
    ] {
        let error = chat(json!({name: value})).unwrap_err();
        assert_eq!(error, (Some(name.to_owned()), Some("unsupported_parameter")));
    }
    assert_eq!(
        completion(json!({"echo": true})).unwrap_err().0.as_deref(),
        Some("echo")
    );
    assert_eq!(
        completion(json!({"best_of": 3})).unwrap_err().0.as_deref(),
        Some("best_of")
    );
    assert_eq!(
        completion(json!({"suffix": "x"})).unwrap_err().0.as_deref(),
        Some("suffix")
    );
}

#[test]
fn unknown_parameters_are_named() {
    let error = chat(json!({"temprature": 0.5})).unwrap_err();
    assert_eq!(error, (Some("temprature".to_owned()), Some("unknown_parameter")));
}

#[test]
fn absurd_values_are_refused_by_name() {
    for (name, value) in [
        ("temperature", json!(-0.1)),
        ("temperature", json!(2.1)),
        ("temperature", json!("hot")),
        ("temperature", json!(1e-9)),
        ("top_p", json!(0)),
        ("top_p", json!(1.5)),
        ("max_tokens", json!(0)),
        ("max_tokens", json!(-5)),
        ("max_tokens", json!(1.5)),
        ("seed", json!(1.5)),
        ("seed", json!(u64::MAX)),
        ("stop", json!("")),
        ("stop", json!(["a", "b", "c", "d", "e"])),
        ("stop", json!([1])),
        ("stream", json!("yes")),
        ("stream_options", json!({"include_usage": true})),
        ("messages", json!([])),
        ("messages", json!("hi")),
        ("messages[0].role", json!([{"role": "wizard", "content": "x"}])),
        ("messages[0].content", json!([{"role": "user", "content": 5}])),
        (
            "messages[0].content",
            json!([{"role": "user", "content": [{"type": "image_url"}]}]),
        ),
        (
            "messages[0].name",
            json!([{"role": "user", "content": "x", "name": "y"}]),
        ),
    ] {
        let field = if name.starts_with("messages") {
            "messages"
        } else {
            name
        };
        let error = chat(json!({field: value})).unwrap_err();
        assert_eq!(error.0.as_deref(), Some(name), "{value}");
    }
    let both = chat(json!({"max_tokens": 5, "max_completion_tokens": 6})).unwrap_err();
    assert_eq!(both.0.as_deref(), Some("max_tokens"));
}

#[test]
fn prompts_are_one_text_or_one_list_of_tokens() {
    assert_eq!(
        completion(json!({"prompt": [5, 6]})).unwrap().input,
        Input::Tokens(vec![5, 6])
    );
    assert_eq!(
        completion(json!({"prompt": ["x"]})).unwrap().input,
        Input::Text("x".into())
    );
    for prompt in [
        json!(["a", "b"]),
        json!([]),
        json!([-1]),
        json!([[1], [2]]),
        json!(5),
    ] {
        assert_eq!(
            completion(json!({"prompt": prompt})).unwrap_err().0.as_deref(),
            Some("prompt")
        );
    }
}

#[test]
fn a_broken_body_is_a_client_error() {
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        "{\"model\": \"m\"}",
        &"[".repeat(10_000),
    ] {
        let error = Request::parse(Endpoint::Chat, body.as_bytes()).unwrap_err();
        assert_eq!(error.status.as_u16(), 400, "{body:.20}");
    }
}

#[test]
fn a_decimal_becomes_the_nearest_double() {
    // A quick parser gives a neighbour of this one.
    let request = completion(serde_json::from_str("{\"temperature\": 1.3957037755198793}").unwrap()).unwrap();
    assert_eq!(
        request.temperature.to_bits(),
        "1.3957037755198793".parse::<f64>().unwrap().to_bits()
    );
}
