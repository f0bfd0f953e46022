//! `/openapi.json`: what a server answers, for tools that read it.

mod answers;
mod parameters;

use crate::dialect::fields::OF_ENGINE;
use crate::embeddings::MAX_INPUTS;
use crate::params::MAX_STOPS;
use serde_json::{Map, Value, json};

/// The `model` parameter: one of these ids, or any if there are none.
fn model_of(models: &[&str]) -> Value {
    match models {
        [] => json!({"type": "string"}),
        [model] => json!({"const": model}),
        models => json!({"enum": models}),
    }
}

fn number(least: f64, most: f64, default: f64) -> Value {
    json!({"type": "number", "minimum": least, "maximum": most, "default": default})
}

/// Parameters that chats and completions share.
fn shared(models: &[&str]) -> Map<String, Value> {
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
        "model": model_of(models),
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
    for name in ["min_tokens", "priority", "top_a"] {
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
        "prompt_cache_options": idle_object(&json!({"mode": {"const": "implicit"}})),
        "prompt_cache_retention": {"enum": ["in_memory", "in-memory"]},
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// An object whose fields may have the values that ask for nothing.
fn idle_object(fields: &Value) -> Value {
    json!({"type": "object", "properties": fields, "additionalProperties": false})
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

/// Parameters of a chat: those that it shares with completions, and its own.
fn chat(models: &[&str]) -> (Map<String, Value>, Value) {
    let own = json!({
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
    (shared(models), own)
}

fn chats(models: &[&str]) -> Vec<(&'static str, Value)> {
    let (fields, own) = chat(models);
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
        "max_tokens": {"type": "integer", "minimum": 0, "default": 16},
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
                body(fields, own, &["model", "messages"]),
            ),
        ),
        (
            "/v1/completions",
            post(
                "Continue a text, whole or as server-sent events.",
                body(shared(models), plain, &["model", "prompt"]),
            ),
        ),
    ]
}

fn dialects(models: &[&str]) -> [(&'static str, Value); 2] {
    let post = |summary: &str, body: Value| json!({"post": operation(summary, Some(body))});
    let mut sampling = shared(models);
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
        "background_options": idle_object(&json!({"completion_window": {"const": "soonest"}})),
        "access_programs": idle_object(&json!({"cyber": {"const": "standard"}})),
        "image": idle_object(&json!({"context_compression": {"enum": ["auto", "disabled"]}})),
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
        "context_management": {"oneOf": [nothing, idle_object(&json!({"edits": nothing}))]},
        "diagnostics": idle_object(&json!({"previous_message_id": {"type": "null"}})),
        "billing_policy": {"const": {"type": "billing_policy", "bill_to": "self"}},
        "fallbacks": nothing,
        "mcp_servers": nothing,
        "speed": {"const": "standard"},
    })
}

fn counting(models: &[&str]) -> (&'static str, Value) {
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
        own.insert("model".into(), model_of(models));
    }
    let body = body(Map::new(), own, &["model", "messages"]);
    (
        "/v1/messages/count_tokens",
        json!({"post": operation("How many tokens such a conversation has.", Some(body))}),
    )
}

/// Of a server that has chat templates, which counts chats, too.
fn token_texts(models: &[&str], with_chats: bool) -> [(&'static str, Value); 2] {
    let tokens = json!({"type": "array", "items": {"type": "integer", "minimum": 0}});
    let post = |summary: &str, body: Value| json!({"post": operation(summary, Some(body))});
    let own = json!({"prompt": {"type": "string"}, "add_special_tokens": {"type": "boolean", "default": true},
        "model": model_of(models)});
    let mut asked = body(Map::new(), own, &["prompt"]);
    if with_chats {
        let (fields, own) = chat(models);
        let mut chat = body(fields, own, &["messages"]);
        let schema = |body: &mut Value| body["content"]["application/json"]["schema"].take();
        let all = json!({"oneOf": [schema(&mut asked), schema(&mut chat)]});
        asked["content"]["application/json"]["schema"] = all;
    }
    let back = body(
        Map::new(),
        json!({"tokens": tokens, "model": model_of(models)}),
        &["tokens"],
    );
    [
        ("/tokenize", post("Token ids of a text or a chat.", asked)),
        ("/detokenize", post("The text of token ids.", back)),
    ]
}

fn embeddings(models: &[&str]) -> (&'static str, Value) {
    let ids = json!({"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}});
    let many = |items: Value| json!({"type": "array", "minItems": 1, "maxItems": MAX_INPUTS, "items": items});
    let own = json!({
        "model": model_of(models),
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

/// Says of each answer's operation which headers it reads.
fn with_headers(paths: &mut [(&'static str, Value)], headers: &[Value]) {
    for (path, item) in paths {
        if let Some(operation) = item.get_mut("post") {
            let answers = path.starts_with("/v1/") && !path.ends_with("/count_tokens");
            let read = headers
                .iter()
                .filter(|header| answers || parameters::is_of_all(header));
            operation["parameters"] = read.cloned().collect();
        }
    }
}

/// The document of a worker without a chain that serves decoders.
pub fn decoder(models: &[&str]) -> Value {
    let mut paths = chats(models);
    paths.extend(dialects(models));
    paths.push(counting(models));
    paths.extend(token_texts(models, true));
    with_headers(&mut paths, &[parameters::time()]);
    paths.extend(listing());
    document("quern-worker", paths)
}

/// The document of a worker that serves a sentence encoder.
pub fn encoder(model: &str) -> Value {
    let mut paths = vec![embeddings(&[model])];
    paths.extend(token_texts(&[model], false));
    with_headers(&mut paths, &[parameters::time()]);
    paths.extend(listing());
    document("quern-worker", paths)
}

/// The document of a router; one whose requests are paid has no vectors, and gives them the time that their sessions have.
pub fn router(paid: bool) -> Value {
    let mut paths = chats(&[]);
    if paid {
        // A host is paid for an output.
        let schema = "/post/requestBody/content/application~1json/schema/properties/max_tokens/minimum";
        let least = paths.iter_mut().filter_map(|(_, item)| item.pointer_mut(schema));
        least.for_each(|least| *least = 1.into());
    }
    paths.extend(dialects(&[]));
    paths.push(counting(&[]));
    paths.extend(token_texts(&[], true));
    if !paid {
        paths.push(embeddings(&[]));
    }
    let mut headers = vec![parameters::idempotency_key()];
    headers.extend((!paid).then(parameters::time));
    with_headers(&mut paths, &headers);
    let mut listing = listing();
    for (path, item) in &mut listing {
        match *path {
            "/v1/models" => item["get"]["parameters"] = json!([parameters::format()]),
            "/v1/models/{id}" => {}
            // These are told to anybody.
            _ => item["get"]["security"] = json!([]),
        }
    }
    paths.extend(listing);
    if paid {
        paths.extend(parameters::receipts());
    }
    let mut page = document("quern-router", paths);
    page["components"]["securitySchemes"] = parameters::keys();
    page["security"] = json!([{"key": []}, {"anthropic": []}]);
    page
}

#[cfg(test)]
mod tests;
