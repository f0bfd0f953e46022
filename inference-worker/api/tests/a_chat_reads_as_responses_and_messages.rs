//! Answers of a chat, whole and in chunks cut anywhere, become those of the other dialects.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop"
)]

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use quern_inference_api::ApiError;
use quern_inference_api::dialect::{Dialect, PROMPT_TOKENS_HEADER};
use quern_inference_api::sse::parse;
use serde_json::{Value, json};

const ID: &str = "chatcmpl-00aa";

fn ask(dialect: Dialect) -> quern_inference_api::dialect::Translation {
    let body = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]});
    let response = json!({"model": "m", "input": "hi", "temperature": 0.5});
    let body = if dialect == Dialect::Messages {
        body
    } else {
        response
    };
    dialect.translate(body.to_string().as_bytes()).unwrap()
}

fn chunk(delta: Value, finish: Value, usage: Value) -> String {
    let choices = json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    let choices = if usage.is_null() { choices } else { json!([]) };
    let chunk = json!({"id": ID, "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": choices,
                       "usage": usage});
    format!("data: {chunk}\n\n")
}

/// Text, two calls, usage, with a comment that keeps alive and one that names a receipt.
fn stream() -> String {
    let call = |index: u32, head: Option<(&str, &str)>, arguments: &str| {
        let mut call = json!({"index": index, "function": {"arguments": arguments}});
        if let Some((id, name)) = head {
            call["id"] = id.into();
            call["function"]["name"] = name.into();
        }
        chunk(json!({"tool_calls": [call]}), Value::Null, Value::Null)
    };
    let usage = json!({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13,
                       "prompt_tokens_details": {"cached_tokens": 3}});
    [
        chunk(
            json!({"role": "assistant", "content": ""}),
            Value::Null,
            Value::Null,
        ),
        ":\n\n".into(),
        chunk(json!({"content": "Hé"}), Value::Null, Value::Null),
        chunk(json!({"content": "llo"}), Value::Null, Value::Null),
        call(0, Some(("c1", "look")), ""),
        call(0, None, "{\"a\": "),
        call(0, None, "1}"),
        call(1, Some(("c2", "look")), "{}"),
        chunk(json!({}), "tool_calls".into(), Value::Null),
        chunk(json!({}), Value::Null, usage),
        ": quern-receipt 00ff\n\n".into(),
        "data: [DONE]\n\n".into(),
    ]
    .concat()
}

async fn translated(dialect: Dialect, pieces: Vec<Vec<u8>>) -> String {
    let mut chat = Response::new(Body::from_stream(Pieces(pieces.into_iter())));
    let kind = "text/event-stream".parse().unwrap();
    chat.headers_mut().insert("content-type", kind);
    let tokens = "9".parse().unwrap();
    chat.headers_mut().insert(PROMPT_TOKENS_HEADER, tokens);
    let answer = ask(dialect).answer(chat).await;
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// Pieces of a body, one at a time.
struct Pieces(std::vec::IntoIter<Vec<u8>>);

impl futures_core::Stream for Pieces {
    type Item = Result<Vec<u8>, std::io::Error>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next().map(Ok))
    }
}

