//! Parameters outside of bodies: headers, queries, paths.

use super::operation;
use crate::openrouter;
use crate::timeout::{MOST, TIMEOUT_HEADER};
use serde_json::{Value, json};

/// The header with which a request may be sent again.
pub(super) fn idempotency_key() -> Value {
    json!({"name": "Idempotency-Key", "in": "header", "required": false,
           "description": "The same request with the same key is run once and answered each time.",
           "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}})
}

/// The header in which a request gives itself a time.
pub(super) fn time() -> Value {
    json!({"name": TIMEOUT_HEADER, "in": "header", "required": false,
           "description": "Seconds after which the request ends, however far it is.",
           "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": MOST}})
}

/// Whether a header is read with every body, and not only where something is generated.
pub(super) fn is_of_all(header: &Value) -> bool {
    header["name"] != TIMEOUT_HEADER
}

/// In which shape models are listed.
pub(super) fn format() -> Value {
    json!({"name": "format", "in": "query", "required": false,
           "description": "The document that OpenRouter reads of its providers, instead of OpenAI's list.",
           "schema": {"enum": [openrouter::FORMAT]}})
}

/// Where a key goes: as OpenAI's clients send it, or Anthropic's.
pub(super) fn keys() -> Value {
    json!({
        "key": {"type": "http", "scheme": "bearer"},
        "anthropic": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    })
}

/// What the holder of a key may ask of its payments.
pub(super) fn receipts() -> [(&'static str, Value); 3] {
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
            get(
                "What the key's holder has spent, what is held and kept for answers under way, and what is left.",
            ),
        ),
    ]
}
