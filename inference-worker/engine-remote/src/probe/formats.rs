//! Tools and formats: what an engine that ignores them would not write by chance.

use super::ask::Asker;
use crate::capabilities::{Capabilities, EngineKind};
use crate::error::UpstreamError;
use quern_inference_api::Endpoint;
use serde_json::{Value, json};

/// Tokens that the longest of these answers needs.
const TOKENS: u32 = 64;
const NAME: &str = "quern_probe";
/// How often an engine is asked again for what a schema permits.
const TRIES: u64 = 4;

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
    for seed in 0..=TRIES {
        // Greedy first; a small model may then write nothing but spaces, which every schema permits.
        let mut more = json!({"response_format": format, "max_tokens": TOKENS});
        if seed > 0 {
            more["temperature"] = json!(1.0);
            more["seed"] = json!(seed);
        }
        let Some(answer) = asker.ask_at(Endpoint::Chat, more).await? else {
            break;
        };
        if is_held(&answer.text) {
            capabilities.json_schema = true;
            break;
        }
    }
    Ok(())
}

/// Whether a text is the only output that the schema permits, or what was cut of it after its member's name.
fn is_held(text: &str) -> bool {
    if let Ok(whole) = serde_json::from_str::<Value>(text) {
        return whole == json!({"word": NAME});
    }
    let begun: String = text.split_whitespace().collect();
    let only = json!({"word": NAME}).to_string();
    begun.starts_with(r#"{"word":"#) && begun != only && only.starts_with(&begun)
}

/// Permits one output only.
fn schema() -> Value {
    let word = json!({"type": "string", "enum": [NAME]});
    json!({"type": "object", "properties": {"word": word}, "required": ["word"], "additionalProperties": false})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_schema_permits_is_known_whole_and_cut() {
        let whole = r#"{"word": "quern_probe"}"#;
        let cut = "{\n  \"word\":\n\n   ";
        for held in [
            whole,
            cut,
            r#"{"word":"quern_"#,
            "  {\"word\" : \"quern_probe\"\n}\n",
        ] {
            assert!(is_held(held), "{held}");
        }
        for free in [
            "",
            "\n\n   ",
            "{",
            r#"{"word"#,
            r#"{"word":"bread"}"#,
            "there was a word",
            r#"{"word":"quern_probe"} {"#,
            r#"{"word":"quern _probe"}"#,
        ] {
            assert!(!is_held(free), "{free}");
        }
    }
}
