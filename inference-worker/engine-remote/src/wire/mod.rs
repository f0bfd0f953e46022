//! Answers of a remote engine, whole or in chunks, as far as they are what they should be.

mod assembly;
mod calls;
mod logprobs;
mod raw;
mod rules;
mod survey;

pub use assembly::{Assembly, Delta};
pub use logprobs::{TokenReport, tokens};
pub use raw::{RawAnswer, RawChoice, RawMessage};
pub use rules::Rules;

use quern_inference_api::response::Usage;
use serde_json::Value;

/// Token counts of an answer, if it has any.
pub fn usage(value: &Value) -> Option<Usage> {
    let number = |value: Option<&Value>| value?.as_u64().and_then(|n| u32::try_from(n).ok());
    let prompt = number(value.get("prompt_tokens"))?;
    let completion = number(value.get("completion_tokens")).unwrap_or(0);
    let details = value.get("prompt_tokens_details");
    let cached = number(details.and_then(|details| details.get("cached_tokens"))).unwrap_or(0);
    let details = value.get("completion_tokens_details");
    let reasoning = number(details.and_then(|details| details.get("reasoning_tokens"))).unwrap_or(0);
    Some(
        Usage::new(prompt, completion)
            .with_cached(cached.min(prompt))
            .with_reasoning(reasoning.min(completion)),
    )
}
