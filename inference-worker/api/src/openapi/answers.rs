//! Schemas of answers. They name what is always there; a field more is none that a client has to know.

use serde_json::{Value, json};

fn counts(names: &[&str]) -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    let properties: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), count.clone()))
        .collect();
    json!({"type": "object", "required": names, "properties": properties})
}

fn list_of(items: Value) -> Value {
    json!({"type": "object", "required": ["object", "data"],
           "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": items}}})
}

/// A call of a tool: whole, or a piece of one, of which only the first has id and name.
fn call(whole: bool) -> Value {
    let function: &[&str] = if whole {
        &["name", "arguments"]
    } else {
        &["arguments"]
    };
    let all: &[&str] = if whole {
        &["id", "type", "function"]
    } else {
        &["index", "function"]
    };
    json!({"type": "object", "required": all, "properties": {
        "index": {"type": "integer", "minimum": 0}, "id": {"type": "string"}, "type": {"const": "function"},
        "function": {"type": "object", "required": function,
                     "properties": {"name": {"type": "string"}, "arguments": {"type": "string"}}}}})
}

/// The answer of a chat or completion, or a chunk of one, with such choices.
fn completion(object: &str, own: Value, ended: bool) -> Value {
    let reasons = json!(["stop", "length", "tool_calls"]);
    let mut finish = json!({"enum": reasons});
    let mut usage = json!({"$ref": "#/components/schemas/Usage"});
    let mut required = vec!["id", "object", "created", "model", "choices"];
    if ended {
        required.push("usage");
    } else {
        finish = json!({"enum": ["stop", "length", "tool_calls", null]});
        usage = json!({"oneOf": [usage, {"type": "null"}]});
    }
    let mut choice = json!({"type": "object", "required": ["index", "logprobs", "finish_reason"], "properties": {
        "index": {"type": "integer", "minimum": 0}, "logprobs": {"type": ["object", "null"]}, "finish_reason": finish,
        "stop_reason": {"type": "string"}}});
    if let (Value::Object(own), Some(properties), Some(required)) = (
        own,
        choice["properties"].as_object_mut().map(std::mem::take),
        choice["required"].as_array().cloned(),
    ) {
        let names = own.keys().map(|name| Value::from(name.as_str()));
        choice["required"] = names.chain(required).collect();
        choice["properties"] = properties.into_iter().chain(own).collect();
    }
    json!({"type": "object", "required": required, "properties": {
        "id": {"type": "string"}, "object": {"const": object}, "created": {"type": "integer"},
        "model": {"type": "string"}, "choices": {"type": "array", "items": choice}, "usage": usage,
        "system_fingerprint": {"type": ["string", "null"]}}})
}

