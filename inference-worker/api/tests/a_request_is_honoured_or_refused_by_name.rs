//! Every parameter of a request is honoured or refused by name; none is dropped silently.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

use quern_inference_api::format::Format;
use quern_inference_api::tools::ToolChoice;
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
        ("best_of", json!(3)),
        ("echo", json!(true)),
        ("store", json!(true)),
        ("modalities", json!(["text", "audio"])),
        ("audio", json!({"voice": "x"})),
        ("prediction", json!({"type": "content"})),
        ("web_search_options", json!({})),
        ("verbosity", json!("low")),
        ("service_tier", json!("flex")),
        ("min_tokens", json!(3)),
        ("ignore_eos", json!(true)),
        ("stop_token_ids", json!([5])),
        ("prompt_logprobs", json!(2)),
        ("allowed_token_ids", json!([1])),
        ("functions", json!([{"name": "f"}])),
        ("function_call", json!({"name": "f"})),
        ("priority", json!(1)),
        ("top_a", json!(0.1)),
        ("prompt_cache_retention", json!("24h")),
    ] {
        let error = chat(json!({name: value})).unwrap_err();
        assert_eq!(error, (Some(name.to_owned()), Some("unsupported_parameter")));
    }
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
        ("top_p", json!(0)),
        ("top_p", json!(1.5)),
        ("max_tokens", json!(0)),
        ("max_tokens", json!(-5)),
        ("max_tokens", json!(1.5)),
        ("seed", json!(1.5)),
        ("seed", json!(u64::MAX)),
        ("stop", json!("")),
        ("stop", json!(vec!["a"; 17])),
        ("stop", json!([1])),
        ("stream", json!("yes")),
        ("stream_options", json!({"include_usage": true})),
        ("messages", json!([])),
        ("messages", json!("hi")),
        ("messages[0].role", json!([{"role": "wizard", "content": "x"}])),
        ("messages[0].content", json!([{"role": "user", "content": 5}])),
        (
            "messages[0].content[0].type",
            json!([{"role": "user", "content": [{"type": "image_url"}]}]),
        ),
        (
            "messages[0].name",
            json!([{"role": "user", "content": "x", "name": 5}]),
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
fn prompts_are_texts_or_lists_of_tokens() {
    assert_eq!(
        completion(json!({"prompt": [5, 6]})).unwrap().input,
        Input::Tokens(vec![5, 6])
    );
    assert_eq!(
        completion(json!({"prompt": ["x"]})).unwrap().input,
        Input::Text("x".into())
    );
    let several = completion(json!({"prompt": ["a", [1, 2], ""]})).unwrap();
    assert_eq!(several.input, Input::Text("a".into()));
    assert_eq!(
        several.others,
        [Input::Tokens(vec![1, 2]), Input::Text(String::new())]
    );
    let of_several = json!({"prompt": ["a", "b"]});
    assert_eq!(
        completion(of_several)
            .unwrap()
            .check_payable()
            .unwrap_err()
            .param
            .as_deref(),
        Some("prompt")
    );
    for prompt in [
        json!([]),
        json!([-1]),
        json!([[]]),
        json!([[[1]]]),
        json!(["a", 5]),
        json!(vec!["a"; 129]),
        json!(5),
    ] {
        assert_eq!(
            completion(json!({"prompt": prompt})).unwrap_err().0.as_deref(),
            Some("prompt")
        );
    }
}

#[test]
fn a_prompt_is_told_of_with_an_output_or_without_but_a_host_is_paid_for_one() {
    let asked = |more: Value| completion(more).unwrap();
    let scored = asked(json!({"echo": true, "logprobs": 0, "max_tokens": 0, "n": 2}));
    assert!(scored.scores_prompt() && scored.max_tokens == Some(0));
    for other in [json!({"echo": true}), json!({"logprobs": 1})] {
        assert!(!asked(other).scores_prompt());
    }
    scored.check_scored(1 << 14).unwrap();
    let error = scored.check_scored((1 << 14) + 1).unwrap_err();
    assert_eq!(
        (error.param.as_deref(), error.status.as_u16()),
        (Some("echo"), 400)
    );
    asked(json!({"echo": true})).check_scored(usize::MAX).unwrap();
    // Several prompts are bounded together before any is answered.
    let lists = |count: usize, length: usize| {
        let prompts = vec![vec![1; length]; count];
        completion(json!({"prompt": prompts, "echo": true, "logprobs": 5, "max_tokens": 0}))
    };
    lists(128, 1 << 8).unwrap();
    assert_eq!(lists(128, (1 << 8) + 1).unwrap_err().0.as_deref(), Some("echo"));
    let texts = |length: usize| {
        let prompts = [" ".repeat(length), "x".to_owned()];
        completion(json!({"prompt": prompts, "echo": true, "logprobs": 0}))
    };
    texts((1 << 17) - 1).unwrap();
    assert_eq!(texts(1 << 17).unwrap_err().0.as_deref(), Some("echo"));
    let unpaid = asked(json!({"max_tokens": 0})).check_payable().unwrap_err();
    assert_eq!(
        (unpaid.param.as_deref(), unpaid.status.as_u16()),
        (Some("max_tokens"), 400)
    );
    let paid = json!({"echo": true, "logprobs": 1, "max_tokens": 1});
    asked(paid).check_payable().unwrap();
    assert!(completion(json!({"max_tokens": -1})).is_err());
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

#[test]
fn every_sampling_parameter_reaches_the_request_within_its_bounds() {
    let request = chat(json!({
        "n": 3, "best_of": 3, "logprobs": true, "top_logprobs": 5, "logit_bias": {"7": -100, "8": 1.5},
        "frequency_penalty": 0.5, "presence_penalty": -2, "repetition_penalty": 1.1, "min_p": 0.05, "top_k": -1,
        "cache_salt": "s", "reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": false},
        "session_id": "s", "service_tier": "auto", "parallel_tool_calls": true, "tools": [],
    }))
    .unwrap();
    assert_eq!((request.n, request.logprobs, request.top_k), (3, Some(5), 0));
    assert_eq!(request.logit_bias, [(7, -100.0), (8, 1.5)].into());
    assert_eq!((request.frequency_penalty, request.presence_penalty), (0.5, -2.0));
    assert_eq!((request.repetition_penalty, request.min_p), (1.1, 0.05));
    assert_eq!(
        request.template.keys().collect::<Vec<_>>(),
        ["enable_thinking", "reasoning_effort"]
    );
    assert_eq!(request.check_payable().unwrap_err().param.as_deref(), Some("n"));
    assert_eq!(completion(json!({"logprobs": 5})).unwrap().logprobs, Some(5));
    for (name, value) in [
        ("n", json!(0)),
        ("n", json!(1_000_000_000)),
        ("top_logprobs", json!(5)),
        ("logprobs", json!("yes")),
        ("logit_bias", json!({"x": 1})),
        ("logit_bias", json!({"1": 101})),
        ("logit_bias", json!([1])),
        ("frequency_penalty", json!(2.1)),
        ("presence_penalty", json!("a")),
        ("repetition_penalty", json!(0)),
        ("min_p", json!(1.1)),
        ("top_k", json!(-2)),
        ("cache_salt", json!("")),
        ("chat_template_kwargs", json!([])),
    ] {
        assert_eq!(
            chat(json!({name: value})).unwrap_err().0.as_deref(),
            Some(name),
            "{value}"
        );
    }
    let reserved = chat(json!({"chat_template_kwargs": {"messages": []}})).unwrap_err();
    assert_eq!(reserved.0.as_deref(), Some("chat_template_kwargs.messages"));
    let many = chat(json!({"logprobs": true, "top_logprobs": 21})).unwrap_err();
    assert_eq!(many.0.as_deref(), Some("top_logprobs"));
}

#[test]
fn one_format_is_asked_for_in_any_dialect() {
    let schema = json!({"type": "object"});
    let named = |schema: &Value| json!({"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": schema}});
    for (change, wanted) in [
        (
            json!({"response_format": {"type": "json_object"}}),
            Format::JsonObject,
        ),
        (
            json!({"response_format": named(&schema)}),
            Format::JsonSchema(schema.clone()),
        ),
        (
            json!({"guided_json": schema.to_string()}),
            Format::JsonSchema(schema.clone()),
        ),
        (json!({"guided_regex": "a+"}), Format::Regex("a+".into())),
        (
            json!({"structured_outputs": {"choice": ["a", "b"]}}),
            Format::Choice(vec!["a".into(), "b".into()]),
        ),
        (
            json!({"structured_outputs": {"grammar": "start: \"a\""}}),
            Format::Grammar("start: \"a\"".into()),
        ),
    ] {
        assert_eq!(chat(change).unwrap().format.unwrap().format, wanted);
    }
    for (change, name) in [
        (
            json!({"response_format": {"type": "xml"}}),
            "response_format.type",
        ),
        (json!({"response_format": {}}), "response_format.type"),
        (
            json!({"response_format": {"type": "json_schema"}}),
            "response_format.json_schema",
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}),
            "response_format.json_schema.schema",
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}),
            "response_format.json_schema.name",
        ),
        (
            json!({"response_format": {"type": "json_object", "wizard": 1}}),
            "response_format.wizard",
        ),
        (
            json!({"guided_regex": "a", "guided_choice": ["b"]}),
            "guided_choice",
        ),
        (
            json!({"structured_outputs": {"wizard": 1}}),
            "structured_outputs.wizard",
        ),
        (json!({"guided_choice": []}), "guided_choice"),
    ] {
        assert_eq!(
            chat(change.clone()).unwrap_err().0.as_deref(),
            Some(name),
            "{change}"
        );
    }
}

