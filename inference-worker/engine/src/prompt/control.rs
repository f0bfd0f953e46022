//! Control tokens: those that a chat template writes and a user's text must never become.

use super::signs::OPEN;
use crate::tokenizer::{Tokenizer, TokenizerError, encoded, read};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A tokenizer that takes text for a control token only where [`OPEN`] stands before it.
pub(super) struct Control {
    inner: tokenizers::Tokenizer,
    /// Their texts and ids; longer ones first.
    tokens: Vec<(String, u32)>,
    /// Those among them that are words without a sign and that the template does not hold.
    never: BTreeSet<String>,
}

impl Control {
    /// Of a model folder. `written` says whether a chat template holds a text.
    pub(super) fn load(
        folder: &Path,
        tokenizer: &Tokenizer,
        written: impl Fn(&str) -> bool,
    ) -> Result<Self, TokenizerError> {
        let path = folder.join("tokenizer.json");
        let invalid = |reason: &str| TokenizerError::Invalid {
            path: path.clone(),
            reason: reason.to_owned(),
        };
        let bytes = read(&path)?;
        let mut file: Value = serde_json::from_slice(&bytes).map_err(|e| invalid(&e.to_string()))?;
        let unknown = unknown(&file["model"]);
        let tokens: BTreeMap<String, u32> = tokenizer
            .added()
            .filter(|(text, special, _)| *special || is_marked(text) && written(text))
            .filter(|(text, ..)| Some(text) != unknown.as_ref())
            .map(|(text, _, id)| (text, id))
            .collect();
        rename(&mut file, &tokens);
        let bytes = serde_json::to_vec(&file).map_err(|e| invalid(&e.to_string()))?;
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|e| invalid(&e.to_string()))?;
        inner.with_truncation(None).map_err(|e| invalid(&e.to_string()))?;
        inner.with_padding(None);
        for (text, _, id) in tokenizer.added() {
            let name = if tokens.contains_key(&text) {
                format!("{OPEN}{text}")
            } else {
                text
            };
            if inner.token_to_id(&name) != Some(id) {
                return Err(invalid("its control tokens cannot be told from text"));
            }
        }
        let bare = |text: &&String| !text.chars().any(super::signs::is_sign) && !written(text);
        let never = tokens.keys().filter(bare).cloned().collect();
        let mut tokens: Vec<(String, u32)> = tokens.into_iter().collect();
        tokens.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        Ok(Self { inner, tokens, never })
    }

    /// What control tokens are called.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(|(text, _)| text.as_str())
    }

    /// Token ids of a rendered chat in which a user's signs are hidden; `show` brings them back.
    pub(super) fn encode(
        &self,
        rendered: &str,
        show: impl Fn(&str, &mut String),
    ) -> Result<Vec<u32>, TokenizerError> {
        let (mut text, mut marks) = (String::with_capacity(rendered.len()), Vec::new());
        let (mut rest, mut plain) = (rendered, 0);
        while let Some(c) = rest.get(plain..).and_then(|rest| rest.chars().next()) {
            let here = rest.get(plain..).unwrap_or_default();
            let begins = |(token, _): &&(String, u32)| here.starts_with(token) && !self.never.contains(token);
            let Some((token, id)) = self.tokens.iter().find(begins) else {
                plain += c.len_utf8();
                continue;
            };
            show(rest.get(..plain).unwrap_or_default(), &mut text);
            marks.push((text.len(), *id));
            text.push(OPEN);
            text.push_str(token);
            rest = here.get(token.len()..).unwrap_or_default();
            plain = 0;
        }
        show(rest, &mut text);
        encoded(text.len(), || self.encode_marked(text, &marks))
    }

    /// Token ids of a text in which [`OPEN`] stands before control tokens, at these places.
    fn encode_marked(&self, mut text: String, marks: &[(usize, u32)]) -> Result<Vec<u32>, TokenizerError> {
        let encode = |text: &str| {
            let encoding = self.inner.encode(text, false);
            encoding.map_err(|e| TokenizerError::Use(e.to_string()))
        };
        let encoding = encode(&text)?;
        let found: BTreeSet<(u32, usize)> = encoding
            .get_ids()
            .iter()
            .zip(encoding.get_offsets())
            .map(|(id, (_, end))| (*id, *end))
            .collect();
        // A token may be one at certain places only, as where a normalizer writes a blank before a text's beginning.
        let lost = |(at, id): &&(usize, u32)| {
            let width = self.tokens.iter().find(|(_, own)| own == id);
            let end = at + OPEN.len_utf8() + width.map_or(0, |(token, _)| token.len());
            found.range((*id, end)..).next().is_none_or(|(own, _)| own != id)
        };
        let lost: Vec<usize> = marks.iter().filter(lost).map(|(at, _)| *at).collect();
        if lost.is_empty() {
            return Ok(encoding.get_ids().to_vec());
        }
        for at in lost.into_iter().rev() {
            text.remove(at);
        }
        Ok(encode(&text)?.get_ids().to_vec())
    }
}

/// Whether a text is letters between signs, as `<think>` is and a run of blanks or a word is not.
fn is_marked(text: &str) -> bool {
    let sign = |c: Option<char>| c.is_some_and(|c| !c.is_alphanumeric() && !c.is_whitespace());
    sign(text.chars().next()) && sign(text.chars().next_back()) && text.chars().any(char::is_alphanumeric)
}

/// The token of what the vocabulary cannot write. Any text may become it, so it controls nothing.
fn unknown(model: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let by_id = || {
        let id = usize::try_from(model["unk_id"].as_u64()?).ok()?;
        text(&model["vocab"][id][0])
    };
    text(&model["unk_token"]).or_else(by_id)
}

/// Puts [`OPEN`] before the names of control tokens, in the model's own vocabulary too: some models make them of text
/// without the list of added tokens.
fn rename(file: &mut Value, tokens: &BTreeMap<String, u32>) {
    let renamed = |text: &str| Value::String(format!("{OPEN}{text}"));
    for token in file["added_tokens"].as_array_mut().into_iter().flatten() {
        if let Some(text) = token["content"]
            .as_str()
            .filter(|text| tokens.contains_key(*text))
        {
            token["content"] = renamed(text);
        }
    }
    let model = &mut file["model"];
    match &mut model["vocab"] {
        Value::Object(vocabulary) => {
            for text in tokens.keys() {
                if let Some(id) = vocabulary.remove(text) {
                    vocabulary.insert(format!("{OPEN}{text}"), id);
                }
            }
        }
        Value::Array(pieces) => {
            for piece in pieces {
                if let Some(text) = piece[0].as_str().filter(|text| tokens.contains_key(*text)) {
                    piece[0] = renamed(text);
                }
            }
        }
        _ => {}
    }
    if let Some(merges) = model["merges"].as_array_mut() {
        merges.retain(|merge| {
            let (left, right) = match merge {
                Value::Array(pair) => (
                    pair.first().and_then(Value::as_str),
                    pair.get(1).and_then(Value::as_str),
                ),
                other => other.as_str().and_then(|text| text.split_once(' ')).unzip(),
            };
            let (left, right) = (left.unwrap_or_default(), right.unwrap_or_default());
            ![left, right, &format!("{left}{right}")]
                .iter()
                .any(|text| tokens.contains_key(*text))
        });
    }
    // Chats are encoded without what it would add.
    file["post_processor"] = Value::Null;
}
