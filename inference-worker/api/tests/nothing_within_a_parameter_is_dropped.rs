//! What stands within a parameter is honoured or refused by its path, as parameters are.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

use quern_inference_api::dialect::{Dialect, count_tokens};
use quern_inference_api::tokens::{Detokenize, Tokenize, json_of};
use quern_inference_api::tools::ToolChoice;
use quern_inference_api::{ApiError, Endpoint, Input, Message, Request};
use serde_json::{Value, json};

type Named = (Option<String>, Option<&'static str>);

fn named(error: ApiError) -> Named {
    let param = error.param.clone().unwrap_or_default();
    assert!(error.message.contains(&param), "{param}: {}", error.message);
    (error.param, error.code)
}

fn with(mut base: Value, change: &Value) -> Vec<u8> {
    let change = change.as_object().unwrap().clone();
    base.as_object_mut().unwrap().extend(change);
    base.to_string().into_bytes()
}

fn chat(change: Value) -> Result<Request, Named> {
    let base = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    Request::parse(Endpoint::Chat, &with(base, &change)).map_err(named)
}

fn translated(dialect: Dialect, change: Value) -> Result<Value, Named> {
    let base = match dialect {
        Dialect::Responses => json!({"model": "m", "input": "hi"}),
        Dialect::Messages => {
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]})
        }
    };
    let body = dialect.translate(&with(base, &change)).map_err(named)?.body;
    Request::parse(Endpoint::Chat, &body).map_err(named)?;
    Ok(serde_json::from_slice(&body).unwrap())
}

fn is(param: &str, code: &'static str) -> Named {
    (Some(param.to_owned()), Some(code))
}

fn messages(request: Request) -> Vec<Message> {
    let Input::Chat(messages) = request.input else {
        panic!("a chat")
    };
    messages
}

#[test]
fn parts_of_a_chats_content_have_nothing_unknown() {
    let content = |part: Value| {
        chat(json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, part]}]}))
    };
    let hinted = json!({"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}});
    assert_eq!(messages(content(hinted).unwrap())[0].content, "ab");
    for (part, path, code) in [
        (
            json!({"type": "text", "text": "b", "wizardry": 1}),
            "wizardry",
            "unknown_parameter",
        ),
        (
            json!({"type": "image_url", "image_url": {"url": "x"}}),
            "type",
            "unsupported_parameter",
        ),
        (json!({"type": "text", "text": 5}), "text", "invalid_value"),
        (json!({"type": "text"}), "text", "missing_required_parameter"),
        (json!({"text": "b"}), "type", "missing_required_parameter"),
    ] {
        let error = content(part).unwrap_err();
        assert_eq!(error, is(&format!("messages[0].content[1].{path}"), code));
    }
}

#[test]
fn calls_in_the_history_have_nothing_unknown_and_no_arguments_of_another_type() {
    let called = |call: Value| {
        let messages = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": null, "tool_calls": [call]}]);
        chat(json!({"messages": messages}))
    };
    let call = |more: Value, function: Value| {
        let mut call =
            json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}});
        call.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let within = call["function"].as_object_mut().unwrap();
        within.extend(function.as_object().unwrap().clone());
        call
    };
    // What clients add of their own: the place in a stream, and what they read out of the arguments.
    let fine = called(call(json!({"index": 0}), json!({"parsed_arguments": {"a": 1}}))).unwrap();
    let told = &messages(fine)[1].extra["tool_calls"][0];
    assert_eq!(told["function"]["arguments"], json!({"a": 1}));
    let read = json!({"role": "assistant", "content": "{}", "parsed": {}});
    assert!(chat(json!({"messages": [{"role": "user", "content": "a"}, read]})).is_ok());
    let path = "messages[1].tool_calls[0]";
    for (call, within, code) in [
        (
            call(json!({}), json!({"arguments": {"a": 1}})),
            "",
            "invalid_value",
        ),
        (call(json!({"type": 5}), json!({})), "", "invalid_value"),
        (
            call(json!({"wizardry": 1}), json!({})),
            ".wizardry",
            "unknown_parameter",
        ),
        (
            call(json!({}), json!({"wizardry": 1})),
            ".function.wizardry",
            "unknown_parameter",
        ),
    ] {
        assert_eq!(called(call).unwrap_err(), is(&format!("{path}{within}"), code));
    }
}

