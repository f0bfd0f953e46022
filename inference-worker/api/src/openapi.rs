//! `/openapi.json`: what a worker without a chain answers, for tools that read it.

use crate::http::Service;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/openapi.json", get(page))
}

async fn page(State(service): State<Arc<Service>>) -> Json<Value> {
    Json(document(&service.model_id))
}

fn number(least: f64, most: f64, default: f64) -> Value {
    json!({"type": "number", "minimum": least, "maximum": most, "default": default})
}

/// Parameters that chats and completions share.
fn shared(model: &str) -> Map<String, Value> {
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
        "model": {"const": model},
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
        "user": {"type": "string"},
        "metadata": {"type": "object"},
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

/// The document.
pub(super) fn document(model: &str) -> Value {
    let chat = json!({
        "messages": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role"]}},
        "max_completion_tokens": {"type": "integer", "minimum": 1},
        "logprobs": {"type": "boolean", "default": false},
        "top_logprobs": {"type": "integer", "minimum": 0, "maximum": 20},
        "tools": {"type": "array", "maxItems": 128, "items": {"type": "object", "required": ["type", "function"]}},
        "tool_choice": {"oneOf": [{"enum": ["none", "auto", "required"]}, {"type": "object"}]},
        "parallel_tool_calls": {"type": "boolean", "default": true},
        "reasoning_effort": {"type": "string"},
        "chat_template_kwargs": {"type": "object"},
    });
    let plain = json!({
        "prompt": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer"}}]},
        "logprobs": {"type": "integer", "minimum": 0, "maximum": 5},
    });
    let texts = |field: &str, kind: Value| {
        let own = json!({field: kind, "model": {"const": model}});
        body(Map::new(), own, &[field])
    };
    let tokens = json!({"type": "array", "items": {"type": "integer"}});
    json!({
        "openapi": "3.1.0",
        "info": {"title": "quern-worker", "version": env!("CARGO_PKG_VERSION"), "license": {"name": "Apache-2.0"}},
        "paths": {
            "/v1/chat/completions": {"post": operation("Answer a chat, whole or as server-sent events.",
                Some(body(shared(model), chat, &["model", "messages"])))},
            "/v1/completions": {"post": operation("Continue a text, whole or as server-sent events.",
                Some(body(shared(model), plain, &["model", "prompt"])))},
            "/v1/models": {"get": operation("The models that are served.", None)},
            "/v1/models/{id}": {"get": operation("One model.", None), "parameters": [
                {"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}]},
            "/tokenize": {"post": operation("Token ids of a text.", Some(texts("prompt", json!({"type": "string"}))))},
            "/detokenize": {"post": operation("The text of token ids.", Some(texts("tokens", tokens)))},
            "/health": {"get": operation("Whether the worker serves.", None)},
            "/metrics": {"get": operation("Figures for Prometheus.", None)},
        },
        "components": {"schemas": {"Error": {"type": "object", "required": ["error"], "properties": {"error": {
            "type": "object", "required": ["message", "type", "param", "code"], "properties": {
                "message": {"type": "string"}, "type": {"type": "string"},
                "param": {"type": ["string", "null"]}, "code": {"type": ["string", "null"]}}}}}}},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_inference_api::{Endpoint, Request};

    #[test]
    fn every_parameter_of_the_page_is_one_that_requests_are_read_for() {
        let page = document("m");
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
                // No value of any parameter is a list of lists: each is refused by its name, or is a label.
                let (endpoint, mut body) = minimal(path);
                body[name] = json!([[name]]);
                match Request::parse(endpoint, body.to_string().as_bytes()) {
                    Ok(_) => assert!(["user", "metadata"].contains(&name.as_str()), "{name}"),
                    Err(error) => {
                        let param = error.param.unwrap_or_default();
                        assert!(param.starts_with(name.as_str()), "{name}: {param}");
                        assert_eq!(error.code, Some("invalid_value"), "{name}");
                    }
                }
            }
        }
    }
}
