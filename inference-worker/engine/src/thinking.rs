//! Models that think before they answer: between which tokens, and where an output stands.
//!
//! What is thought follows from the prompt's end and the tokens alone, so an auditor divides an output as its host did.

use crate::chat::ChatTemplate;
use crate::tokenizer::Tokenizer;

/// The tokens between which a model thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Before the thoughts.
    pub open: u32,
    /// Behind them.
    pub close: u32,
}

/// Where an output stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before the first token, which may begin the thoughts or the answer.
    Undecided,
    /// In the thoughts.
    Thoughts,
    /// In the answer.
    Answer,
}

/// How an output's thoughts begin, and where they have to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thinking {
    /// The model's.
    pub marks: Marks,
    /// Tokens that end an output.
    pub ends: Vec<u32>,
    /// Where the prompt leaves the output.
    pub start: Stage,
    /// Most tokens of thought. The token after them is the one that ends the thoughts; with none they do not begin.
    pub budget: Option<u32>,
}

/// What a token is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A mark before or behind the thoughts.
    Mark,
    /// The thoughts.
    Thoughts,
    /// The answer.
    Answer,
}

impl Marks {
    /// Those of a model that was taught to think: its vocabulary has `<think>` and `</think>` as tokens of their own, and
    /// its chat template speaks of one of them. A vocabulary alone says little, as families share theirs.
    pub fn of(tokenizer: &Tokenizer, chat: &ChatTemplate) -> Option<Self> {
        let (open, close) = ("<think>", "</think>");
        let taught = [false, true].iter().any(|tools| {
            [open, close]
                .iter()
                .any(|mark| chat.source(*tools).contains(mark))
        });
        let mark = |name| tokenizer.added_token(name).filter(|id| !tokenizer.is_end(*id));
        let (open, close) = (mark(open)?, mark(close)?);
        taught.then_some(Self { open, close })
    }

    /// Where a prompt leaves the output, by the mark that stands last in it with nothing but blanks behind.
    pub fn start(self, prompt: &[u32], tokenizer: &Tokenizer) -> Stage {
        let blank = |id: u32| tokenizer.bytes(id).iter().all(u8::is_ascii_whitespace);
        let mark = |id: &&u32| **id == self.open || **id == self.close || !blank(**id);
        match prompt.iter().rev().find(mark) {
            Some(id) if *id == self.open => Stage::Thoughts,
            Some(id) if *id == self.close => Stage::Answer,
            _ => Stage::Undecided,
        }
    }
}

impl Thinking {
    /// Of an output to this prompt.
    pub fn new(marks: Marks, prompt: &[u32], budget: Option<u32>, tokenizer: &Tokenizer) -> Self {
        let ends = tokenizer.tokens().iter().filter(|id| tokenizer.is_end(*id));
        Self {
            marks,
            ends: ends.collect(),
            start: marks.start(prompt, tokenizer),
            budget,
        }
    }
}

/// Follows an output through its thoughts to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    marks: Marks,
    stage: Stage,
    thought: u32,
}

impl Course {
    /// Before the first token.
    pub fn new(thinking: &Thinking) -> Self {
        Self {
            marks: thinking.marks,
            stage: thinking.start,
            thought: 0,
        }
    }

    /// Where the output stands.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Tokens of thought so far, without the marks.
    pub fn thought(&self) -> u32 {
        self.thought
    }

    /// Takes the next token, and says what it is part of.
    pub fn push(&mut self, token: u32) -> Place {
        match self.stage {
            Stage::Undecided if token == self.marks.open => {
                self.stage = Stage::Thoughts;
                Place::Mark
            }
            Stage::Thoughts if token == self.marks.close => {
                self.stage = Stage::Answer;
                Place::Mark
            }
            Stage::Thoughts => {
                self.thought = self.thought.saturating_add(1);
                Place::Thoughts
            }
            Stage::Undecided | Stage::Answer => {
                self.stage = Stage::Answer;
                Place::Answer
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { open: 1, close: 2 };

    fn places(start: Stage, tokens: &[u32]) -> (Vec<Place>, u32) {
        let mut course = Course::new(&Thinking {
            marks: MARKS,
            ends: Vec::new(),
            start,
            budget: None,
        });
        let places = tokens.iter().map(|token| course.push(*token)).collect();
        (places, course.thought())
    }

    #[test]
    fn thoughts_begin_with_the_prompt_or_the_first_token_and_end_once() {
        use Place::{Answer, Mark, Thoughts};
        assert_eq!(
            places(Stage::Thoughts, &[7, 2, 7, 2, 1]),
            (vec![Thoughts, Mark, Answer, Answer, Answer], 1)
        );
        assert_eq!(
            places(Stage::Undecided, &[1, 1, 2, 7]),
            (vec![Mark, Thoughts, Mark, Answer], 1)
        );
        // A model that begins with anything else answers at once.
        assert_eq!(
            places(Stage::Undecided, &[7, 1, 7]),
            (vec![Answer, Answer, Answer], 0)
        );
        assert_eq!(places(Stage::Answer, &[1, 7]), (vec![Answer, Answer], 0));
    }
}