#[test]
fn thoughts_under_two_names_are_one_or_refused() {
    let thought = |one: &str, other: &str| {
        let said = json!({"role": "assistant", "content": "b", "reasoning_content": one, "reasoning": other});
        chat(json!({"messages": [{"role": "user", "content": "a"}, said]}))
    };
    assert_eq!(
        messages(thought("x", "x").unwrap())[1].extra["reasoning_content"],
        "x"
    );
    let error = thought("x", "y").unwrap_err();
    assert_eq!(error, is("messages[1].reasoning_content", "invalid_value"));
}

#[test]
fn two_names_of_a_conversation_count_together() {
    let of = |change: Value| chat(change).unwrap().conversation;
    let key = of(json!({"prompt_cache_key": "a"}));
    assert_eq!(of(json!({"prompt_cache_key": "a", "session_id": "a"})), key);
    let both = of(json!({"prompt_cache_key": "a", "session_id": "b"}));
    assert!(both != key && both != of(json!({"session_id": "b"})));
    assert_ne!(both, of(json!({"prompt_cache_key": "b", "session_id": "a"})));
}

#[test]
fn tools_and_the_choice_among_them_have_nothing_unknown() {
    let tool = |more: Value| {
        let mut function = json!({"name": "f"});
        function
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!([{"type": "function", "function": function}])
    };
    let error = chat(json!({"tools": tool(json!({"description": 5}))})).unwrap_err();
    assert_eq!(error, is("tools[0].function.description", "invalid_value"));
    assert!(chat(json!({"tools": tool(json!({"description": null}))})).is_ok());
    let choice = json!({"type": "function", "function": {"name": "f", "wizardry": 1}});
    let error = chat(json!({"tools": tool(json!({})), "tool_choice": choice})).unwrap_err();
    assert_eq!(error, is("tool_choice.function.wizardry", "unknown_parameter"));
    let tools = json!([{"type": "function", "name": "f"}]);
    let ask = |choice: Value| translated(Dialect::Responses, json!({"tools": tools, "tool_choice": choice}));
    assert!(ask(json!({"type": "function", "name": "f"})).is_ok());
    assert!(ask(json!({"type": "function", "name": "f", "wizardry": 1})).is_err());
}

