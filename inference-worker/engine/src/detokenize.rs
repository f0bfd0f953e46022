//! Text of a growing list of tokens, released only where it can no longer change.

use crate::tokenizer::{Tokenizer, TokenizerError};

/// Streams text out of tokens: a character whose bytes are spread over tokens waits for the last of them, and
/// decoders that look at neighbours (spaces, byte fallback) always see some.
#[derive(Clone, Debug, Default)]
pub struct Detokenizer {
    tokens: Vec<u32>,
    /// Tokens before this index are only context.
    context: usize,
    /// Text of tokens before this index is out.
    shown: usize,
}

impl Detokenizer {
    /// Takes the next token and returns the text that it completes, perhaps none.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn push(&mut self, tokenizer: &Tokenizer, token: u32) -> Result<String, TokenizerError> {
        self.tokens.push(token);
        let (before, now) = self.texts(tokenizer)?;
        if now.len() <= before.len() || now.ends_with('\u{FFFD}') {
            return Ok(String::new());
        }
        self.context = self.shown;
        self.shown = self.tokens.len();
        Ok(now.get(before.len()..).unwrap_or_default().to_owned())
    }

    /// Text of tokens still waiting when the output ends; incomplete characters come out as U+FFFD.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn finish(&mut self, tokenizer: &Tokenizer) -> Result<String, TokenizerError> {
        let (before, now) = self.texts(tokenizer)?;
        self.context = self.shown;
        self.shown = self.tokens.len();
        Ok(now.get(before.len()..).unwrap_or_default().to_owned())
    }

    fn texts(&self, tokenizer: &Tokenizer) -> Result<(String, String), TokenizerError> {
        let before = tokenizer.decode(&self.tokens[self.context..self.shown])?;
        Ok((before, tokenizer.decode(&self.tokens[self.context..])?))
    }
}
