//! Tools and formats: what an engine that ignores them would not write by chance.

use super::ask::Asker;
use crate::capabilities::{Capabilities, EngineKind};
use crate::error::UpstreamError;
use quern_inference_api::Endpoint;
use serde_json::{Value, json};

/// Tokens that the longest of these answers needs.
const TOKENS: u32 = 64;
const NAME: &str = "quern_probe";

pub(super) async fn formats(
    asker: &mut Asker<'_>,
    capabilities: &mut Capabilities,
) -> Result<(), UpstreamError> {
    if !capabilities.chat {
        return Ok(());
    }
    let choice = json!({"type": "function", "function": {"name": NAME}});
    let function = json!({"name": NAME, "description": "Takes a word.", "parameters": schema()});
    let tools = json!([{"type": "function", "function": function}]);
    let more = json!({"tools": tools, "tool_choice": choice, "max_tokens": TOKENS});
    if let Some(answer) = asker.ask_at(Endpoint::Chat, more).await? {
        let choices = answer.raw.choices.unwrap_or_default();
        let message = choices.into_iter().next().and_then(|choice| choice.message);
        let calls = message.and_then(|message| message.tool_calls).unwrap_or_default();
        let called = calls
            .first()
            .and_then(|call| call.function.as_ref()?.name.as_deref());
        capabilities.tools = called == Some(NAME);
    }
    let object = json!({"response_format": {"type": "json_object"}, "max_tokens": TOKENS});
    if let Some(answer) = asker.ask_at(Endpoint::Chat, object).await? {
        capabilities.json_object = answer.text.trim_start().starts_with('{');
    }
    let format = match capabilities.kind {
        EngineKind::LlamaCppPython => json!({"type": "json_object", "schema": schema()}),
        _ => {
            json!({"type": "json_schema", "json_schema": {"name": NAME, "strict": true, "schema": schema()}})
        }
    };
    let more = json!({"response_format": format, "max_tokens": TOKENS});
    if let Some(answer) = asker.ask_at(Endpoint::Chat, more).await? {
        let value: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        capabilities.json_schema = value == json!({"word": NAME});
    }
    Ok(())
}

/// Permits one output only.
fn schema() -> Value {
    let word = json!({"type": "string", "enum": [NAME]});
    json!({"type": "object", "properties": {"word": word}, "required": ["word"], "additionalProperties": false})
}
