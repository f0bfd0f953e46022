//! What an output has to match, in an engine's words.

use crate::capabilities::{Capabilities, EngineKind};
use quern_inference_api::format::Format;
use serde_json::{Map, Value, json};

/// Whether the engine holds outputs to such a format.
pub(super) fn honoured(format: &Format, capabilities: &Capabilities) -> bool {
    match format {
        Format::JsonObject => capabilities.json_object,
        Format::JsonSchema(_) => capabilities.json_schema,
        Format::Regex(_) => matches!(capabilities.kind, EngineKind::Vllm | EngineKind::Sglang),
        Format::Choice(_) => capabilities.kind == EngineKind::Vllm,
        // Each has a notation of its own, and none is the one that this dialect promises.
        Format::Grammar(_) => false,
    }
}

pub(super) fn put(format: &Format, kind: EngineKind, body: &mut Map<String, Value>) {
    let (name, value) = match (format, kind) {
        (Format::JsonObject, _) => ("response_format", json!({"type": "json_object"})),
        (Format::JsonSchema(schema), EngineKind::LlamaCppPython) => (
            "response_format",
            json!({"type": "json_object", "schema": schema}),
        ),
        (Format::JsonSchema(schema), _) => {
            let named = json!({"name": "output", "strict": true, "schema": schema});
            (
                "response_format",
                json!({"type": "json_schema", "json_schema": named}),
            )
        }
        (Format::Regex(text), EngineKind::Sglang) => ("regex", json!(text)),
        (Format::Regex(text), _) => ("structured_outputs", json!({"regex": text})),
        (Format::Choice(texts), _) => ("structured_outputs", json!({"choice": texts})),
        (Format::Grammar(text), _) => ("structured_outputs", json!({"grammar": text})),
    };
    body.insert(name.into(), value);
}
