use crate::dialect::Dialect;
use serde_json::{Value, json};

fn chat(body: Value) -> Value {
    let translated = Dialect::Responses.translate(body.to_string().as_bytes()).unwrap();
    serde_json::from_slice(&translated.body).unwrap()
}

fn refused(change: Value) -> (String, Option<&'static str>) {
    let mut body = json!({"model": "m", "input": "hi"});
    body.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    let error = Dialect::Responses
        .translate(body.to_string().as_bytes())
        .unwrap_err();
    (error.param.unwrap_or_default(), error.code)
}

#[test]
fn a_conversation_with_calls_becomes_the_chat_that_openai_would_send() {
    let body = chat(
        json!({"model": "m", "instructions": "Be brief.", "max_output_tokens": 9, "store": false,
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "What is "}, {"type": "input_text", "text": "it?"}]},
            {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
             "content": [{"type": "output_text", "text": "Let me see.", "annotations": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "arguments": "{\"at\":1}", "status": "completed"},
            {"type": "function_call", "call_id": "c2", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
        ],
        "tools": [{"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": true}],
        "tool_choice": {"type": "function", "name": "look"}}),
    );
    assert_eq!(
        body,
        json!({"model": "m", "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is it?"},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}},
                {"id": "c2", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "tool", "tool_call_id": "c2", "content": "two"}],
            "max_completion_tokens": 9,
            "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}, "strict": true}}],
            "tool_choice": {"type": "function", "function": {"name": "look"}}})
    );
    let request = crate::Request::parse(crate::Endpoint::Chat, body.to_string().as_bytes());
    assert_eq!(request.unwrap().max_tokens, Some(9));
}

#[test]
fn formats_reasoning_and_log_probabilities_are_those_of_a_chat() {
    let format = json!({"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true});
    let body = chat(
        json!({"model": "m", "input": "x", "text": {"format": format}, "stream": true,
        "reasoning": {"effort": "low", "summary": "auto"}, "include": ["message.output_text.logprobs"], "top_logprobs": 2}),
    );
    assert_eq!(
        body["response_format"],
        json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true}})
    );
    assert_eq!(
        (&body["reasoning_effort"], &body["logprobs"]),
        (&json!("low"), &json!(true))
    );
    assert_eq!(body["stream_options"], json!({"include_usage": true}));
}

#[test]
fn what_no_chat_has_is_refused_by_the_name_that_responses_have_for_it() {
    for (change, param) in [
        (json!({"previous_response_id": "resp_1"}), "previous_response_id"),
        (json!({"conversation": "c"}), "conversation"),
        (json!({"store": true}), "store"),
        (json!({"background": true}), "background"),
        (json!({"truncation": "auto"}), "truncation"),
        (json!({"max_tool_calls": 3}), "max_tool_calls"),
        (json!({"tools": [{"type": "web_search"}]}), "tools[0].type"),
        (json!({"text": {"verbosity": "low"}}), "text.verbosity"),
        (json!({"include": ["file_search_call.results"]}), "include[0]"),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}),
            "input[0].content[0].type",
        ),
        (
            json!({"input": [{"type": "reasoning", "summary": [], "encrypted_content": "x"}]}),
            "input[0].encrypted_content",
        ),
    ] {
        assert_eq!(refused(change), (param.to_owned(), Some("unsupported_parameter")));
    }
    assert_eq!(
        refused(json!({"wizardry": 1})),
        ("wizardry".into(), Some("unknown_parameter"))
    );
    assert_eq!(
        refused(json!({"input": null})),
        ("input".into(), Some("missing_required_parameter"))
    );
    assert_eq!(
        refused(json!({"input": []})),
        ("input".into(), Some("invalid_value"))
    );
    assert_eq!(
        refused(json!({"input": [{"role": "tool", "content": "x"}]})).0,
        "input[0].role"
    );
    assert_eq!(refused(json!({"messages": []})).0, "messages");
}

#[test]
fn thoughts_of_earlier_answers_go_with_what_was_said_after_them() {
    let thought = |text: &str| {
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": null,
                                      "content": [{"type": "reasoning_text", "text": text}], "status": "completed"})
    };
    let said = |text: &str| json!({"type": "message", "role": "assistant", "content": text});
    let call = json!({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"});
    let body = chat(json!({"model": "m", "input": [
        {"role": "user", "content": "a"}, thought("one"), said("b"), call, {"role": "user", "content": "c"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "two"}]}, call, thought("three"), call,
        {"role": "user", "content": "d"}, thought("of nothing"), {"role": "user", "content": "e"}]}));
    let told: Vec<(&Value, &Value)> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (&message["content"], &message["reasoning_content"]))
        .collect();
    let null = Value::Null;
    assert_eq!(
        told,
        [
            (&json!("a"), &null),
            (&json!("b"), &json!("one")),
            (&json!("c"), &null),
            (&json!(""), &json!("two")),
            (&json!(""), &json!("three")),
            (&json!("d"), &null),
            (&json!("e"), &null),
        ]
    );
    assert_eq!(body["messages"][1]["tool_calls"].as_array().unwrap().len(), 1);
    assert!(crate::Request::parse(crate::Endpoint::Chat, body.to_string().as_bytes()).is_ok());
}

#[test]
fn an_error_of_the_chat_names_the_parameter_of_the_response() {
    let body = json!({"model": "m", "instructions": "a", "input": [{"role": "user", "content": "b"}]});
    let translated = Dialect::Responses.translate(body.to_string().as_bytes()).unwrap();
    let renamed = |param: &str| {
        let mut error = json!({"message": format!("'{param}' is wrong."), "param": param});
        translated.names.rename(&mut error);
        assert_eq!(
            error["message"],
            format!("'{}' is wrong.", error["param"].as_str().unwrap())
        );
        error["param"].as_str().unwrap().to_owned()
    };
    assert_eq!(renamed("messages"), "input");
    assert_eq!(renamed("messages[1].content"), "input[0]");
    assert_eq!(renamed("messages[0].content"), "instructions");
    assert_eq!(renamed("max_completion_tokens"), "max_output_tokens");
    assert_eq!(
        renamed("response_format.json_schema.schema"),
        "text.format.schema"
    );
    assert_eq!(renamed("tools[3].function.name"), "tools[3].name");
    assert_eq!(renamed("temperature"), "temperature");
}
