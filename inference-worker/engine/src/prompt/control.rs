//! Control tokens: those that a chat template writes and a user's text must never become.

use super::signs::OPEN;
use crate::bounded;
use crate::tokenizer::{Tokenizer, TokenizerError, encoded, read};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A tokenizer that takes text for a control token only where [`OPEN`] stands before it.
pub(super) struct Control {
    inner: tokenizers::Tokenizer,
    tokens: Names,
    /// As [`Tokenizer::longest`] has it.
    longest: Option<usize>,
}

/// Texts and ids of control tokens.
struct Names {
    /// All of them; longer ones first.
    all: Vec<(String, u32)>,
    /// Places in `all` by the first byte of the text. Left out is what a rendered chat never holds as one: words without
    /// a sign that are not in the template.
    by_byte: [Vec<usize>; 256],
}

impl Names {
    fn new(tokens: BTreeMap<String, u32>, written: impl Fn(&str) -> bool) -> Self {
        let mut all: Vec<(String, u32)> = tokens.into_iter().collect();
        all.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        let bare = |text: &str| !text.chars().any(super::signs::is_sign) && !written(text);
        let mut by_byte = [const { Vec::new() }; 256];
        for (place, (text, _)) in all.iter().enumerate() {
            if let Some(first) = text.bytes().next().filter(|_| !bare(text)) {
                by_byte[usize::from(first)].push(place);
            }
        }
        Self { all, by_byte }
    }

    /// Where the first of them begins in a text, and which it is: the longest there.
    fn first<'a>(&'a self, text: &str) -> Option<(usize, &'a str, u32)> {
        let found = |(at, byte): (usize, u8)| {
            let names = self
                .by_byte
                .get(usize::from(byte))
                .filter(|names| !names.is_empty())?;
            // No token begins in the middle of a character.
            let here = text.get(at..)?;
            let names = names.iter().filter_map(|place| self.all.get(*place));
            let (name, id) = names.into_iter().find(|(name, _)| here.starts_with(name))?;
            Some((at, name.as_str(), *id))
        };
        text.bytes().enumerate().find_map(found)
    }
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
        let tokens = Names::new(tokens, written);
        let longest = tokenizer.longest();
        Ok(Self {
            inner,
            tokens,
            longest,
        })
    }

    /// What control tokens are called.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tokens.all.iter().map(|(text, _)| text.as_str())
    }

    /// Token ids of a rendered chat in which a user's signs are hidden; `show` brings them back. More than `most` are refused
    /// as by [`Tokenizer::encode_within`].
    pub(super) fn encode(
        &self,
        rendered: &str,
        most: usize,
        show: impl Fn(&str, &mut String),
    ) -> Result<Vec<u32>, TokenizerError> {
        let (mut text, mut marks) = (String::with_capacity(rendered.len()), Vec::new());
        let mut rest = rendered;
        while let Some((at, token, id)) = self.tokens.first(rest) {
            show(rest.get(..at).unwrap_or_default(), &mut text);
            marks.push((text.len(), id));
            text.push(OPEN);
            text.push_str(token);
            rest = rest.get(at + token.len()..).unwrap_or_default();
        }
        show(rest, &mut text);
        encoded(text.len(), || {
            // The signs before control tokens are of no token.
            let longest = self.longest.map(|longest| longest + OPEN.len_utf8());
            bounded::check(&text, longest, most, |piece| {
                let encoding = self.inner.encode_fast(piece, false);
                encoding
                    .map(|encoding| encoding.len())
                    .map_err(|e| TokenizerError::Use(e.to_string()))
            })?;
            self.encode_marked(text, &marks)
        })
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
            let width = self.tokens.all.iter().find(|(_, own)| own == id);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn names(count: u32) -> Names {
        let name = |id: u32| (format!("<|reserved_{id}|>"), id);
        Names::new((0..count).map(name).collect(), |_| true)
    }

    #[test]
    fn the_longest_name_is_found_where_the_first_begins() {
        let tokens = [("<a>", 1), ("<a><b>", 2), ("é<", 3), ("word", 4), ("other", 5)];
        let tokens = tokens.into_iter().map(|(text, id)| (text.to_owned(), id));
        let names = Names::new(tokens.collect(), |text| text == "word");
        assert_eq!(names.first("日本 <a> <a><b>"), Some((7, "<a>", 1)));
        assert_eq!(names.first("<a><b><a>"), Some((0, "<a><b>", 2)));
        assert_eq!(names.first("è é<"), Some((3, "é<", 3)));
        // A word that the template does not hold is the user's.
        assert_eq!(names.first("an other word"), Some((9, "word", 4)));
        assert_eq!(names.first("<a"), None);
    }

    #[test]
    fn a_long_text_is_not_compared_with_every_name_at_every_character() {
        let text = "It is so, and so on: 1 + 1 = 2. ".repeat(10_000);
        let time = |names: Names| {
            let run = || {
                let begun = Instant::now();
                assert_eq!(names.first(&text), None);
                begun.elapsed()
            };
            (0..3).map(|_| run()).min().unwrap_or(Duration::MAX)
        };
        let (few, many) = (time(names(1)), time(names(512)));
        assert!(many < 20 * few, "{many:?} with 512 names, {few:?} with one");
    }
}