#[test]
fn tools_and_their_messages_are_read_or_refused_by_name() {
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"properties": {}}, "strict": null}});
    let request =
        chat(json!({"tools": [tool], "tool_choice": {"type": "function", "function": {"name": "f"}}}))
            .unwrap();
    assert_eq!(request.tools.choice, ToolChoice::Named("f".into()));
    assert_eq!(request.tools.list[0].parameters["type"], "object");
    assert!(request.template_bytes() > 4096);
    let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}});
    let history = json!({"messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "tool_calls": [call], "refusal": null, "annotations": [],
         "provider_specific_fields": {"refusal": null}},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
    ]});
    let Input::Chat(messages) = chat(history).unwrap().input else {
        panic!("a chat")
    };
    assert_eq!(
        messages[1].extra["tool_calls"][0]["function"]["arguments"]["a"],
        1
    );
    assert_eq!(messages[2].extra["tool_call_id"], "c1");
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    let schema = |parameters: Value| json!([{"type": "function", "function": {"name": "f", "parameters": parameters}}]);
    for (change, name) in [
        (json!({"tools": [{"type": "custom"}]}), "tools[0].type"),
        (json!({"tools": [{"type": "function"}]}), "tools[0].function"),
        (json!({"tools": [named("a b")]}), "tools[0].function.name"),
        (
            json!({"tools": [named("a"), named("a")]}),
            "tools[1].function.name",
        ),
        (
            json!({"tools": schema(json!({"type": "array"}))}),
            "tools[0].function.parameters",
        ),
        (json!({"tools": schema(json!(5))}), "tools[0].function.parameters"),
        (json!({"tools": vec![named("a"); 129]}), "tools"),
        (json!({"tool_choice": "required"}), "tool_choice"),
        (
            json!({"tools": [named("a")], "tool_choice": named("b")}),
            "tool_choice",
        ),
        (
            json!({"tools": [named("a")], "tool_choice": "perhaps"}),
            "tool_choice",
        ),
        (
            json!({"tools": [{"type": "function", "function": {"name": "a"}, "strict": true}]}),
            "tools[0].strict",
        ),
        (
            json!({"tools": [named("a")], "tool_choice": {"type": "function", "function": {"name": "a"}, "mode": "x"}}),
            "tool_choice.mode",
        ),
        (
            json!({"tools": [named("a")], "parallel_tool_calls": 1}),
            "parallel_tool_calls",
        ),
        (
            json!({"messages": [{"role": "tool", "content": "x"}]}),
            "messages[0].tool_call_id",
        ),
        (
            json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "x"}]}]}),
            "messages[0].tool_calls[0]",
        ),
        (
            json!({"messages": [{"role": "assistant"}]}),
            "messages[0].content",
        ),
    ] {
        assert_eq!(
            chat(change.clone()).unwrap_err().0.as_deref(),
            Some(name),
            "{change}"
        );
    }
    // It may call none, but is shown them, which counts.
    let none = chat(json!({"tools": [named("a")], "tool_choice": "none"})).unwrap();
    assert!(!none.tools.are_active() && none.tools.are_shown());
    assert!(none.template_bytes() > 4096);
}