#[test]
fn a_choice_among_some_of_the_tools_leaves_those_open_and_all_shown() {
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    let tools =
        json!([named("f"), named("g"), {"type": "function", "function": {"name": "h", "description": "d"}}]);
    let ask = |within: Value| {
        let choice = json!({"type": "allowed_tools", "allowed_tools": within});
        chat(json!({"tools": tools, "tool_choice": choice}))
    };
    let open = |request: &Request| {
        let names = request.tools.callable().map(|tool| tool.name.clone());
        names.collect::<Vec<_>>()
    };
    let some = ask(json!({"mode": "auto", "tools": [tools[2], named("f")]})).unwrap();
    assert_eq!(
        (&some.tools.choice, some.tools.list.len()),
        (&ToolChoice::Auto, 3)
    );
    assert_eq!(open(&some), ["f", "h"]);
    let must = ask(json!({"mode": "required", "tools": [named("g")]})).unwrap();
    assert_eq!(
        (must.tools.choice.clone(), open(&must)),
        (ToolChoice::Required, vec!["g".to_owned()])
    );
    let listed =
        json!([{"type": "function", "name": "f"}, {"type": "function", "name": "g", "strict": null}]);
    let of_responses = |choice: Value| {
        translated(
            Dialect::Responses,
            json!({"tools": listed, "tool_choice": choice}),
        )
    };
    let same = of_responses(
        json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]}),
    );
    assert_eq!(
        same.unwrap()["tool_choice"],
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named("g")]}})
    );
    for (within, path, code) in [
        (json!(5), "", "invalid_value"),
        (json!({"tools": [named("f")]}), ".mode", "invalid_value"),
        (
            json!({"mode": "none", "tools": [named("f")]}),
            ".mode",
            "invalid_value",
        ),
        (json!({"mode": "auto"}), ".tools", "invalid_value"),
        (json!({"mode": "auto", "tools": []}), ".tools", "invalid_value"),
        (
            json!({"mode": "auto", "tools": [named("f"), named("x")]}),
            ".tools[1]",
            "invalid_value",
        ),
        // Words that differ from the tool's own would be dropped.
        (
            json!({"mode": "auto", "tools": [{"type": "function", "function": {"name": "h", "description": "e"}}]}),
            ".tools[0]",
            "invalid_value",
        ),
        (
            json!({"mode": "auto", "tools": [{"type": "mcp"}]}),
            ".tools[0]",
            "invalid_value",
        ),
        (
            json!({"mode": "auto", "tools": [named("f")], "wizardry": 1}),
            ".wizardry",
            "unknown_parameter",
        ),
    ] {
        let error = ask(within).unwrap_err();
        assert_eq!(error, is(&format!("tool_choice.allowed_tools{path}"), code));
    }
    let without = json!({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named("f")]}});
    assert!(chat(json!({"tool_choice": without})).is_err());
}