fn events(text: &str) -> Vec<Value> {
    let mut events = Vec::new();
    for raw in text.split_inclusive("\n\n") {
        let event = parse(raw.to_owned().into());
        if event.data.is_empty() {
            continue;
        }
        let data: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!(data["type"], event.name);
        assert_eq!(raw, format!("event: {}\ndata: {data}\n\n", event.name));
        events.push(data);
    }
    events
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_stream_becomes_the_events_of_a_response_whose_last_one_holds_all() {
    let text = translated(Dialect::Responses, vec![stream().into_bytes()]).await;
    assert!(text.contains(": quern-receipt 00ff\n\n") && text.contains(":\n\n"));
    let events = events(&text);
    let added = ["response.output_item.added"];
    let call = [
        "response.function_call_arguments.done",
        "response.output_item.done",
    ];
    let expected: Vec<&str> = [
        &["response.created", "response.in_progress"][..],
        &added,
        &[
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
        ],
        &[
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
        ],
        &added,
        &[
            "response.function_call_arguments.delta",
            "response.function_call_arguments.delta",
        ],
        &call,
        &added,
        &["response.function_call_arguments.delta"],
        &call,
        &["response.completed"],
    ]
    .concat();
    assert_eq!(kinds(&events), expected);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    let last = &events.last().unwrap()["response"];
    assert_eq!(
        (&last["id"], &last["status"], &last["temperature"]),
        (&json!("resp_00aa"), &json!("completed"), &json!(0.5))
    );
    assert_eq!(last["output"][0]["content"][0]["text"], "Héllo");
    assert_eq!(last["output"][1]["arguments"], "{\"a\": 1}");
    assert_eq!(
        (&last["output"][2]["call_id"], &last["output"][2]["name"]),
        (&json!("c2"), &json!("look"))
    );
    assert_eq!(last["usage"]["input_tokens_details"]["cached_tokens"], 3);
    assert_eq!(last["usage"]["output_tokens"], 4);
}

#[tokio::test]
async fn a_stream_becomes_the_events_of_a_message() {
    let text = translated(Dialect::Messages, vec![stream().into_bytes()]).await;
    let events = events(&text);
    let call = ["content_block_start", "content_block_delta"];
    let expected: Vec<&str> = [
        &["message_start", "ping", "ping", "content_block_start"][..],
        &["content_block_delta", "content_block_delta", "content_block_stop"],
        &call,
        &["content_block_delta", "content_block_stop"],
        &call,
        &["content_block_stop", "message_delta", "message_stop"],
    ]
    .concat();
    assert_eq!(kinds(&events), expected);
    assert_eq!(events[0]["message"]["id"], "msg_00aa");
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 9);
    assert_eq!(
        events[7]["content_block"],
        json!({"type": "tool_use", "id": "c1", "name": "look", "input": {}})
    );
    assert_eq!(
        (&events[8]["index"], &events[8]["delta"]["partial_json"]),
        (&json!(1), &json!("{\"a\": "))
    );
    let last = &events[events.len() - 2];
    assert_eq!(
        last["delta"],
        json!({"stop_reason": "tool_use", "stop_sequence": null})
    );
    assert_eq!(
        last["usage"],
        json!({"input_tokens": 6, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3, "output_tokens": 4})
    );
}

#[tokio::test]
async fn the_events_are_the_same_however_the_chats_stream_is_cut() {
    for dialect in [Dialect::Responses, Dialect::Messages] {
        let whole = translated(dialect, vec![stream().into_bytes()]).await;
        let bytes = stream().into_bytes();
        for size in [1, 2, 3, 7, 64] {
            let pieces: Vec<Vec<u8>> = bytes.chunks(size).map(<[u8]>::to_vec).collect();
            assert_eq!(translated(dialect, pieces).await, whole, "{size}");
            let bytes = thoughtful(&["Hé", "llo"], "stop").into_bytes();
            let whole = translated(dialect, vec![bytes.clone()]).await;
            let pieces = bytes.chunks(size).map(<[u8]>::to_vec).collect();
            assert_eq!(translated(dialect, pieces).await, whole, "{size}");
        }
    }
}

#[tokio::test]
async fn a_chat_that_breaks_off_or_fails_says_so_in_each_dialect() {
    let half = &stream().into_bytes()[..700];
    let text = translated(Dialect::Responses, vec![half.to_vec()]).await;
    let all = events(&text);
    assert_eq!(kinds(&all).last(), Some(&"response.failed"));
    assert_eq!(all.last().unwrap()["response"]["status"], "failed");
    let text = translated(Dialect::Messages, vec![half.to_vec()]).await;
    assert_eq!(kinds(&events(&text)).last(), Some(&"error"));
    let error = format!(
        "data: {}\n\n",
        ApiError::unavailable("The host failed.").to_json()
    );
    let text = translated(Dialect::Messages, vec![error.clone().into_bytes()]).await;
    assert_eq!(events(&text)[0]["error"]["message"], "The host failed.");
    let text = translated(Dialect::Responses, vec![error.into_bytes()]).await;
    assert_eq!(
        events(&text)[0]["response"]["error"]["message"],
        "The host failed."
    );
}