#[test]
fn who_speaks_is_kept_for_the_template_whatever_the_role() {
    let said = |role: &str, name: &str| json!({"role": role, "content": "x", "name": name});
    let history = json!({"messages": [
        said("developer", "d"), said("user", "Ann"), said("assistant", "bot"),
        {"role": "tool", "tool_call_id": "c", "name": "f", "content": "x"}, said("user", "Bob"),
    ]});
    let Input::Chat(messages) = chat(history).unwrap().input else {
        panic!("a chat")
    };
    let names = messages
        .iter()
        .map(|message| message.extra["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["d", "Ann", "bot", "f", "Bob"]);
}

#[test]
fn a_call_that_was_cut_stays_in_the_history_as_it_was() {
    for (sent, kept) in [
        ("{\"a\": 1}", json!({"a": 1})),
        ("", json!({})),
        (" ", json!({})),
        ("{\"a\": \"be", json!("{\"a\": \"be")),
        ("[1]", json!("[1]")),
    ] {
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": sent}});
        let history = json!({"messages": [{"role": "assistant", "tool_calls": [call]}]});
        let Input::Chat(messages) = chat(history).unwrap().input else {
            panic!("a chat")
        };
        assert_eq!(
            messages[0].extra["tool_calls"][0]["function"]["arguments"], kept,
            "{sent}"
        );
    }
}

#[test]
fn tools_and_a_format_go_together() {
    let tool = json!({"type": "function", "function": {"name": "a"}});
    let request = chat(json!({"tools": [tool], "guided_regex": "x"})).unwrap();
    assert!(request.tools.are_active() && request.format.is_some());
}

#[test]
fn a_temperature_too_low_for_the_sampler_is_raised_to_its_least() {
    for (sent, used) in [
        (0.0, 0.0),
        (1e-9, 0.001),
        (0.0009, 0.001),
        (0.001, 0.001),
        (0.3, 0.3),
        (2.0, 2.0),
    ] {
        let request = chat(json!({"temperature": sent})).unwrap();
        assert!((request.temperature - used).abs() < f64::EPSILON, "{sent}");
    }
    for sent in [-1e-9, 2.1] {
        let (param, _) = chat(json!({"temperature": sent})).unwrap_err();
        assert_eq!(param.as_deref(), Some("temperature"));
    }
}

#[test]
fn what_is_said_twice_and_differently_is_refused() {
    for (change, name) in [
        (json!({"logit_bias": {"5": 1, "05": 2}}), "logit_bias"),
        (json!({"logit_bias": {"+5": 1}}), "logit_bias"),
        (
            json!({"reasoning_effort": "low", "chat_template_kwargs": {"reasoning_effort": "high"}}),
            "reasoning_effort",
        ),
    ] {
        assert_eq!(
            chat(change.clone()).unwrap_err().0.as_deref(),
            Some(name),
            "{change}"
        );
    }
    let same = json!({"reasoning_effort": "low", "chat_template_kwargs": {"reasoning_effort": "low"}});
    assert_eq!(chat(same).unwrap().template["reasoning_effort"], "low");
}
