//! `/openapi.json`: what a server answers, for tools that read it.

use crate::embeddings::MAX_INPUTS;
use serde_json::{Map, Value, json};

/// The `model` parameter: one id, or any.
fn model_of(model: Option<&str>) -> Value {
    match model {
        Some(model) => json!({"const": model}),
        None => json!({"type": "string"}),
    }
}

fn number(least: f64, most: f64, default: f64) -> Value {
    json!({"type": "number", "minimum": least, "maximum": most, "default": default})
}

/// Parameters that chats and completions share.
fn shared(model: Option<&str>) -> Map<String, Value> {
    let text_or_list = |most: usize| json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": most}]});
    let format = json!({"type": "object", "required": ["type"], "properties": {
        "type": {"enum": ["text", "json_object", "json_schema"]},
        "json_schema": {"type": "object", "required": ["name", "schema"], "properties": {
            "name": {"type": "string"}, "schema": {"type": "object"}, "strict": {"type": "boolean"},
        }},
    }});
    let structured = json!({"type": "object", "maxProperties": 1, "properties": {
        "json": {"type": "object"}, "json_object": {"const": true}, "regex": {"type": "string"},
        "grammar": {"type": "string"}, "choice": {"type": "array", "items": {"type": "string"}},
    }});
    let fields = json!({
        "model": model_of(model),
        "stream": {"type": "boolean", "default": false},
        "stream_options": {"type": "object", "properties": {"include_usage": {"type": "boolean"}}},
        "max_tokens": {"type": "integer", "minimum": 1},
        "n": {"type": "integer", "minimum": 1, "maximum": 16, "default": 1},
        "temperature": number(0.0, 2.0, 1.0),
        "top_p": number(0.0, 1.0, 1.0),
        "top_k": {"type": "integer", "minimum": -1, "default": 0},
        "min_p": number(0.0, 1.0, 0.0),
        "repetition_penalty": number(0.01, 100.0, 1.0),
        "frequency_penalty": number(-2.0, 2.0, 0.0),
        "presence_penalty": number(-2.0, 2.0, 0.0),
        "logit_bias": {"type": "object", "additionalProperties": number(-100.0, 100.0, 0.0)},
        "seed": {"type": "integer", "format": "int64"},
        "stop": text_or_list(4),
        "response_format": format,
        "structured_outputs": structured,
        "cache_salt": {"type": "string", "maxLength": 256},
    });
    let mut all = labels();
    if let Value::Object(fields) = fields {
        all.extend(fields);
    }
    all
}