#[tokio::test]
async fn a_host_that_goes_on_for_ever_does_not_fill_the_memory_of_a_response() {
    let text = |text: &str| chunk(json!({"content": text}), Value::Null, Value::Null);
    let call = json!({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": ""}}]});
    let call = chunk(call, Value::Null, Value::Null);
    let (long, tiny) = (text(&"a".repeat(1 << 18)), call + &text("a"));
    for (piece, sent) in [(long, 100), (tiny, 40_000)] {
        let pieces = vec![piece.into_bytes(); sent];
        let answer = translated(Dialect::Responses, pieces.clone()).await;
        assert!(answer.contains("event: response.failed"));
        assert!(answer.matches("output_text.delta\n").count() < sent / 2 + sent / 4);
        // What keeps nothing passes on all.
        let answer = translated(Dialect::Messages, pieces).await;
        assert_eq!(answer.matches("text_delta").count(), sent);
    }
}

fn whole(finish: &str, stop: Value) -> Response {
    let call =
        json!({"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"a\":1}"}});
    let choice = json!({"index": 0, "finish_reason": finish, "stop_reason": stop, "logprobs": null,
                        "message": {"role": "assistant", "content": "Hi", "tool_calls": [call]}});
    let body = json!({"id": ID, "object": "chat.completion", "created": 7, "model": "m", "choices": [choice],
                      "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}});
    let mut response = Response::new(Body::from(body.to_string()));
    response.headers_mut().insert("x-request-id", ID.parse().unwrap());
    response
        .headers_mut()
        .insert("quern-receipt", "abc".parse().unwrap());
    response
}

async fn json_of(response: Response) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test]
async fn whole_answers_keep_their_headers_calls_and_reasons() {
    let answer = ask(Dialect::Messages).answer(whole("stop", "END".into())).await;
    assert_eq!(answer.headers()["request-id"], ID);
    assert_eq!(answer.headers()["quern-receipt"], "abc");
    let message = json_of(answer).await;
    assert_eq!(
        (&message["stop_reason"], &message["stop_sequence"]),
        (&json!("stop_sequence"), &json!("END"))
    );
    assert_eq!(message["content"][1]["input"], json!({"a": 1}));
    let message = json_of(ask(Dialect::Messages).answer(whole("stop", Value::Null)).await).await;
    assert_eq!(message["stop_reason"], "end_turn");
    let response = json_of(ask(Dialect::Responses).answer(whole("length", Value::Null)).await).await;
    assert_eq!(response["incomplete_details"]["reason"], "max_output_tokens");
    assert_eq!(
        (&response["output"][0]["status"], &response["output"][1]["status"]),
        (&json!("completed"), &json!("incomplete"))
    );
    assert_eq!(response["output"][1]["call_id"], "c1");
}

#[tokio::test]
async fn errors_have_the_shape_of_the_dialect_and_its_names() {
    use axum::response::IntoResponse;
    let error = || ApiError::context("messages", 10, 20, 5).into_response();
    let response = json_of(ask(Dialect::Responses).answer(error()).await).await;
    assert_eq!(
        (&response["error"]["param"], &response["error"]["code"]),
        (&json!("input"), &json!("context_length_exceeded"))
    );
    let answer = ask(Dialect::Messages)
        .answer(ApiError::busy(3).into_response())
        .await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (429, &"3".parse().unwrap())
    );
    let message = json_of(answer).await;
    assert_eq!(
        (&message["type"], &message["error"]["type"]),
        (&json!("error"), &json!("rate_limit_error"))
    );
}

/// Thoughts, and then an answer of these pieces.
fn thoughtful(answer: &[&str], finish: &str) -> String {
    let piece = |name: &str, text: &str| chunk(json!({name: text}), Value::Null, Value::Null);
    let usage = json!({"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17,
                       "completion_tokens_details": {"reasoning_tokens": 5}});
    let mut all = vec![
        piece("reasoning_content", "Is "),
        piece("reasoning_content", "it?"),
    ];
    all.extend(answer.iter().map(|text| piece("content", text)));
    all.push(chunk(json!({}), finish.into(), Value::Null));
    all.push(chunk(json!({}), Value::Null, usage));
    all.push("data: [DONE]\n\n".into());
    all.concat()
}

#[tokio::test]
async fn thoughts_are_an_item_of_a_response_before_its_message() {
    let text = translated(
        Dialect::Responses,
        vec![thoughtful(&["Yes"], "stop").into_bytes()],
    )
    .await;
    let all = events(&text);
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.reasoning_text.delta",
        "response.reasoning_text.delta",
        "response.reasoning_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(kinds(&all), expected);
    let last = &all.last().unwrap()["response"];
    assert_eq!(
        last["output"][0],
        json!({"id": "rs_00aa", "type": "reasoning", "status": "completed", "summary": [], "encrypted_content": null,
               "content": [{"type": "reasoning_text", "text": "Is it?"}]})
    );
    assert_eq!(
        (&all[11]["output_index"], &all[11]["item_id"]),
        (&json!(1), &json!("msg_00aa"))
    );
    assert_eq!(last["output"][1]["content"][0]["text"], "Yes");
    assert_eq!(last["usage"]["output_tokens_details"]["reasoning_tokens"], 5);
    // Cut in the thoughts: they are what is incomplete.
    let text = translated(Dialect::Responses, vec![thoughtful(&[], "length").into_bytes()]).await;
    let all = events(&text);
    let last = &all.last().unwrap()["response"];
    assert_eq!(
        (&last["status"], &last["output"][0]["status"]),
        (&json!("incomplete"), &json!("incomplete"))
    );
    assert_eq!(last["output"][1]["type"], "message");
}

#[tokio::test]
async fn thoughts_are_a_block_of_a_message_before_its_text() {
    let text = translated(Dialect::Messages, vec![thoughtful(&["Yes"], "stop").into_bytes()]).await;
    let all = events(&text);
    let expected = [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds(&all), expected);
    assert_eq!(
        all[2]["content_block"],
        json!({"type": "thinking", "thinking": "", "signature": ""})
    );
    assert_eq!(
        all[3]["delta"],
        json!({"type": "thinking_delta", "thinking": "Is "})
    );
    assert_eq!(
        all[5]["delta"],
        json!({"type": "signature_delta", "signature": "unsigned"})
    );
    assert_eq!(
        (&all[8]["index"], &all[8]["delta"]["text"]),
        (&json!(1), &json!("Yes"))
    );
    // Cut in the thoughts: the text is empty, as of a whole answer.
    let text = translated(Dialect::Messages, vec![thoughtful(&[], "length").into_bytes()]).await;
    let all = events(&text);
    assert_eq!(all[7]["content_block"], json!({"type": "text", "text": ""}));
    let choice = json!({"index": 0, "finish_reason": "stop", "logprobs": null,
                        "message": {"role": "assistant", "content": "Yes", "reasoning_content": "Is it?"}});
    let body = json!({"id": ID, "object": "chat.completion", "created": 7, "model": "m", "choices": [choice],
                      "usage": {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17,
                                "completion_tokens_details": {"reasoning_tokens": 5}}});
    let answer = |dialect: Dialect| ask(dialect).answer(Response::new(Body::from(body.to_string())));
    let message = json_of(answer(Dialect::Messages).await).await;
    assert_eq!(
        message["content"],
        json!([{"type": "thinking", "thinking": "Is it?", "signature": "unsigned"}, {"type": "text", "text": "Yes"}])
    );
    let response = json_of(answer(Dialect::Responses).await).await;
    assert_eq!(response["output"][0]["content"][0]["text"], "Is it?");
    assert_eq!(response["usage"]["output_tokens_details"]["reasoning_tokens"], 5);
}

#[tokio::test]
async fn clients_are_told_not_to_try_again_what_used_up_its_own_time() {
    for (dialect, kind) in [
        (Dialect::Messages, "timeout_error"),
        (Dialect::Responses, "timeout_error"),
    ] {
        let late = ask(dialect).answer(ApiError::late().into_response()).await;
        assert_eq!(late.status().as_u16(), 408);
        assert_eq!(late.headers()["x-should-retry"], "false");
        assert_eq!(json_of(late).await["error"]["type"], kind);
    }
    // A body that was slow to come may come faster.
    let slow = ApiError::slow(30).into_response();
    assert!(!slow.headers().contains_key("x-should-retry"));
}
