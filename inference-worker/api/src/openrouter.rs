//! OpenRouter's model document for providers, version 2.4: each modality owns its limits, parameters and prices. The flat
//! format before it, which OpenRouter still takes, is [`Listing`].

use crate::listing::{Listing, Model, ModelList, Told};
use serde_json::{Map, Value, json};

/// The version of the document.
const VERSION: &str = "2.4";
/// The value of the query's `format` that asks for it.
pub const FORMAT: &str = "openrouter";

/// The models as OpenRouter reads them. Fields that it does not know would be refused there, so there are none.
pub fn documents(models: &ModelList) -> Value {
    let data: Vec<_> = models.data.iter().map(document).collect();
    json!({"data": data})
}

fn document(model: &Model) -> Value {
    let listing = &model.listing;
    let mut all = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            all.insert(name.into(), value);
        }
    };
    put("schema_version", json!(VERSION));
    put("id", json!(model.id));
    put("name", json!(listing.name.as_ref().unwrap_or(&model.id)));
    put("hugging_face_id", json!(listing.hugging_face_id));
    put("created", json!(model.created));
    put("quantization", json!(listing.quantization));
    put("tokenizer", json!(listing.told.tokenizer));
    put("description", json!(listing.description));
    put("input_modalities", json!([input(model)]));
    put("output_modalities", json!(outputs(listing)));
    let request = listing.pricing.as_ref().map_or("0", |pricing| &pricing.request);
    put("pricing", prices(listing, &[("request", "request", request)]));
    put("is_ready", json!(listing.is_ready));
    put("is_free", json!(listing.is_free));
    let Told {
        deprecation_date,
        discount_to_user,
        openrouter,
        datacenters,
        compliance,
        ..
    } = &listing.told;
    put("deprecation_date", json!(deprecation_date));
    put("discount_to_user", json!(discount_to_user));
    put("openrouter", json!(openrouter));
    put("compliance", json!(compliance));
    if !datacenters.is_empty() {
        put("datacenters", json!(datacenters));
    }
    Value::Object(all)
}

/// Text in. Its tokens are what is paid for, from a cache or not.
fn input(model: &Model) -> Value {
    let listing = &model.listing;
    let mut input =
        json!({"type": "text", "supported_inputs": {"max_context_length": tokens(model.context_length)}});
    if let Some(pricing) = &listing.pricing {
        let cached = pricing.input_cache_read.as_deref().unwrap_or_default();
        let kinds = [
            ("prompt", "token", pricing.prompt.as_str()),
            ("cached_prompt", "token", cached),
        ];
        set(&mut input, "pricing", prices(listing, &kinds));
    }
    if let Some(most) = listing.told.capacity_tpm {
        input["capacity"] = json!([{"type": "prompt", "unit": "token", "per": "minute", "value": most}]);
    }
    input
}

fn outputs(listing: &Listing) -> Vec<Value> {
    let output = |kind: &String| match kind.as_str() {
        "text" => text(listing),
        kind => json!({"type": kind, "supported_parameters": {
            "encoding_format": {"type": "enum", "values": ["float", "base64"]}}}),
    };
    listing.output_modalities.iter().map(output).collect()
}

fn text(listing: &Listing) -> Value {
    let mut parameters = Map::new();
    for name in &listing.supported_sampling_parameters {
        if let Some(described) = sampling(name, listing.max_output_length) {
            parameters.insert(name.clone(), described);
        }
    }
    for feature in &listing.supported_features {
        for (name, described) in described(feature) {
            parameters.insert(name.into(), described);
        }
    }
    let mut text = json!({"type": "text", "streaming": true, "supported_parameters": parameters});
    if let Some(most) = listing.max_output_length {
        text["max_length"] = tokens(most);
    }
    if let Some(pricing) = &listing.pricing {
        let kinds = [("completion", "token", pricing.completion.as_str())];
        set(&mut text, "pricing", prices(listing, &kinds));
    }
    text
}

/// What values a sampling parameter takes.
fn sampling(name: &str, most: Option<u32>) -> Option<Value> {
    let range = |min: f64, max: f64| json!({"type": "range", "min": min, "max": max});
    Some(match name {
        "temperature" => range(0.0, 2.0),
        "top_p" | "min_p" => range(0.0, 1.0),
        "top_k" => json!({"type": "integer", "min": 0, "max": u32::MAX}),
        "frequency_penalty" | "presence_penalty" => range(-2.0, 2.0),
        "repetition_penalty" => range(0.01, 100.0),
        "stop" => json!({"type": "array", "items": {"type": "unknown"}, "max_items": 16}),
        "seed" => json!({"type": "boolean"}),
        "max_tokens" => json!({"type": "integer", "min": 1, "max": most?, "unit": "token"}),
        "logit_bias" => json!({"type": "unknown"}),
        _ => return None,
    })
}

/// The parameters that stand for a feature of the flat format.
fn described(feature: &str) -> Vec<(&'static str, Value)> {
    let yes = || json!({"type": "boolean"});
    match feature {
        "tools" => vec![("tools", yes())],
        "json_mode" => vec![("response_format", yes())],
        "structured_outputs" => vec![("structured_outputs", yes())],
        "logprobs" => vec![
            ("logprobs", yes()),
            ("top_logprobs", json!({"type": "integer", "min": 0, "max": 20})),
        ],
        "reasoning" => vec![("reasoning", yes())],
        _ => Vec::new(),
    }
}

fn tokens(count: u32) -> Value {
    json!({"value": count, "unit": "token"})
}

/// Prices that are asked for: what costs nothing is left out, as OpenRouter wants it.
fn prices(listing: &Listing, kinds: &[(&str, &str, &str)]) -> Value {
    if listing.is_free == Some(true) {
        return Value::Null;
    }
    let asked = kinds
        .iter()
        .filter(|(_, _, cost)| cost.bytes().any(|byte| matches!(byte, b'1'..=b'9')));
    let entries: Vec<_> = asked
        .map(|(kind, unit, cost)| json!({"type": kind, "unit": unit, "cost_usd": cost}))
        .collect();
    if entries.is_empty() {
        Value::Null
    } else {
        json!(entries)
    }
}

fn set(object: &mut Value, name: &str, value: Value) {
    if !value.is_null() {
        object[name] = value;
    }
}
