//! The text that the tokens of an output release, and where the output ends.

use crate::detokenize::Detokenizer;
use crate::stop::StopWatch;
use crate::thinking::{Course, Place, Thinking};
use crate::tokenizer::{Tokenizer, TokenizerError};

/// Why an output ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// An end token or a stop string.
    Stop,
    /// As many tokens as were asked for.
    Length,
}

/// What one more token brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Text of the thoughts before the answer, perhaps none.
    pub thought: String,
    /// Text that may be shown, perhaps none.
    pub text: String,
    /// Whether the token is part of the answer: no thought, and no mark of one.
    pub answers: bool,
    /// Whether the output is over.
    pub ended: Option<Ended>,
}

/// An output's text as it grows. Hosts stream it; auditors replay it to learn where the output had to end.
#[derive(Clone, Debug)]
pub struct OutputText {
    detokenizer: Detokenizer,
    watch: StopWatch,
    tokens: u32,
    most: u32,
    /// Special tokens that show as text.
    shown: Vec<u32>,
    /// Where the model thinks before it answers.
    course: Option<Course>,
    reasoning: u32,
}

impl OutputText {
    /// An output that ends at any of `stop`, at an end token, or after `max_tokens`.
    pub fn new(stop: impl IntoIterator<Item = String>, max_tokens: u32) -> Self {
        Self {
            detokenizer: Detokenizer::default(),
            watch: StopWatch::new(stop),
            tokens: 0,
            most: max_tokens,
            shown: Vec::new(),
            course: None,
            reasoning: 0,
        }
    }

    /// The same where thoughts may come before the answer. No stop string is looked for in them.
    #[must_use]
    pub fn thinking(mut self, thinking: Option<&Thinking>) -> Self {
        self.course = thinking.map(Course::new);
        self
    }

    /// Tokens before the answer so far: thoughts and their marks.
    pub fn reasoning(&self) -> u32 {
        self.reasoning
    }

    /// The same where these special tokens show by their names: they divide the text, and no stop string reaches
    /// across one.
    #[must_use]
    pub fn showing(mut self, tokens: &[u32]) -> Self {
        self.shown = tokens.to_vec();
        self
    }

    /// Takes the next token.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn push(&mut self, tokenizer: &Tokenizer, token: u32) -> Result<Piece, TokenizerError> {
        self.tokens = self.tokens.saturating_add(1);
        let end = tokenizer.is_end(token);
        let full = self.tokens >= self.most;
        let place = self
            .course
            .as_mut()
            .map_or(Place::Answer, |course| course.push(token));
        if place != Place::Answer {
            return self.think(tokenizer, token, place, (end, full));
        }
        let shown = !end && self.shown.contains(&token);
        let mut fresh = if end {
            String::new()
        } else if shown {
            self.detokenizer.finish(tokenizer)?
        } else {
            self.detokenizer.push(tokenizer, token)?
        };
        if end || full {
            fresh.push_str(&self.detokenizer.finish(tokenizer)?);
        }
        let released = self.watch.push(&fresh);
        let mut text = released.text;
        if shown && !released.stopped {
            text.push_str(&self.watch.finish());
            text.push_str(&String::from_utf8_lossy(&tokenizer.bytes(token)));
        }
        let ended = if released.stopped || end {
            Some(Ended::Stop)
        } else {
            full.then_some(Ended::Length)
        };
        if ended.is_some() && !released.stopped {
            text.push_str(&self.watch.finish());
        }
        Ok(Piece {
            thought: String::new(),
            text,
            answers: true,
            ended,
        })
    }

    /// Takes a token before the answer.
    fn think(
        &mut self,
        tokenizer: &Tokenizer,
        token: u32,
        place: Place,
        (end, full): (bool, bool),
    ) -> Result<Piece, TokenizerError> {
        self.reasoning = self.reasoning.saturating_add(1);
        let mut thought = match place {
            // What comes after a mark is a text of its own.
            Place::Mark => std::mem::take(&mut self.detokenizer).finish(tokenizer)?,
            _ if end => String::new(),
            _ => self.detokenizer.push(tokenizer, token)?,
        };
        if end || full {
            thought.push_str(&self.detokenizer.finish(tokenizer)?);
        }
        let ended = match end {
            true => Some(Ended::Stop),
            false => full.then_some(Ended::Length),
        };
        Ok(Piece {
            thought,
            text: String::new(),
            answers: false,
            ended,
        })
    }
}