fn chats() -> [(&'static str, Value); 2] {
    let message = json!({"type": "object", "required": ["role", "content"], "properties": {
        "role": {"const": "assistant"}, "content": {"type": ["string", "null"]}, "refusal": {"type": "null"},
        "reasoning_content": {"type": ["string", "null"]},
        "tool_calls": {"type": "array", "minItems": 1, "items": call(true)}}});
    let delta = json!({"type": "object", "properties": {
        "role": {"const": "assistant"}, "content": {"type": ["string", "null"]},
        "reasoning_content": {"type": ["string", "null"]}, "tool_calls": {"type": "array", "items": call(false)}}});
    [
        (
            "ChatCompletion",
            completion("chat.completion", json!({"message": message}), true),
        ),
        (
            "ChatCompletionChunk",
            completion("chat.completion.chunk", json!({"delta": delta}), false),
        ),
    ]
}

fn completions() -> [(&'static str, Value); 2] {
    let text = || json!({"text": {"type": "string"}});
    [
        ("Completion", completion("text_completion", text(), true)),
        ("CompletionChunk", completion("text_completion", text(), false)),
    ]
}

/// OpenAI's response.
fn response() -> Value {
    let item = json!({"type": "object", "required": ["id", "type"], "properties": {
        "id": {"type": "string"}, "type": {"enum": ["message", "function_call", "reasoning"]},
        "status": {"enum": ["in_progress", "completed", "incomplete"]}}});
    let usage = counts(&["input_tokens", "output_tokens", "total_tokens"]);
    json!({"type": "object",
        "required": ["id", "object", "created_at", "status", "error", "incomplete_details", "model", "output", "usage"],
        "properties": {
            "id": {"type": "string"}, "object": {"const": "response"}, "created_at": {"type": "integer"},
            "status": {"enum": ["in_progress", "completed", "incomplete", "failed"]},
            "error": {"type": ["object", "null"]}, "incomplete_details": {"type": ["object", "null"]},
            "model": {"type": "string"}, "output": {"type": "array", "items": item},
            "usage": {"oneOf": [usage, {"type": "null"}]}}})
}

/// Anthropic's message.
fn message() -> Value {
    let block = json!({"type": "object", "required": ["type"], "properties": {
        "type": {"enum": ["text", "tool_use", "thinking"]}, "text": {"type": "string"}, "id": {"type": "string"},
        "name": {"type": "string"}, "input": {"type": "object"}}});
    let usage = counts(&[
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
    ]);
    json!({"type": "object",
        "required": ["id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage"],
        "properties": {
            "id": {"type": "string"}, "type": {"const": "message"}, "role": {"const": "assistant"},
            "model": {"type": "string"}, "content": {"type": "array", "items": block},
            "stop_reason": {"enum": ["end_turn", "max_tokens", "stop_sequence", "tool_use", null]},
            "stop_sequence": {"type": ["string", "null"]}, "usage": usage}})
}

fn model() -> Value {
    json!({"type": "object", "required": ["id", "object", "created", "owned_by", "context_length"], "properties": {
        "id": {"type": "string"}, "object": {"const": "model"}, "created": {"type": "integer"},
        "owned_by": {"type": "string"}, "context_length": {"type": "integer", "minimum": 1},
        "trust_tier": {"type": "string"}, "supported_features": {"type": "array", "items": {"type": "string"}}}})
}

/// Every schema by its name.
pub(super) fn schemas() -> Value {
    let text = json!({"type": "string"});
    let nullable = json!({"type": ["string", "null"]});
    let error = json!({"type": "object", "required": ["error"], "properties": {"error": {
        "type": "object", "required": ["message", "type", "param", "code"],
        "properties": {"message": text, "type": text, "param": nullable, "code": nullable}}}});
    let theirs = json!({"type": "object", "required": ["type", "error"], "properties": {
        "type": {"const": "error"}, "error": {"type": "object", "required": ["type", "message"],
        "properties": {"type": text, "message": text, "param": nullable}}}});
    let mut usage = counts(&["prompt_tokens", "completion_tokens", "total_tokens"]);
    usage["properties"]["prompt_tokens_details"] = counts(&["cached_tokens"]);
    usage["properties"]["completion_tokens_details"] = counts(&["reasoning_tokens"]);
    let vector = json!({"type": "object", "required": ["object", "index", "embedding"], "properties": {
        "object": {"const": "embedding"}, "index": {"type": "integer", "minimum": 0},
        "embedding": {"oneOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}]}}});
    let mut vectors = list_of(vector);
    vectors["properties"]["model"] = text.clone();
    vectors["properties"]["usage"] = counts(&["prompt_tokens", "total_tokens"]);
    let mut tokens = counts(&["count", "max_model_len"]);
    tokens["properties"]["tokens"] = json!({"type": "array", "items": {"type": "integer", "minimum": 0}});
    let own = json!({
        "Error": error,
        "MessageError": theirs,
        "Usage": usage,
        "Response": response(),
        "Message": message(),
        "MessageTokens": counts(&["input_tokens"]),
        "EmbeddingList": vectors,
        "Tokens": tokens,
        "Text": {"type": "object", "required": ["prompt"], "properties": {"prompt": text}},
        "Model": model(),
        "ModelList": list_of(json!({"$ref": "#/components/schemas/Model"})),
        "Models": {"anyOf": [at("ModelList"), at("ProviderModels")]},
        "ProviderModels": {"type": "object", "required": ["data"], "properties": {
            "data": {"type": "array", "items": {"type": "object"}}},
            "description": "OpenRouter's document of a provider, which ?format=openrouter gives."},
        "Health": {"type": "object", "properties": {"status": text}},
    });
    let own = own.as_object().cloned().unwrap_or_default();
    let more = chats().into_iter().chain(completions());
    own.into_iter()
        .chain(more.map(|(name, schema)| (name.to_owned(), schema)))
        .collect()
}

/// Where a schema is.
fn at(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The answers of an operation: JSON of such a schema, or a stream of such events where it can be one, or an error.
pub(super) fn responses(path: &str) -> Value {
    let json = |name: &str| json!({"application/json": {"schema": at(name)}});
    let (whole, events) = match path {
        "/v1/chat/completions" => (
            "ChatCompletion",
            Some("Each event is a ChatCompletionChunk; [DONE] is the last."),
        ),
        "/v1/completions" => (
            "Completion",
            Some("Each event is a CompletionChunk; [DONE] is the last."),
        ),
        "/v1/responses" => ("Response", Some("OpenAI's events of a response.")),
        "/v1/messages" => ("Message", Some("Anthropic's events of a message.")),
        "/v1/messages/count_tokens" => ("MessageTokens", None),
        "/v1/embeddings" => ("EmbeddingList", None),
        "/tokenize" => ("Tokens", None),
        "/detokenize" => ("Text", None),
        "/v1/models" => ("Models", None),
        "/v1/models/{id}" => ("Model", None),
        "/health" => ("Health", None),
        _ => ("", None),
    };
    let mut content = match (path, whole) {
        ("/metrics", _) => json!({"text/plain": {"schema": {"type": "string"}}}),
        (_, "") => json!({"application/json": {"schema": {"type": "object"}}}),
        (_, whole) => json(whole),
    };
    if let Some(words) = events {
        content["text/event-stream"] = json!({"schema": {"type": "string", "description": words}});
    }
    let error = match path.starts_with("/v1/messages") {
        true => (
            "Anthropic's error shape, with the parameter at fault.",
            "MessageError",
        ),
        false => ("OpenAI's error shape, naming the parameter at fault.", "Error"),
    };
    let mut answers = json!({"200": {"description": "The answer.", "content": content},
                             "default": {"description": error.0, "content": json(error.1)}});
    if path == "/health" {
        let unwell = json!({"description": "It does not serve.", "content": {"application/json": {"schema": {"oneOf": [
            at("Error"), at("Health")]}}}});
        answers["503"] = unwell;
    }
    answers
}
