//! `/openapi.json`: what a server answers, for tools that read it.

mod answers;

use crate::dialect::fields::OF_ENGINE;
use crate::embeddings::MAX_INPUTS;
use crate::params::MAX_STOPS;
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
        "stop": text_or_list(MAX_STOPS),
        "response_format": format,
        "structured_outputs": structured,
        "guided_json": {"oneOf": [{"type": "object"}, {"type": "boolean"}, {"type": "string"}]},
        "guided_regex": {"type": "string", "minLength": 1},
        "guided_choice": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
        "guided_grammar": {"type": "string", "minLength": 1},
        "cache_salt": {"type": "string", "maxLength": 256},
    });
    let mut all = labels();
    all.extend(idle());
    if let Value::Object(fields) = fields {
        all.extend(fields);
    }
    all
}

/// Parameters of other servers that may have the one value that asks for nothing.
fn idle() -> Map<String, Value> {
    let nothing =
        || json!({"type": ["array", "object", "string"], "maxItems": 0, "maxProperties": 0, "maxLength": 0});
    let mut fields = Map::new();
    for name in [
        "echo",
        "ignore_eos",
        "continue_final_message",
        "include_reasoning",
    ] {
        fields.insert(name.to_owned(), json!({"const": false}));
    }
    for name in ["add_generation_prompt", "skip_special_tokens"] {
        fields.insert(name.to_owned(), json!({"const": true}));
    }
    for name in ["min_tokens", "priority"] {
        fields.insert(name.to_owned(), json!({"const": 0}));
    }
    for name in ["functions", "suffix", "stop_token_ids", "bad_words"] {
        fields.insert(name.to_owned(), nothing());
    }
    fields.insert("function_call".into(), json!({"enum": ["none", "auto"]}));
    let best = json!({"type": "integer", "minimum": 1, "maximum": 16, "description": "As n."});
    fields.insert("best_of".into(), best);
    fields
}

