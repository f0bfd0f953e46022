//! Log-probabilities in the two shapes of OpenAI's schema.

use crate::request::Endpoint;
use serde_json::{Map, Value, json};

/// What stands for the logarithm of nothing, which JSON cannot write.
const NEVER: f64 = -9999.0;

/// A token of an output.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its bytes, which need not be text by themselves.
    pub bytes: Vec<u8>,
    /// Natural logarithm of its probability.
    pub logprob: f64,
    /// Bytes and logarithms of the most likely tokens, falling.
    pub top: Vec<(Vec<u8>, f64)>,
}

fn number(logprob: f64) -> f64 {
    logprob.max(NEVER)
}

fn entry(bytes: &[u8], logprob: f64) -> Value {
    json!({"token": String::from_utf8_lossy(bytes), "logprob": number(logprob), "bytes": bytes})
}

/// The name of a token where names must differ.
fn name(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().fold("bytes:".to_owned(), |mut name, byte| {
            use std::fmt::Write;
            let _ = write!(name, "\\x{byte:02x}");
            name
        }),
    }
}

/// Tokens of one choice or chunk. `offset` is the number of characters of the text before them, and grows by theirs.
pub fn render(endpoint: Endpoint, tokens: &[Token], offset: &mut usize) -> Value {
    match endpoint {
        Endpoint::Chat => {
            let content = tokens.iter().map(|token| {
                let mut value = entry(&token.bytes, token.logprob);
                value["top_logprobs"] = token.top.iter().map(|(bytes, p)| entry(bytes, *p)).collect();
                value
            });
            json!({"content": content.collect::<Vec<_>>(), "refusal": null})
        }
        Endpoint::Completions => {
            let (mut names, mut own, mut top, mut offsets) = (vec![], vec![], vec![], vec![]);
            for token in tokens {
                offsets.push(*offset);
                *offset += String::from_utf8_lossy(&token.bytes).chars().count();
                names.push(name(&token.bytes));
                own.push(number(token.logprob));
                let mut all: Map<String, Value> = Map::new();
                for (bytes, logprob) in &token.top {
                    all.insert(name(bytes), number(*logprob).into());
                }
                // The token that was drawn is always among them.
                all.insert(name(&token.bytes), number(token.logprob).into());
                top.push(all);
            }
            json!({"tokens": names, "token_logprobs": own, "top_logprobs": top, "text_offset": offsets})
        }
    }
}
