//! Log-probabilities and token ids: what an engine can prove with.

use super::ask::{Answer, Asker, PROMPT};
use crate::capabilities::{Capabilities, EngineKind, PROBED_TOP_LOGPROBS, TokenIds};
use crate::error::UpstreamError;
use crate::tokens::Vocabulary;
use crate::wire::{RawChoice, TokenReport, tokens};
use quern_inference_api::Endpoint;
use serde_json::{Value, json};

pub(super) async fn logprobs(
    asker: &mut Asker<'_>,
    capabilities: &mut Capabilities,
    vocabulary: Option<&Vocabulary>,
    greedy: &str,
) -> Result<(), UpstreamError> {
    let top = PROBED_TOP_LOGPROBS;
    let mut more = match asker.endpoint {
        Endpoint::Completions => json!({"logprobs": top}),
        Endpoint::Chat => json!({"logprobs": true, "top_logprobs": top}),
    };
    if capabilities.kind == EngineKind::Vllm {
        more["return_token_ids"] = true.into();
    }
    let Some(answer) = asker.ask(more).await? else {
        return Ok(());
    };
    let Some(choice) = answer.raw.choices.as_ref().and_then(|choices| choices.first()) else {
        return Ok(());
    };
    let reports = choice.logprobs.as_ref().map_or_else(Vec::new, tokens);
    // An engine that makes numbers up would at least have to make up probabilities.
    capabilities.logprobs = !reports.is_empty()
        && reports
            .iter()
            .all(|report| report.token.logprob.is_some_and(|p| p <= 1e-6));
    if !capabilities.logprobs {
        return Ok(());
    }
    let least = reports
        .iter()
        .map(|report| report.token.top.len())
        .min()
        .unwrap_or(0);
    capabilities.top_logprobs = u8::try_from(least).unwrap_or(top).min(top);
    let native = native_ids(choice, &reports);
    let ids = match &native {
        Some(ids) => Some(ids.clone()),
        None => vocabulary.and_then(|vocabulary| vocabulary.ids(&reports)),
    };
    capabilities.token_ids = match (&native, &ids) {
        (Some(_), _) => TokenIds::Native,
        (None, Some(_)) => TokenIds::Pieces,
        (None, None) => TokenIds::None,
    };
    if let Some(first) = ids.as_ref().and_then(|ids| ids.first()) {
        let bias = Value::Object([(first.to_string(), json!(-100))].into_iter().collect());
        let other = asker.ask(json!({"logit_bias": bias})).await?;
        capabilities.logit_bias = other.is_some_and(|other| !other.text.is_empty() && other.text != greedy);
    }
    if asker.endpoint == Endpoint::Completions
        && let Some(ids) = prompt_ids(&answer, choice, vocabulary)
    {
        let same = asker.ask(json!({"prompt": ids})).await?;
        capabilities.token_prompts = same.is_some_and(|same| same.text == greedy);
    }
    Ok(())
}

/// Token ids of an output, as the engine tells.
fn native_ids(choice: &RawChoice, reports: &[TokenReport]) -> Option<Vec<u32>> {
    let told = choice.token_ids.clone().filter(|ids| !ids.is_empty());
    told.or_else(|| reports.iter().map(|report| report.id).collect())
}

fn prompt_ids(answer: &Answer, choice: &RawChoice, vocabulary: Option<&Vocabulary>) -> Option<Vec<u32>> {
    let told = answer
        .raw
        .prompt_token_ids
        .as_ref()
        .or(choice.prompt_token_ids.as_ref());
    let own = || vocabulary?.tokenizer.encode(PROMPT, true).ok();
    told.cloned().or_else(own).filter(|ids| !ids.is_empty())
}
