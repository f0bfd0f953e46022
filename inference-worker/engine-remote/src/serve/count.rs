//! Token counts of answers that the engine does not count.

use crate::dialect::tools_sent;
use crate::tokens::Vocabulary;
use quern_engine::chat::Chat;
use quern_engine::tokenizer::TokenizerError;
use quern_inference_api::response::Usage;
use quern_inference_api::tokens::{most_told, too_many};
use quern_inference_api::{ApiError, Input, Request};
use serde_json::{Map, Value};

/// Counts prompt and output with the tokenizer at hand; none without one. The end of an output is a token, too, which
/// its text does not show, so that the count may be one short.
pub(super) fn usage<'a>(
    vocabulary: Option<&Vocabulary>,
    request: &Request,
    context: usize,
    texts: impl Iterator<Item = &'a str>,
) -> Option<Usage> {
    let vocabulary = vocabulary?;
    // A long text takes the tokenizer a while.
    let prompt = tokio::task::block_in_place(|| prompt_tokens(vocabulary, request, context))?;
    Some(Usage::new(prompt, completion(vocabulary, texts)?))
}

/// Counts the prompt alone, which takes a while where it is long.
pub(super) fn prompt_tokens(vocabulary: &Vocabulary, request: &Request, context: usize) -> Option<u32> {
    u32::try_from(prompt(vocabulary, request, context).ok()?.len()).ok()
}

/// Counts the output alone.
pub(super) fn completion<'a>(vocabulary: &Vocabulary, texts: impl Iterator<Item = &'a str>) -> Option<u32> {
    tokio::task::block_in_place(|| {
        let mut completion = 0u32;
        for text in texts {
            let ids = vocabulary.tokenizer.encode(text, false).ok()?;
            completion = completion.saturating_add(u32::try_from(ids.len()).ok()?);
        }
        Some(completion)
    })
}

/// The tokens of a request's prompt, as its model's own files have them, of an engine with such a context.
pub(super) fn prompt(
    vocabulary: &Vocabulary,
    request: &Request,
    context: usize,
) -> Result<Vec<u32>, ApiError> {
    let param = request.endpoint.input_param();
    let refused = |error: &dyn ToString| ApiError::invalid(param, error.to_string());
    let encode = |text: &str, special| {
        let ids = vocabulary
            .tokenizer
            .encode_within(text, special, most_told(context));
        ids.map_err(|error| match error {
            TokenizerError::Long(_) => too_many(param, context),
            other => refused(&other),
        })
    };
    match &request.input {
        Input::Text(text) => encode(text, true),
        Input::Tokens(ids) => Ok(ids.clone()),
        Input::Chat(messages) => {
            let messages = messages.iter().map(|message| {
                let mut fields = Map::new();
                fields.insert("role".into(), message.role.clone().into());
                fields.insert("content".into(), message.content.clone().into());
                fields.extend(message.extra.clone());
                Value::Object(fields)
            });
            let chat = Chat {
                messages: &messages.collect::<Vec<_>>(),
                tools: &tools_sent(request),
                extra: &request.template,
            };
            let text = vocabulary.chat.render_chat(&chat);
            encode(&text.map_err(|error| refused(&error))?, false)
        }
    }
}
