//! Reading single parameters.

use crate::error::ApiError;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most stop strings in one request. OpenAI takes four, Anthropic any number.
pub(crate) const MAX_STOPS: usize = 16;
/// Longest stop string, in bytes.
const MAX_STOP_BYTES: usize = 512;
/// Most biased tokens.
const MAX_BIASES: usize = 1024;
/// Most choices of one request.
const MAX_CHOICES: u64 = 16;

pub(crate) fn flag(fields: &mut Map<String, Value>, name: &str) -> Result<bool, ApiError> {
    Ok(optional_flag(fields, name)?.unwrap_or(false))
}

pub(crate) fn optional_flag(fields: &mut Map<String, Value>, name: &str) -> Result<Option<bool>, ApiError> {
    match fields.remove(name) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(value)),
        Some(_) => Err(ApiError::invalid(
            name,
            format!("'{name}' must be true or false."),
        )),
    }
}

pub(crate) fn text(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, ApiError> {
    match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(value)) => Ok(Some(value)),
        Some(_) => Err(ApiError::invalid(name, format!("'{name}' must be a string."))),
    }
}

/// A number within bounds, which `bounds` says in words.
pub(crate) fn number(
    fields: &mut Map<String, Value>,
    name: &str,
    bounds: &str,
    ok: impl Fn(f64) -> bool,
) -> Result<Option<f64>, ApiError> {
    let Some(value) = fields.remove(name) else {
        return Ok(None);
    };
    match value.as_f64().filter(|n| ok(*n)) {
        Some(number) => Ok(Some(number)),
        None => Err(ApiError::invalid(name, format!("'{name}' must be {bounds}."))),
    }
}

/// An integer from `least` to `most`.
pub(crate) fn integer(
    fields: &mut Map<String, Value>,
    name: &str,
    least: i64,
    most: i64,
) -> Result<Option<i64>, ApiError> {
    let Some(value) = fields.remove(name) else {
        return Ok(None);
    };
    let number = value.as_i64().filter(|n| (least..=most).contains(n));
    let refused = || {
        let message = format!("'{name}' must be an integer from {least} to {most}.");
        ApiError::invalid(name, message)
    };
    number.map(Some).ok_or_else(refused)
}

/// Refuses the first field that is not among those that are known.
pub(crate) fn only(value: &Value, known: &[&str], path: &str) -> Result<(), ApiError> {
    let mut fields = value.as_object().into_iter().flatten();
    let other = fields.find(|(name, value)| !known.contains(&name.as_str()) && !value.is_null());
    other.map_or(Ok(()), |(name, _)| {
        Err(ApiError::unknown(&format!("{path}.{name}")))
    })
}

pub(crate) fn seed(fields: &mut Map<String, Value>) -> Result<Option<i64>, ApiError> {
    let Some(value) = fields.remove("seed") else {
        return Ok(None);
    };
    let refused = || ApiError::invalid("seed", "'seed' must be an integer of 64 bits with sign.");
    value.as_i64().map(Some).ok_or_else(refused)
}

/// How many choices. The best of more than are returned cannot be had: none is thrown away.
pub(crate) fn choices(fields: &mut Map<String, Value>) -> Result<u32, ApiError> {
    let most = i64::try_from(MAX_CHOICES).unwrap_or(i64::MAX);
    let n = integer(fields, "n", 1, most)?.unwrap_or(1);
    if let Some(best) = fields.remove("best_of")
        && best.as_i64() != Some(n)
    {
        return Err(ApiError::unsupported("best_of"));
    }
    Ok(u32::try_from(n).unwrap_or(1))
}

/// Token id to bias.
pub(crate) fn biases(fields: &mut Map<String, Value>) -> Result<BTreeMap<u32, f64>, ApiError> {
    let refused = || {
        let message = format!(
            "'logit_bias' must map at most {MAX_BIASES} token ids, written as strings, to numbers from -100 to 100."
        );
        ApiError::invalid("logit_bias", message)
    };
    match fields.remove("logit_bias") {
        None => Ok(BTreeMap::new()),
        Some(Value::Object(biases)) if biases.len() <= MAX_BIASES => biases
            .iter()
            .map(|(id, bias)| {
                let bias = bias.as_f64().filter(|bias| (-100.0..=100.0).contains(bias));
                let token: u32 = id.parse().ok()?;
                // Written in one way only, so that none takes the place of another.
                (token.to_string() == *id).then_some((token, bias?))
            })
            .collect::<Option<_>>()
            .ok_or_else(refused),
        Some(_) => Err(refused()),
    }
}

pub(crate) fn stop(fields: &mut Map<String, Value>) -> Result<Vec<String>, ApiError> {
    let refused = || {
        let message = format!(
            "'stop' must be a string or a list of at most {MAX_STOPS} strings, none empty or longer than \
             {MAX_STOP_BYTES} bytes."
        );
        ApiError::invalid("stop", message)
    };
    let items = match fields.remove("stop") {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(item) => vec![item],
    };
    let stops: Option<Vec<String>> = items
        .iter()
        .map(|item| item.as_str().map(str::to_owned))
        .collect();
    stops
        .filter(|stops| stops.len() <= MAX_STOPS)
        .filter(|stops| {
            stops
                .iter()
                .all(|stop| (1..=MAX_STOP_BYTES).contains(&stop.len()))
        })
        .ok_or_else(refused)
}

pub(crate) fn stream_options(fields: &mut Map<String, Value>, stream: bool) -> Result<bool, ApiError> {
    let Some(options) = fields.remove("stream_options") else {
        return Ok(false);
    };
    if !stream {
        let message = "'stream_options' is only allowed when 'stream' is true.";
        return Err(ApiError::invalid("stream_options", message));
    }
    let Value::Object(mut options) = options else {
        return Err(ApiError::invalid(
            "stream_options",
            "'stream_options' must be an object.",
        ));
    };
    options.retain(|_, value| !value.is_null());
    let include = flag(&mut options, "include_usage")?;
    // Padding against traffic analysis of a provider's network; there is none here to switch off.
    if flag(&mut options, "include_obfuscation")? {
        return Err(ApiError::unsupported("stream_options.include_obfuscation"));
    }
    match options.keys().next() {
        Some(name) => Err(ApiError::unknown(&format!("stream_options.{name}"))),
        None => Ok(include),
    }
}