/// Parameters that only label a request, and those that may have the one value that asks for nothing.
fn labels() -> Map<String, Value> {
    let fields = json!({
        "user": {"type": "string"},
        "safety_identifier": {"type": "string"},
        "prompt_cache_key": {"type": "string"},
        "session_id": {"type": "string"},
        "metadata": {"type": "object", "maxProperties": 16, "propertyNames": {"maxLength": 64},
                     "additionalProperties": {"type": "string", "maxLength": 512}},
        "service_tier": {"enum": ["auto", "default"]},
        "store": {"const": false},
        "prompt_cache_retention": {"const": "in_memory"},
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn body(mut fields: Map<String, Value>, own: Value, required: &[&str]) -> Value {
    if let Value::Object(own) = own {
        fields.extend(own);
    }
    let schema =
        json!({"type": "object", "required": required, "properties": fields, "additionalProperties": false});
    json!({"required": true, "content": {"application/json": {"schema": schema}}})
}

fn operation(summary: &str, body: Option<Value>) -> Value {
    let error = json!({"description": "OpenAI's error shape, naming the parameter at fault.",
                       "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}});
    let mut operation =
        json!({"summary": summary, "responses": {"200": {"description": "The answer."}, "default": error}});
    if let Some(body) = body {
        operation["requestBody"] = body;
    }
    operation
}

fn texts(model: Option<&str>, field: &str, kind: Value) -> Value {
    body(
        Map::new(),
        json!({field: kind, "model": model_of(model)}),
        &[field],
    )
}

fn listing() -> [(&'static str, Value); 5] {
    [
        (
            "/v1/models",
            json!({"get": operation("The models that are served.", None)}),
        ),
        (
            "/v1/models/{id}",
            json!({"get": operation("One model.", None), "parameters": [
            {"name": "id", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}]}),
        ),
        (
            "/health",
            json!({"get": operation("Whether the server serves.", None)}),
        ),
        (
            "/metrics",
            json!({"get": operation("Figures for Prometheus.", None)}),
        ),
        ("/openapi.json", json!({"get": operation("This page.", None)})),
    ]
}

fn chats(model: Option<&str>) -> Vec<(&'static str, Value)> {
    let chat = json!({
        "messages": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role"]}},
        "max_completion_tokens": {"type": "integer", "minimum": 1},
        "logprobs": {"type": "boolean", "default": false},
        "top_logprobs": {"type": "integer", "minimum": 0, "maximum": 20},
        "tools": {"type": "array", "maxItems": 128, "items": {"type": "object", "required": ["type", "function"]}},
        "tool_choice": {"oneOf": [{"enum": ["none", "auto", "required"]}, {"type": "object"}]},
        "parallel_tool_calls": {"type": "boolean", "default": true},
        "reasoning_effort": {"type": "string"},
        "verbosity": {"const": "medium"},
        "modalities": {"const": ["text"]},
        "chat_template_kwargs": {"type": "object"},
    });
    let plain = json!({
        "prompt": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer"}}]},
        "logprobs": {"type": "integer", "minimum": 0, "maximum": 5},
    });
    let post = |summary: &str, body: Value| json!({"post": operation(summary, Some(body))});
    vec![
        (
            "/v1/chat/completions",
            post(
                "Answer a chat, whole or as server-sent events.",
                body(shared(model), chat, &["model", "messages"]),
            ),
        ),
        (
            "/v1/completions",
            post(
                "Continue a text, whole or as server-sent events.",
                body(shared(model), plain, &["model", "prompt"]),
            ),
        ),
    ]
}

fn dialects(model: Option<&str>) -> [(&'static str, Value); 2] {
    let post = |summary: &str, body: Value| json!({"post": operation(summary, Some(body))});
    let sampling = json!({
        "model": model_of(model),
        "stream": {"type": "boolean", "default": false},
        "temperature": number(0.0, 2.0, 1.0),
        "top_p": number(0.0, 1.0, 1.0),
    });
    let sampling = sampling.as_object().cloned().unwrap_or_default();
    let items = json!({"type": "array", "minItems": 1, "items": {"type": "object"}});
    let responses = json!({
        "input": {"oneOf": [{"type": "string"}, items]},
        "instructions": {"type": "string"},
        "max_output_tokens": {"type": "integer", "minimum": 1},
        "tools": {"type": "array", "maxItems": 128, "items": {"type": "object", "required": ["type", "name"]}},
        "tool_choice": {"oneOf": [{"enum": ["none", "auto", "required"]}, {"type": "object"}]},
        "parallel_tool_calls": {"type": "boolean", "default": true},
        "text": {"type": "object", "properties": {"format": {"type": "object", "required": ["type"]}}},
        "reasoning": {"type": "object"},
        "include": {"type": "array", "items": {"type": "string"}},
        "top_logprobs": {"type": "integer", "minimum": 0, "maximum": 20},
        "truncation": {"const": "disabled"},
        "background": {"const": false},
    });
    let messages = messages();
    let mut answered = sampling.clone();
    answered.extend(labels());
    [
        (
            "/v1/responses",
            post(
                "Answer a conversation in the shape of OpenAI's Responses; nothing is stored.",
                body(answered, responses, &["model", "input"]),
            ),
        ),
        (
            "/v1/messages",
            post(
                "Answer a conversation in the shape of Anthropic's Messages.",
                body(sampling, messages, &["model", "max_tokens", "messages"]),
            ),
        ),
    ]
}

/// Anthropic's parameters.
fn messages() -> Value {
    json!({
        "messages": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role", "content"]}},
        "system": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]},
        "max_tokens": {"type": "integer", "minimum": 1},
        "stop_sequences": {"type": "array", "maxItems": 4, "items": {"type": "string"}},
        "top_k": {"type": "integer", "minimum": 0},
        "tools": {"type": "array", "maxItems": 128, "items": {"type": "object", "required": ["name"]}},
        "tool_choice": {"type": "object", "required": ["type"]},
        "thinking": {"type": "object", "properties": {"type": {"const": "disabled"}}},
        "metadata": {"type": "object", "properties": {"user_id": {"type": "string"}}},
    })
}

fn counting(model: Option<&str>) -> (&'static str, Value) {
    let all = messages();
    let own = json!({"model": model_of(model), "messages": all["messages"], "system": all["system"],
                     "tools": all["tools"]});
    let body = body(Map::new(), own, &["model", "messages"]);
    (
        "/v1/messages/count_tokens",
        json!({"post": operation("How many tokens such a conversation has.", Some(body))}),
    )
}

fn token_texts(model: Option<&str>) -> [(&'static str, Value); 2] {
    let tokens = json!({"type": "array", "items": {"type": "integer", "minimum": 0}});
    let post = |summary: &str, body: Value| json!({"post": operation(summary, Some(body))});
    let prompt = texts(model, "prompt", json!({"type": "string"}));
    [
        ("/tokenize", post("Token ids of a text.", prompt)),
        (
            "/detokenize",
            post("The text of token ids.", texts(model, "tokens", tokens)),
        ),
    ]
}

fn embeddings(model: Option<&str>) -> (&'static str, Value) {
    let ids = json!({"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}});
    let many = |items: Value| json!({"type": "array", "minItems": 1, "maxItems": MAX_INPUTS, "items": items});
    let own = json!({
        "model": model_of(model),
        "input": {"oneOf": [{"type": "string", "minLength": 1}, ids, many(json!({"type": "string"})), many(ids.clone())]},
        "encoding_format": {"enum": ["float", "base64"], "default": "float"},
        "dimensions": {"type": "integer", "minimum": 1},
        "user": {"type": "string"},
    });
    let body = body(Map::new(), own, &["model", "input"]);
    (
        "/v1/embeddings",
        json!({"post": operation("Vectors of texts.", Some(body))}),
    )
}

/// The header with which a request may be sent again.
fn idempotency_key() -> Value {
    json!({"name": "Idempotency-Key", "in": "header", "required": false,
           "description": "The same request with the same key is run once and answered each time.",
           "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}})
}

fn receipts() -> [(&'static str, Value); 3] {
    let get = |summary: &str| json!({"get": operation(summary, None)});
    let mut one = get("One receipt, by its id or by the answer's x-request-id.");
    one["parameters"] =
        json!([{"name": "id", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}]);
    let mut page = get("Receipts of the key's holder, a page at a time.");
    page["get"]["parameters"] = json!([{"name": "from", "in": "query", "required": false, "schema": {"type": "integer", "minimum": 0}}]);
    [
        ("/quern/receipts", page),
        ("/quern/receipts/{id}", one),
        (
            "/quern/usage",
            get("What the key's holder has spent, holds and has left."),
        ),
    ]
}

fn document(title: &str, paths: Vec<(&'static str, Value)>) -> Value {
    let paths: Map<String, Value> = paths
        .into_iter()
        .map(|(path, item)| (path.to_owned(), item))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {"title": title, "version": env!("CARGO_PKG_VERSION"), "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": {"Error": {"type": "object", "required": ["error"], "properties": {"error": {
            "type": "object", "required": ["message", "type", "param", "code"], "properties": {
                "message": {"type": "string"}, "type": {"type": "string"},
                "param": {"type": ["string", "null"]}, "code": {"type": ["string", "null"]}}}}}}},
    })
}

/// The document of a worker without a chain that serves a decoder.
pub fn decoder(model: &str) -> Value {
    let mut paths = chats(Some(model));
    paths.extend(dialects(Some(model)));
    paths.push(counting(Some(model)));
    paths.extend(token_texts(Some(model)));
    paths.extend(listing());
    document("quern-worker", paths)
}

/// The document of a worker that serves a sentence encoder.
pub fn encoder(model: &str) -> Value {
    let mut paths = vec![embeddings(Some(model))];
    paths.extend(token_texts(Some(model)));
    paths.extend(listing());
    document("quern-worker", paths)
}

/// The document of a router; one whose requests are paid has chats only.
pub fn router(paid: bool) -> Value {
    let mut paths = chats(None);
    paths.extend(dialects(None));
    if !paid {
        paths.push(counting(None));
        paths.push(embeddings(None));
        paths.extend(token_texts(None));
    }
    paths.extend(listing());
    for (_, item) in &mut paths {
        if let Some(operation) = item.get_mut("post") {
            operation["parameters"] = json!([idempotency_key()]);
        }
    }
    if paid {
        paths.extend(receipts());
    }
    document("quern-router", paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Endpoint, Request};

    fn names_of(fields: &Map<String, Value>) -> Vec<String> {
        fields.keys().cloned().collect()
    }

    #[test]
    fn every_parameter_of_the_page_is_one_that_requests_are_read_for() {
        let page = decoder("m");
        let minimal = |path: &str| match path {
            "/v1/chat/completions" => (
                Endpoint::Chat,
                json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}),
            ),
            _ => (Endpoint::Completions, json!({"model": "m", "prompt": "x"})),
        };
        for path in ["/v1/chat/completions", "/v1/completions"] {
            let schema = &page["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
            let names = schema["properties"].as_object().unwrap().keys();
            for name in names.filter(|name| !["model", "messages", "prompt"].contains(&name.as_str())) {
                // No value of any parameter is a list of lists: each is refused by its name.
                let (endpoint, mut body) = minimal(path);
                body[name] = json!([[name]]);
                match Request::parse(endpoint, body.to_string().as_bytes()) {
                    Ok(_) => unreachable!("{name}"),
                    Err(error) => {
                        let param = error.param.unwrap_or_default();
                        assert!(param.starts_with(name.as_str()), "{name}: {param}");
                        // Of some parameters only one value can be had.
                        let only = names_of(&labels()).contains(name)
                            || ["verbosity", "modalities"].contains(&name.as_str());
                        let code = error.code.unwrap_or_default();
                        assert!(
                            code == "invalid_value" || (only && code == "unsupported_parameter"),
                            "{name}: {code}"
                        );
                    }
                }
            }
        }
    }
}
