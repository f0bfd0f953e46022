//! What keeps a user's text apart from a template's own while both are rendered into one.

use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Stands before each control token that a template wrote.
pub(crate) const OPEN: char = '\u{fdd0}';
/// Parts a user's word from what a template puts beside it; it is no part of any text.
const BREAK: char = '\u{fdd1}';
/// Roles that requests may name: templates make control tokens of them.
const ROLES: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];

/// Signs of which control tokens are made, each with the noncharacter that stands for it in a user's text.
///
/// A template that works on text by character cannot tell the difference: there are as many, none is a blank or a
/// letter, and JSON escapes neither.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signs {
    pairs: Vec<(char, char)>,
    /// The letters between the signs, of which a template could make a control token with signs of its own.
    words: BTreeSet<String>,
    /// Control tokens without a sign.
    bare: Vec<String>,
}

/// Whether a character of a control token is a sign. Quotes are none: JSON and Python escape them. Nor are `_` and `-`, which
/// names hold that templates look up.
pub(super) fn is_sign(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '"' | '\'' | '\\' | '_' | '-')
}

/// How minijinja writes a noncharacter of a text within a list.
fn escaped(c: char) -> String {
    c.escape_debug().collect()
}

impl Signs {
    /// Of these control tokens, where a template itself reads the words `known`.
    pub(crate) fn of<'a>(control: impl Iterator<Item = &'a str>, known: &BTreeSet<String>) -> Self {
        let (mut signs, mut all) = (BTreeSet::new(), Self::default());
        for token in control {
            if !token.chars().any(is_sign) {
                all.bare.push(token.to_owned());
                continue;
            }
            signs.extend(token.chars().filter(|c| is_sign(*c)));
            let words = token.split(is_sign).map(|word| word.trim().to_lowercase());
            all.words.extend(words.filter(|word| !word.is_empty()));
        }
        all.words.retain(|word| !known.contains(word));
        // Of the 32 signs of ASCII five are none here.
        all.pairs = signs.into_iter().zip('\u{fdd2}'..='\u{fdef}').collect();
        all
    }

    fn hidden(&self, c: char) -> char {
        let pair = self.pairs.iter().find(|(sign, _)| *sign == c);
        pair.map_or(c, |(_, hidden)| *hidden)
    }

    /// The character that this one stands for; none for one that parts words.
    fn shown(&self, c: char) -> Option<char> {
        if c == BREAK {
            return None;
        }
        let pair = self.pairs.iter().find(|(_, hidden)| *hidden == c);
        Some(pair.map_or(c, |(sign, _)| *sign))
    }

    /// Whether text has signs.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        text.chars()
            .any(|c| self.pairs.iter().any(|(sign, _)| *sign == c))
    }

    /// Whether this text of a user could become a control token, or a part of one.
    fn concern(&self, text: &str) -> bool {
        self.are_in(text) || self.is_part(text) || self.bare.iter().any(|token| text.contains(token))
    }

    fn is_part(&self, text: &str) -> bool {
        let text = text.trim();
        self.words.contains(text) || self.words.contains(&text.to_lowercase())
    }

    /// Whether any text within a user's value could.
    pub(crate) fn concern_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.concern(text),
            Value::Array(items) => items.iter().any(|item| self.concern_value(item)),
            Value::Object(fields) => fields
                .iter()
                .any(|(key, value)| self.concern(key) || !is_role(key, value) && self.concern_value(value)),
            _ => false,
        }
    }

    /// A user's text with its signs hidden.
    ///
    /// # Errors
    /// A noncharacter of the text that stands for something else here.
    pub(crate) fn hide(&self, text: &str) -> Result<String, char> {
        let own = |c: char| c == OPEN || self.shown(c) != Some(c);
        if let Some(c) = text.chars().find(|c| own(*c)) {
            return Err(c);
        }
        if let Some(c) = self.escapes(text) {
            return Err(c);
        }
        let mut out: String = text.chars().map(|c| self.hidden(c)).collect();
        for token in &self.bare {
            let mut letters = token.chars();
            let first: String = letters.by_ref().take(1).collect();
            out = out.replace(token, &format!("{first}{BREAK}{}", letters.as_str()));
        }
        if self.is_part(text) {
            out.insert(text.len() - text.trim_start().len(), BREAK);
        }
        Ok(out)
    }

    /// A user's value with the signs of all its texts hidden.
    ///
    /// # Errors
    /// As [`Signs::hide`].
    pub(crate) fn hide_value(&self, value: &Value) -> Result<Value, char> {
        Ok(match value {
            Value::String(text) => Value::String(self.hide(text)?),
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.hide_value(item))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(fields) => Value::Object(self.hide_fields(fields)?),
            other => other.clone(),
        })
    }

    /// The same of an object's fields, their names included.
    ///
    /// # Errors
    /// As [`Signs::hide`].
    pub(crate) fn hide_fields(&self, fields: &Map<String, Value>) -> Result<Map<String, Value>, char> {
        let mut hidden = Map::new();
        for (key, value) in fields {
            let value = if is_role(key, value) {
                value.clone()
            } else {
                self.hide_value(value)?
            };
            hidden.insert(self.hide(key)?, value);
        }
        Ok(hidden)
    }

    /// Text as it was before any of it was hidden.
    pub(crate) fn show<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if text.chars().all(|c| self.shown(c) == Some(c)) && self.escapes(text).is_none() {
            return Cow::Borrowed(text);
        }
        let mut shown: String = text.chars().filter_map(|c| self.shown(c)).collect();
        while let Some(c) = self.escapes(&shown) {
            shown = shown.replace(&escaped(c), &self.shown(c).map_or(String::new(), String::from));
        }
        shown.into()
    }

    /// A noncharacter of these that a text holds as an escape.
    fn escapes(&self, text: &str) -> Option<char> {
        let mut own = self.pairs.iter().map(|(_, hidden)| *hidden).chain([BREAK]);
        own.find(|c| text.contains("\\u{fd") && text.contains(&escaped(*c)))
    }

    /// The same, with the place in `text` of each byte of it and of its end.
    pub(crate) fn show_places(&self, text: &str) -> (String, Vec<usize>) {
        let (mut shown, mut places) = (String::new(), Vec::new());
        for (at, c) in text.char_indices() {
            if let Some(c) = self.shown(c) {
                shown.push(c);
                places.resize(shown.len(), at);
            }
        }
        places.push(text.len());
        (shown, places)
    }
}

/// Whether a field says who speaks: not a user's text, and templates make control tokens of it.
fn is_role(key: &str, value: &Value) -> bool {
    key == "role" && value.as_str().is_some_and(|role| ROLES.contains(&role))
}