#[test]
fn a_refusal_in_the_history_is_what_the_assistant_said() {
    let said = |message: Value| chat(json!({"messages": [{"role": "user", "content": "a"}, message]}));
    let content = |message: Value| messages(said(message).unwrap())[1].content.clone();
    for message in [
        json!({"role": "assistant", "content": null, "refusal": "No."}),
        json!({"role": "assistant", "content": "", "refusal": "No."}),
        json!({"role": "assistant", "content": "No.", "refusal": null}),
        json!({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}),
    ] {
        assert_eq!(content(message), "No.");
    }
    let path = "messages[1].refusal";
    for message in [
        json!({"role": "assistant", "content": "Yes.", "refusal": "No."}),
        json!({"role": "assistant", "content": null, "refusal": 5}),
    ] {
        assert_eq!(said(message).unwrap_err(), is(path, "invalid_value"));
    }
    let of_user = json!({"role": "user", "content": "x", "refusal": "No."});
    assert_eq!(said(of_user).unwrap_err(), is(path, "unsupported_parameter"));
    let part = json!({"role": "user", "content": [{"type": "refusal", "refusal": "No."}]});
    assert_eq!(
        said(part).unwrap_err(),
        is("messages[1].content[0].type", "unsupported_parameter")
    );
    let item =
        json!({"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]});
    let user = json!({"role": "user", "content": [{"type": "input_text", "text": "b", "prompt_cache_breakpoint": {"mode": "explicit"}}]});
    let chat = translated(Dialect::Responses, json!({"input": [item, user]})).unwrap();
    assert_eq!(chat["messages"][0]["content"], "No.");
    assert_eq!(chat["messages"][1]["content"], "b");
}

#[test]
fn a_user_of_messages_says_something_and_an_empty_list_is_no_system_prompt() {
    let of = |messages: Value| translated(Dialect::Messages, json!({"messages": messages}));
    let error = of(
        json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": []}]),
    );
    assert_eq!(error.unwrap_err(), is("messages[2].content", "invalid_value"));
    let error = of(json!([{"role": "system", "content": "a"}, {"role": "user", "content": "a"}]));
    assert_eq!(error.unwrap_err(), is("messages[0].role", "invalid_value"));
    let hinted = |hint: Value| {
        of(json!([{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": hint}]}]))
    };
    assert_eq!(
        hinted(json!({"type": "ephemeral"})).unwrap()["messages"][0]["content"],
        "a"
    );
    let error = hinted(json!(5)).unwrap_err();
    assert_eq!(error, is("messages[0].content[0].cache_control", "invalid_value"));
    let plain = translated(Dialect::Messages, json!({})).unwrap();
    assert_eq!(
        translated(Dialect::Messages, json!({"system": []})).unwrap(),
        plain
    );
}

#[test]
fn texts_and_tokens_are_refused_by_the_parameters_name() {
    let tokenize = |body: Value| Tokenize::parse(body, "m").map_err(named);
    let fine = Tokenize::Text {
        model: None,
        prompt: "x".into(),
        add_special_tokens: true,
    };
    let nulls = json!({"prompt": "x", "messages": null, "model": null, "add_special_tokens": null});
    assert_eq!(tokenize(nulls).unwrap(), fine);
    for (body, param, code) in [
        (json!({}), "prompt", "missing_required_parameter"),
        (json!({"prompt": 5}), "prompt", "invalid_value"),
        (json!({"prompt": "x", "model": 5}), "model", "invalid_value"),
        (
            json!({"prompt": "x", "add_special_tokens": "no"}),
            "add_special_tokens",
            "invalid_value",
        ),
        (
            json!({"prompt": "x", "wizardry": 1}),
            "wizardry",
            "unknown_parameter",
        ),
        (json!({"messages": "x"}), "messages", "invalid_value"),
    ] {
        assert_eq!(tokenize(body).unwrap_err(), is(param, code));
    }
    let detokenize = |body: Value| Detokenize::parse(body).map_err(named);
    assert_eq!(
        detokenize(json!({"tokens": [1, 2], "model": null}))
            .unwrap()
            .tokens,
        [1, 2]
    );
    for (body, param, code) in [
        (json!({}), "tokens", "missing_required_parameter"),
        (json!({"tokens": [-1]}), "tokens", "invalid_value"),
        (json!({"tokens": 5}), "tokens", "invalid_value"),
        (
            json!({"tokens": [], "wizardry": 1}),
            "wizardry",
            "unknown_parameter",
        ),
    ] {
        assert_eq!(detokenize(body).unwrap_err(), is(param, code));
    }
}

#[test]
fn alternatives_of_a_response_need_its_own_parameter() {
    let error = translated(Dialect::Responses, json!({"top_logprobs": 3})).unwrap_err();
    assert_eq!(error, is("top_logprobs", "invalid_value"));
    let body = br#"{"model": "m", "input": "x", "top_logprobs": 3}"#;
    let message = Dialect::Responses.translate(body).unwrap_err().message;
    assert!(message.contains("'include'"), "{message}");
}

#[test]
fn what_is_there_twice_is_refused_in_every_dialect() {
    let error = Request::parse(
        Endpoint::Completions,
        br#"{"model": "m", "prompt": "a", "prompt": "b"}"#,
    );
    assert_eq!(named(error.unwrap_err()), is("prompt", "invalid_value"));
    let body = br#"{"model": "m", "input": "x", "metadata": {"a": "1", "a": "2"}}"#;
    let error = Dialect::Responses.translate(body).unwrap_err();
    assert_eq!(named(error), is("metadata.a", "invalid_value"));
    let body = br#"{"model": "m", "messages": [{"role": "user", "role": "user", "content": "x"}]}"#;
    assert_eq!(
        named(count_tokens(body).unwrap_err()),
        is("messages[0].role", "invalid_value")
    );
    let schema = r#"{"type": "object", "type": "array"}"#;
    assert_eq!(
        chat(json!({"guided_json": schema})).unwrap_err(),
        is("guided_json", "invalid_value")
    );
    let error = json_of(br#"{"prompt": "a", "prompt": "b"}"#).unwrap_err();
    assert_eq!(named(error), is("prompt", "invalid_value"));
}
