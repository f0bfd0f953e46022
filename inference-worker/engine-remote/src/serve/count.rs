//! Token counts of answers that the engine does not count.

use crate::tokens::Vocabulary;
use quern_engine::chat::Chat;
use quern_inference_api::response::Usage;
use quern_inference_api::{Input, Request};
use serde_json::{Map, Value};

/// Counts prompt and output with the tokenizer at hand; none without one. The end of an output is a token, too, which
/// its text does not show, so that the count may be one short.
pub(super) fn usage<'a>(
    vocabulary: Option<&Vocabulary>,
    request: &Request,
    texts: impl Iterator<Item = &'a str>,
) -> Option<Usage> {
    let vocabulary = vocabulary?;
    let count = |text: &str, special| {
        let ids = vocabulary.tokenizer.encode(text, special).ok()?;
        u32::try_from(ids.len()).ok()
    };
    // A long text takes the tokenizer a while.
    tokio::task::block_in_place(|| {
        let prompt = match &request.input {
            Input::Text(text) => count(text, true)?,
            Input::Tokens(ids) => u32::try_from(ids.len()).ok()?,
            Input::Chat(messages) => {
                let messages = messages.iter().map(|message| {
                    let mut fields = Map::new();
                    fields.insert("role".into(), message.role.clone().into());
                    fields.insert("content".into(), message.content.clone().into());
                    fields.extend(message.extra.clone());
                    Value::Object(fields)
                });
                let tools = request.tools.list.iter().map(|tool| tool.raw.clone());
                let chat = Chat {
                    messages: &messages.collect::<Vec<_>>(),
                    tools: &tools.collect::<Vec<_>>(),
                    extra: &request.template,
                };
                count(&vocabulary.chat.render_chat(&chat).ok()?, false)?
            }
        };
        let mut completion = 0u32;
        for text in texts {
            completion = completion.saturating_add(count(text, false)?);
        }
        Some(Usage::new(prompt, completion))
    })
}