/// Parameters that change no answer: those that label a request, those that name its conversation, so that the worker that
/// has its beginning cached gets it, and those that may have the one value that asks for nothing.
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
        "prompt_cache_retention": {"enum": ["in_memory", "in-memory"]},
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
    let mut operation = json!({"summary": summary});
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
        "reasoning": {"type": "object", "properties": {
            "effort": {"type": "string"},
            "max_tokens": {"type": "integer", "minimum": 0},
            "enabled": {"type": "boolean"},
            "exclude": {"type": "boolean", "default": false},
        }},
        "include_reasoning": {"type": "boolean", "default": true},
        "thinking_token_budget": {"type": "integer", "minimum": 0},
        "verbosity": {"const": "medium"},
        "modalities": {"const": ["text"]},
        "chat_template_kwargs": {"type": "object"},
    });
    let plain = json!({
        "prompt": {"oneOf": [
            {"type": "string"},
            {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
            {"type": "array", "minItems": 1, "maxItems": 128, "items": {"oneOf": [
                {"type": "string"},
                {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
            ]}},
        ]},
        "echo": {"type": "boolean", "default": false},
        "logprobs": {"oneOf": [{"type": "integer", "minimum": 0, "maximum": 5}, {"const": false}]},
        "verbosity": {"const": "medium"},
        "modalities": {"const": ["text"]},
        "tools": {"type": "array", "maxItems": 0},
        "tool_choice": {"enum": ["none", "auto"]},
        "parallel_tool_calls": {"type": "boolean"},
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
    let mut sampling = shared(model);
    sampling.retain(|name, _| OF_ENGINE.contains(&name.as_str()));
    sampling.insert("chat_template_kwargs".into(), json!({"type": "object"}));
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
        "stop": {"type": "array", "maxItems": MAX_STOPS, "items": {"type": "string"}},
        "stream_options": {"type": "object", "properties": {"include_obfuscation": {"const": false}}},
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
    let nothing = json!({"type": "array", "maxItems": 0});
    json!({
        "messages": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role", "content"]}},
        "system": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]},
        "max_tokens": {"type": "integer", "minimum": 1},
        "stop_sequences": {"type": "array", "maxItems": MAX_STOPS, "items": {"type": "string"}},
        "top_k": {"type": "integer", "minimum": 0},
        "tools": {"type": "array", "maxItems": 128, "items": {"type": "object", "required": ["name"]}},
        "tool_choice": {"type": "object", "required": ["type"]},
        "thinking": {"type": "object", "required": ["type"], "properties": {
            "type": {"enum": ["enabled", "disabled", "adaptive"]},
            "budget_tokens": {"type": "integer", "minimum": 1024},
        }},
        "metadata": {"type": "object", "properties": {"user_id": {"type": "string"}}},
        "output_config": {"type": "object", "properties": {"effort": {"type": "string"}, "format": {"type": "object"}}},
        "output_format": {"type": "object", "required": ["type", "schema"]},
        "service_tier": {"enum": ["auto", "standard_only"]},
        "cache_control": {"type": "object"},
        "container": nothing,
        "context_management": nothing,
        "mcp_servers": nothing,
        "inference_geo": nothing,
        "speed": nothing,
    })
}

fn counting(model: Option<&str>) -> (&'static str, Value) {
    let of_answers = [
        "max_tokens",
        "stop_sequences",
        "top_k",
        "metadata",
        "service_tier",
    ];
    let mut own = messages();
    if let Some(own) = own.as_object_mut() {
        own.retain(|name, _| !of_answers.contains(&name.as_str()));
        own.insert("model".into(), model_of(model));
    }
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
    let answered = |(path, mut item): (&'static str, Value)| {
        for method in ["get", "post"] {
            if let Some(operation) = item.get_mut(method) {
                operation["responses"] = answers::responses(path);
            }
        }
        (path.to_owned(), item)
    };
    let paths: Map<String, Value> = paths.into_iter().map(answered).collect();
    json!({
        "openapi": "3.1.0",
        "info": {"title": title, "version": env!("CARGO_PKG_VERSION"), "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": answers::schemas()},
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

/// The document of a router; one whose requests are paid has no vectors.
pub fn router(paid: bool) -> Value {
    let mut paths = chats(None);
    paths.extend(dialects(None));
    paths.push(counting(None));
    paths.extend(token_texts(None));
    if !paid {
        paths.push(embeddings(None));
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
    use crate::dialect::{Dialect, count_tokens};
    use crate::{Endpoint, Request};

    /// What completions take from clients that send it with nothing in it.
    const TOOLS: [&str; 3] = ["tools", "tool_choice", "parallel_tool_calls"];

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
                // A schema may be any JSON, and is text to some clients.
                body[name] = if name == "guided_json" {
                    json!("{")
                } else {
                    json!([[name]])
                };
                match Request::parse(endpoint, body.to_string().as_bytes()) {
                    Ok(_) => unreachable!("{name}"),
                    Err(error) => {
                        let param = error.param.unwrap_or_default();
                        assert!(param.starts_with(name.as_str()), "{name}: {param}");
                        // Of some parameters only one value can be had.
                        let only = names_of(&labels()).contains(name)
                            || names_of(&idle()).contains(name)
                            || path == "/v1/completions" && TOOLS.contains(&name.as_str())
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

    /// Where the parameters of requests are read, and the words in it.
    const SOURCES: [&str; 11] = [
        include_str!("request.rs"),
        include_str!("messages.rs"),
        include_str!("params.rs"),
        include_str!("format.rs"),
        include_str!("tools.rs"),
        include_str!("reasoning.rs"),
        include_str!("fields.rs"),
        include_str!("dialect/responses/mod.rs"),
        include_str!("dialect/responses/input.rs"),
        include_str!("dialect/messages/mod.rs"),
        include_str!("dialect/messages/input.rs"),
    ];

    /// Whether a body with a parameter of some value is answered otherwise than that there is no such parameter, or
    /// none but refused ones.
    fn is_taken(path: &str, name: &str) -> bool {
        let values = json!([true, false, 0, 1, "x", "auto", "none", "medium", "in_memory", "default", "disabled", [], {},
            ["text"], {"type": "disabled"}, {"type": "text"}, ["message.output_text.logprobs"]]);
        values.as_array().unwrap().iter().any(|value| {
            let mut body = match path {
                "/v1/completions" => json!({"model": "m", "prompt": "x"}),
                "/v1/responses" => json!({"model": "m", "input": "x"}),
                "/v1/messages" => {
                    json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]})
                }
                _ => json!({"model": "m", "messages": [{"role": "user", "content": "x"}]}),
            };
            body[name] = value.clone();
            let body = body.to_string().into_bytes();
            let chat = match path {
                "/v1/responses" => Dialect::Responses.translate(&body).map(|chat| chat.body.to_vec()),
                "/v1/messages" => Dialect::Messages.translate(&body).map(|chat| chat.body.to_vec()),
                "/v1/messages/count_tokens" => count_tokens(&body).map(|chat| chat.body.to_vec()),
                _ => Ok(body),
            };
            let endpoint = match path {
                "/v1/completions" => Endpoint::Completions,
                _ => Endpoint::Chat,
            };
            match chat.and_then(|chat| Request::parse(endpoint, &chat)) {
                Ok(_) => true,
                Err(error) => {
                    !["unknown_parameter", "unsupported_parameter"].contains(&error.code.unwrap_or(""))
                }
            }
        })
    }

    #[test]
    fn every_parameter_that_a_parser_takes_is_on_the_page() {
        let page = decoder("m");
        // Names are written between quotes.
        let mut words: Vec<&str> = SOURCES.iter().flat_map(|source| source.split('"')).collect();
        let plain =
            |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        words.retain(plain);
        let guided = ["guided_json", "guided_regex", "guided_choice", "guided_grammar"];
        words.extend(guided);
        words.sort_unstable();
        words.dedup();
        let mut taken = 0;
        for path in [
            "/v1/chat/completions",
            "/v1/completions",
            "/v1/responses",
            "/v1/messages",
            "/v1/messages/count_tokens",
        ] {
            let schema = &page["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
            let listed = schema["properties"].as_object().unwrap();
            let missing: Vec<&&str> = words
                .iter()
                .filter(|word| is_taken(path, word))
                .inspect(|_| taken += 1)
                .filter(|word| !listed.contains_key(**word))
                .collect();
            assert!(missing.is_empty(), "{path}: {missing:?}");
        }
        assert!(taken > 100, "{taken}");
    }

    #[test]
    fn every_operation_says_what_its_answers_are() {
        for page in [decoder("m"), encoder("m"), router(false), router(true)] {
            for (path, item) in page["paths"].as_object().unwrap() {
                for operation in ["get", "post"].into_iter().filter_map(|method| item.get(method)) {
                    let answers = operation["responses"].as_object().unwrap();
                    for answer in answers.values() {
                        for kind in answer["content"].as_object().unwrap().values() {
                            let Some(at) = kind["schema"].get("$ref") else {
                                assert!(kind["schema"].is_object(), "{path}");
                                continue;
                            };
                            let pointer = at.as_str().unwrap().trim_start_matches('#');
                            assert!(page.pointer(pointer).is_some(), "{path}: {at}");
                        }
                    }
                }
            }
        }
    }
}
