//! Log-probabilities in the two shapes of OpenAI's schema.

use crate::request::Endpoint;
use serde_json::{Map, Value, json};

/// What stands for the logarithm of nothing, which JSON cannot write.
const NEVER: f64 = -9999.0;

/// A token of an output, or of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// Its bytes, which need not be text by themselves.
    pub bytes: Vec<u8>,
    /// Natural logarithm of its probability; none of the first token of all.
    pub logprob: Option<f64>,
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

/// Where a token begins in the text, in characters, and where it ends. One that goes on with a character begins with it.
fn place(bytes: &[u8], before: usize) -> (usize, usize) {
    let goes_on = |byte: &u8| byte & 0xc0 == 0x80;
    let begun = bytes.iter().filter(|byte| !goes_on(byte)).count();
    let inside = usize::from(bytes.first().is_some_and(goes_on));
    (before.saturating_sub(inside), before.saturating_add(begun))
}

/// Tokens of one choice or chunk. `offset` is the number of characters of the text before them, and grows by theirs.
pub fn render(endpoint: Endpoint, tokens: &[Token], offset: &mut usize) -> Value {
    match endpoint {
        Endpoint::Chat => {
            let content = tokens.iter().map(|token| {
                let mut value = entry(&token.bytes, token.logprob.unwrap_or(NEVER));
                value["top_logprobs"] = token.top.iter().map(|(bytes, p)| entry(bytes, *p)).collect();
                value
            });
            json!({"content": content.collect::<Vec<_>>(), "refusal": null})
        }
        Endpoint::Completions => {
            let offsets = tokens.iter().map(|token| {
                let (at, end) = place(&token.bytes, *offset);
                *offset = end;
                at
            });
            listed(tokens, offsets.collect())
        }
    }
}

/// A completion's tokens, and where each begins in the text.
fn listed(tokens: &[Token], offsets: Vec<usize>) -> Value {
    let top = |token: &Token| {
        let own = token.logprob?;
        let mut all: Map<String, Value> = Map::new();
        for (bytes, logprob) in &token.top {
            all.insert(name(bytes), number(*logprob).into());
        }
        // The token that stands there is always among them.
        all.insert(name(&token.bytes), number(own).into());
        Some(all)
    };
    json!({
        "tokens": tokens.iter().map(|token| name(&token.bytes)).collect::<Vec<_>>(),
        "token_logprobs": tokens.iter().map(|token| token.logprob.map(number)).collect::<Vec<_>>(),
        "top_logprobs": tokens.iter().map(top).collect::<Vec<_>>(),
        "text_offset": offsets,
    })
}

/// Bytes of a text within which a token is looked for where the one before it is not what the text has.
const ASTRAY: usize = 32;

/// How many bytes of a text lie before a token, and how many it has there; none if the text does not show it.
fn found(text: &[u8], token: &[u8], next: Option<&[u8]>) -> Option<(usize, usize)> {
    if let Some(length) = begins(text, token) {
        return Some((0, length));
    }
    // Others write characters in another way than the text.
    let near = text.get(..ASTRAY).unwrap_or(text);
    let at = near
        .windows(token.len().max(1))
        .position(|bytes| bytes == token)?;
    // A special token that the text does not show may be named further on in it: then others follow there than here.
    let after = text.get(at.saturating_add(token.len())..).unwrap_or_default();
    let follows = next.is_none_or(|next| begins(after, next).is_some());
    follows.then_some((at, token.len()))
}

/// How many bytes of a text a token at its beginning has; none if it is not there.
fn begins(text: &[u8], token: &[u8]) -> Option<usize> {
    // Some tokenizers write a blank before a text's beginning.
    let bare = token.strip_prefix(b" ").unwrap_or(token);
    let found = [token, bare].into_iter().find(|bytes| text.starts_with(bytes));
    found.map(<[u8]>::len)
}

