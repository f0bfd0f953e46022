use crate::dialect::{Dialect, count_tokens};
use serde_json::{Value, json};

fn chat(body: Value) -> Value {
    let translated = Dialect::Messages.translate(body.to_string().as_bytes()).unwrap();
    serde_json::from_slice(&translated.body).unwrap()
}

fn refused(change: Value) -> (String, Option<&'static str>) {
    let mut body = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    let error = Dialect::Messages
        .translate(body.to_string().as_bytes())
        .unwrap_err();
    (error.param.unwrap_or_default(), error.code)
}

#[test]
fn a_conversation_with_tools_becomes_a_chat() {
    let body = chat(
        json!({"model": "m", "max_tokens": 7, "stop_sequences": ["x"], "top_k": 4,
        "system": [{"type": "text", "text": "Be ", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "brief."}],
        "messages": [
            {"role": "user", "content": "What?"},
            {"role": "assistant", "content": [{"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": 1}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "no"}], "is_error": true},
                {"type": "text", "text": "Go on."}]},
        ],
        "tools": [{"name": "look", "description": "d", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true}, "metadata": {"user_id": "u"}}),
    );
    assert_eq!(
        body,
        json!({"max_completion_tokens": 7, "user": "u", "stop": ["x"], "model": "m", "top_k": 4, "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What?"},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [
                {"id": "t1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}}]},
            {"role": "tool", "tool_call_id": "t1", "content": "Error: no"},
            {"role": "user", "content": "Go on."}],
            "tools": [{"type": "function", "function": {"name": "look", "description": "d", "parameters": {"type": "object"}}}],
            "parallel_tool_calls": false, "tool_choice": "required"})
    );
    assert!(crate::Request::parse(crate::Endpoint::Chat, body.to_string().as_bytes()).is_ok());
}

#[test]
fn what_no_chat_has_is_refused_by_the_name_that_messages_have_for_it() {
    let block = |block: Value| json!({"messages": [{"role": "user", "content": [block]}]});
    for (change, param) in [
        (json!({"container": "c"}), "container"),
        (json!({"mcp_servers": [{}]}), "mcp_servers"),
        (json!({"service_tier": "flex"}), "service_tier"),
        (
            json!({"tools": [{"type": "bash_20250124", "name": "bash"}]}),
            "tools[0].type",
        ),
        (
            block(json!({"type": "image", "source": {}})),
            "messages[0].content[0].type",
        ),
        (
            json!({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "I"}]}),
            "messages",
        ),
    ] {
        assert_eq!(refused(change), (param.to_owned(), Some("unsupported_parameter")));
    }
    assert_eq!(
        refused(json!({"max_tokens": null})),
        ("max_tokens".into(), Some("missing_required_parameter"))
    );
    assert_eq!(
        refused(json!({"wizardry": 1})),
        ("wizardry".into(), Some("unknown_parameter"))
    );
    assert_eq!(
        refused(json!({"tools": [{"name": "f", "input_schema": {}, "input_examples": [{}]}]})).0,
        "tools[0].input_examples"
    );
    assert_eq!(
        refused(json!({"messages": [{"role": "system", "content": []}]})).0,
        "messages[0].role"
    );
    assert_eq!(
        refused(block(json!({"type": "tool_use", "id": "t", "name": "n"}))).0,
        "messages[0].content[0].type"
    );
}

#[test]
fn thinking_is_a_budget_and_earlier_thoughts_go_back_to_the_model() {
    let body = |thinking: Value, content: Value| {
        json!({"model": "m", "max_tokens": 2000, "thinking": thinking, "messages": [
            {"role": "user", "content": "a"}, {"role": "assistant", "content": content}, {"role": "user", "content": "b"}]})
    };
    let content = json!([{"type": "thinking", "thinking": "so", "signature": "unsigned"}, {"type": "text", "text": "c"}]);
    let asked = chat(body(
        json!({"type": "enabled", "budget_tokens": 1024}),
        content.clone(),
    ));
    assert_eq!(asked["thinking_token_budget"], 1024);
    assert_eq!(
        asked["messages"][1],
        json!({"role": "assistant", "content": "c", "reasoning_content": "so"})
    );
    assert!(crate::Request::parse(crate::Endpoint::Chat, asked.to_string().as_bytes()).is_ok());
    let off = chat(body(json!({"type": "disabled"}), content.clone()));
    assert_eq!(off["reasoning"], json!({"enabled": false}));
    let own = chat(body(json!({"type": "adaptive"}), content));
    assert!(own.get("reasoning").is_none() && own.get("thinking_token_budget").is_none());
    for (thinking, param) in [
        (json!({"type": "enabled"}), "thinking.budget_tokens"),
        (
            json!({"type": "enabled", "budget_tokens": 1023}),
            "thinking.budget_tokens",
        ),
        (
            json!({"type": "enabled", "budget_tokens": 2000}),
            "thinking.budget_tokens",
        ),
        (json!({"type": "often"}), "thinking.type"),
        (
            json!({"type": "adaptive", "display": "omitted"}),
            "thinking.display",
        ),
        (
            json!({"type": "disabled", "budget_tokens": 1024}),
            "thinking.budget_tokens",
        ),
    ] {
        assert_eq!(
            refused(json!({"max_tokens": 2000, "thinking": thinking})).0,
            param
        );
    }
    let redacted = json!([{"type": "redacted_thinking", "data": "x"}]);
    let said =
        json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": redacted}]});
    assert_eq!(refused(said).0, "messages[1].content[0].type");
}

#[test]
fn counting_takes_what_a_chat_reads_and_no_more() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}], "system": "s"});
    let translated = count_tokens(body.to_string().as_bytes()).unwrap();
    let chat: Value = serde_json::from_slice(&translated.body).unwrap();
    assert_eq!(
        chat,
        json!({"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]})
    );
    let error =
        count_tokens(br#"{"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}"#);
    assert_eq!(error.unwrap_err().param.as_deref(), Some("max_tokens"));
}
