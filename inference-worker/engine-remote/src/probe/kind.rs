//! Whose server it is, which model it has and how long its context is.

use super::ProbeError;
use crate::capabilities::{Capabilities, EngineKind};
use crate::client::Upstream;
use crate::error::words_of;
use serde_json::Value;

/// Ids in an answer of `/v1/models`.
pub(super) fn ids(list: &Value) -> Vec<String> {
    let data = list.get("data").and_then(Value::as_array);
    let id = |entry: &Value| entry.get("id").and_then(Value::as_str).map(str::to_owned);
    data.into_iter().flatten().filter_map(id).take(1000).collect()
}

pub(super) async fn identify(upstream: &Upstream, list: &Value) -> Result<Capabilities, ProbeError> {
    let config = upstream.config();
    let label = config.label().to_owned();
    let models = ids(list);
    let model = match &config.model {
        Some(model) if models.contains(model) => model.clone(),
        None if models.len() == 1 => models.first().cloned().unwrap_or_default(),
        _ if models.is_empty() => {
            let has = "no model in /v1/models".to_owned();
            return Err(ProbeError::Model { label, has });
        }
        _ => {
            let has = format!("the models {}", words_of(&models.join(", ")));
            return Err(ProbeError::Model { label, has });
        }
    };
    let data = list.get("data").and_then(Value::as_array);
    let entry = data
        .into_iter()
        .flatten()
        .find(|entry| entry.get("id").and_then(Value::as_str) == Some(&model));
    let entry = entry.cloned().unwrap_or_default();
    // A page that an engine does not have says nothing.
    let page = async |path: &str| upstream.get(path).await.unwrap_or_default();
    let text = |page: &Value, pointer: &str| page.pointer(pointer).and_then(Value::as_str).map(words_of);
    let number = |page: &Value, pointer: &str| {
        let number = page.pointer(pointer).and_then(Value::as_u64);
        number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0)
    };
    let (kind, version, told) = match entry.get("owned_by").and_then(Value::as_str).unwrap_or_default() {
        "vllm" => (
            EngineKind::Vllm,
            text(&page("/version").await, "/version"),
            number(&entry, "/max_model_len"),
        ),
        "sglang" => {
            let info = page("/get_server_info").await;
            let told = number(&entry, "/max_model_len").or_else(|| number(&info, "/context_length"));
            (EngineKind::Sglang, text(&info, "/version"), told)
        }
        "llamacpp" => {
            let props = page("/props").await;
            let told = number(&props, "/default_generation_settings/n_ctx");
            (EngineKind::LlamaCpp, text(&props, "/build_info"), told)
        }
        _ => {
            let info = page("/info").await;
            let tgi = info.get("model_id").is_some() && info.get("max_total_tokens").is_some();
            let api = if tgi {
                Value::Null
            } else {
                page("/openapi.json").await
            };
            let title = text(&api, "/info/title").unwrap_or_default();
            if tgi {
                (
                    EngineKind::Tgi,
                    text(&info, "/version"),
                    number(&info, "/max_total_tokens"),
                )
            } else if title.contains("llama.cpp Python") {
                (EngineKind::LlamaCppPython, text(&api, "/info/version"), None)
            } else {
                let told = number(&entry, "/max_model_len").or_else(|| number(&entry, "/context_length"));
                (EngineKind::Other, None, told)
            }
        }
    };
    let context = match (told, config.context) {
        (Some(told), Some(own)) => told.min(own),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Err(ProbeError::Context { label }),
    };
    Ok(Capabilities {
        kind,
        version,
        model,
        models,
        context,
        ..Capabilities::default()
    })
}
