//! A chat's answer as a response.

use crate::dialect::answer::{Call, Whole};
use crate::response::Usage;
use serde_json::{Value, json};

/// What a response is named by.
#[derive(Clone, Debug, Default)]
pub(super) struct Named<'a> {
    pub(super) id: &'a str,
    pub(super) created: u64,
    pub(super) model: &'a str,
}

/// A response in some state, with the output so far.
pub(super) fn response(echo: &Value, named: &Named<'_>, status: &str, output: Vec<Value>) -> Value {
    let mut response = json!({
        "id": format!("resp_{}", named.id), "object": "response", "created_at": named.created, "status": status,
        "error": null, "incomplete_details": null, "model": named.model, "output": output, "usage": null,
    });
    if let (Value::Object(response), Value::Object(echo)) = (&mut response, echo) {
        response.extend(echo.clone());
    }
    response
}

/// The last state of a response that was not broken off.
pub(super) fn ended(mut response: Value, cut: bool, usage: Usage) -> Value {
    if cut {
        response["status"] = "incomplete".into();
        response["incomplete_details"] = json!({"reason": "max_output_tokens"});
    } else {
        response["status"] = "completed".into();
    }
    response["usage"] = json!({
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    });
    response
}

/// The word for an item that is whole, or was cut.
pub(super) fn state(cut: bool) -> &'static str {
    if cut { "incomplete" } else { "completed" }
}

pub(super) fn part(text: &str, logprobs: &[Value]) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs})
}

/// A part of the thoughts before an answer.
pub(super) fn thought(text: &str) -> Value {
    json!({"type": "reasoning_text", "text": text})
}

/// Thoughts. Nothing is summed up or encrypted.
pub(super) fn reasoning(id: &str, status: &str, parts: Vec<Value>) -> Value {
    json!({"id": format!("rs_{id}"), "type": "reasoning", "status": status, "summary": [], "content": parts,
           "encrypted_content": null})
}

pub(super) fn message(id: &str, status: &str, parts: Vec<Value>) -> Value {
    json!({"id": format!("msg_{id}"), "type": "message", "status": status, "role": "assistant", "content": parts})
}

pub(super) fn call(id: &str, index: usize, status: &str, call: &Call) -> Value {
    json!({"id": format!("fc_{id}_{index}"), "type": "function_call", "status": status, "call_id": call.id,
           "name": call.name, "arguments": call.arguments})
}

/// A whole response.
pub(in crate::dialect) fn whole(echo: &Value, whole: &Whole) -> Value {
    let cut = whole.end.reason == "length";
    let mut output = Vec::new();
    if !whole.thought.is_empty() {
        let status = state(cut && whole.text.is_empty() && whole.calls.is_empty());
        output.push(reasoning(&whole.id, status, vec![thought(&whole.thought)]));
    }
    if !whole.text.is_empty() || whole.calls.is_empty() {
        // What comes before a call is whole.
        let status = state(cut && whole.calls.is_empty());
        output.push(message(
            &whole.id,
            status,
            vec![part(&whole.text, &whole.logprobs)],
        ));
    }
    let last = whole.calls.len();
    for (index, one) in whole.calls.iter().enumerate() {
        output.push(call(&whole.id, index, state(cut && index + 1 == last), one));
    }
    let named = Named {
        id: &whole.id,
        created: whole.created,
        model: &whole.model,
    };
    ended(response(echo, &named, "completed", output), cut, whole.usage)
}