/// The tokens of a completion's prompt and its text. A token that the text does not show takes no place in it: one that the
/// tokenizer put before it, or a special one. They come in pieces of so many tokens, as an event of a stream has its bounds.
pub fn prompt(tokens: &[Token], text: &str, piece: usize) -> Vec<Value> {
    let (mut rest, mut before) = (text.as_bytes(), 0);
    let mut offsets = Vec::with_capacity(tokens.len());
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index.saturating_add(1)).map(|token| &*token.bytes);
        let (skipped, length) = found(rest, &token.bytes, next).unwrap_or_default();
        let (lost, shown) = rest.split_at(skipped.min(rest.len()));
        let (shown, after) = shown.split_at(length.min(shown.len()));
        let (at, end) = place(shown, place(lost, before).1);
        offsets.push(at);
        (before, rest) = (end, after);
    }
    let piece = piece.max(1);
    let pieces = tokens.chunks(piece).zip(offsets.chunks(piece));
    pieces
        .map(|(tokens, offsets)| listed(tokens, offsets.to_vec()))
        .collect()
}

/// Adds tokens to those of a completion before them, of either of which there may be none.
pub fn join(all: &mut Value, mut more: Value) {
    match (&mut *all, &mut more) {
        (Value::Null, _) => *all = more,
        (Value::Object(all), Value::Object(more)) => {
            for (field, list) in all {
                if let (Value::Array(list), Some(Value::Array(more))) = (list, more.get_mut(field)) {
                    list.append(more);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(all: &[&[u8]]) -> Vec<Token> {
        let token = |(index, bytes): (usize, &&[u8])| Token {
            bytes: bytes.to_vec(),
            logprob: (index > 0).then_some(-1.5),
            top: if index > 0 {
                vec![(b"x".to_vec(), -0.5)]
            } else {
                Vec::new()
            },
        };
        all.iter().enumerate().map(token).collect()
    }

    #[test]
    fn the_first_token_of_a_prompt_has_no_likelihood_and_each_begins_where_the_text_shows_it() {
        let all = tokens(&[b"<s>", b" the", b" \xe6\x97", b"\xa5", b"!", b"</s>", b"?"]);
        let told = &prompt(&all, "the \u{65e5}!?", 99)[0];
        assert_eq!(told["tokens"][0], "<s>");
        assert_eq!(
            told["token_logprobs"],
            json!([null, -1.5, -1.5, -1.5, -1.5, -1.5, -1.5])
        );
        assert_eq!(told["top_logprobs"][0], Value::Null);
        assert_eq!(told["top_logprobs"][1], json!({"x": -0.5, " the": -1.5}));
        assert_eq!(told["text_offset"], json!([0, 0, 3, 4, 5, 6, 6]));
        // A text that the tokenizer writes in another way is found again.
        let told = prompt(
            &tokens(&[b"tax", b"\xc3\xa9", b" x", b" y"]),
            "taxe\u{301} x y",
            2,
        );
        let offsets: Vec<_> = told.iter().map(|piece| &piece["text_offset"]).collect();
        assert_eq!(offsets, [&json!([0, 3]), &json!([5, 7])]);
    }

    #[test]
    fn a_special_token_that_the_text_names_further_on_takes_no_place() {
        let all = tokens(&[b"<s>", b"a", b" ", b"<s>", b" b"]);
        let told = &prompt(&all, "a <s> b", 99)[0];
        assert_eq!(told["text_offset"], json!([0, 0, 1, 2, 5]));
    }

    #[test]
    fn tokens_of_the_output_follow_those_of_the_prompt() {
        let mut offset = 3;
        let output = tokens(&[b"", b"\xc3", b"\xa9 y"]);
        let told = render(Endpoint::Completions, &output[1..], &mut offset);
        assert_eq!((&told["text_offset"], offset), (&json!([3, 3]), 6));
        let mut all = Value::Null;
        for piece in prompt(&tokens(&[b"abc"]), "abc", 9) {
            join(&mut all, piece);
        }
        join(&mut all, told);
        assert_eq!(
            all["tokens"],
            json!(["abc", "bytes:\\xc3", "bytes:\\xa9\\x20\\x79"])
        );
        assert_eq!(all["text_offset"], json!([0, 3, 3]));
        let before = all.clone();
        join(&mut all, Value::Null);
        assert_eq!(all, before);
    }
}
