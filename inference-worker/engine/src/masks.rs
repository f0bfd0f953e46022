//! The tokens that an output may go on with: thoughts first, where the model thinks, and then what its grammar permits.
//!
//! Masks are a function of the request, the prompt and the tokens so far. So an auditor rebuilds a host's, the forced end
//! of thoughts that used up their budget among them: it is a mask of one token.

use crate::grammar::{Grammar, GrammarError, GrammarState};
use crate::sampler::TokenMask;
use crate::thinking::{Course, Place, Stage, Thinking};

/// Where an output stands in what it is held to.
#[derive(Debug)]
pub struct Masks {
    thoughts: Option<(Thinking, Course)>,
    /// What thoughts may go on with, once it was asked for: every token but those that end the output.
    free: Option<TokenMask>,
    grammar: Option<GrammarState>,
}

impl Masks {
    /// The beginning of an output whose answer is held to a grammar, if to any. Thoughts without one and without a budget
    /// are free.
    pub fn new(thinking: Option<&Thinking>, grammar: Option<&Grammar>) -> Self {
        let bound = |thinking: &&Thinking| {
            thinking.start != Stage::Answer && (grammar.is_some() || thinking.budget.is_some())
        };
        let thoughts = thinking.filter(bound);
        Self {
            thoughts: thoughts.map(|thinking| (thinking.clone(), Course::new(thinking))),
            free: None,
            grammar: grammar.map(Grammar::start),
        }
    }

    /// The tokens of `all`, which are always the same, that may come next, or none where it is all of them. While the model thinks these are all that
    /// do not end the output, and once its budget is used the end of the thoughts alone.
    ///
    /// # Errors
    /// [`GrammarError::Step`].
    pub fn mask(&mut self, all: &TokenMask) -> Result<Option<TokenMask>, GrammarError> {
        let Some((thinking, course)) = &self.thoughts else {
            return self.grammar.as_mut().map(GrammarState::mask).transpose();
        };
        let (open, close) = (thinking.marks.open, thinking.marks.close);
        let spent = is_spent(thinking, course);
        match course.stage() {
            Stage::Thoughts if spent => Ok(Some(std::iter::once(close).collect())),
            Stage::Thoughts => {
                let rest = || all.iter().filter(|id| !thinking.ends.contains(id)).collect();
                Ok(Some(self.free.get_or_insert_with(rest).clone()))
            }
            Stage::Answer => self.grammar.as_mut().map(GrammarState::mask).transpose(),
            Stage::Undecided => {
                let mask = self.grammar.as_mut().map(GrammarState::mask).transpose()?;
                Ok(match (mask, spent) {
                    (None, false) => None,
                    (None, true) => Some(all.iter().filter(|id| *id != open).collect()),
                    (Some(mask), true) => Some(mask.iter().filter(|id| *id != open).collect()),
                    (Some(mask), false) => Some(mask.iter().chain([open]).collect()),
                })
            }
        }
    }

    /// Takes a token of the last mask.
    ///
    /// # Errors
    /// [`GrammarError::Step`], also for a token that was not in the mask.
    pub fn push(&mut self, token: u32) -> Result<(), GrammarError> {
        if let Some((thinking, course)) = &mut self.thoughts {
            let spent = is_spent(thinking, course);
            let permitted = match course.stage() {
                Stage::Thoughts if spent => token == thinking.marks.close,
                Stage::Thoughts => !thinking.ends.contains(&token),
                Stage::Undecided => !spent || token != thinking.marks.open,
                Stage::Answer => true,
            };
            if !permitted {
                let words = "the thoughts cannot go on so";
                return Err(GrammarError::Step(words.into()));
            }
            if course.push(token) != Place::Answer {
                return Ok(());
            }
        }
        match &mut self.grammar {
            Some(grammar) => grammar.push(token),
            None => Ok(()),
        }
    }
}

fn is_spent(thinking: &Thinking, course: &Course) -> bool {
    thinking.budget.is_some_and(|most| course.thought() >= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thinking::Marks;
    use std::time::Instant;

    #[test]
    fn the_mask_of_thoughts_is_made_once() {
        let all = TokenMask::first(1_000_000);
        let thinking = Thinking {
            marks: Marks { open: 1, close: 2 },
            ends: vec![3, 4],
            start: Stage::Thoughts,
            budget: Some(1_000),
        };
        let mut masks = Masks::new(Some(&thinking), None);
        let begun = Instant::now();
        let first = masks.mask(&all).unwrap().unwrap();
        let once = begun.elapsed();
        assert!(first.len() == 999_998 && !first.contains(3) && !first.contains(4) && first.contains(2));
        let begun = Instant::now();
        for token in 100..200 {
            masks.push(token).unwrap();
            assert_eq!(masks.mask(&all).unwrap().as_ref(), Some(&first));
        }
        let more = begun.elapsed();
        assert!(more < 20 * once, "{more:?} for a hundred, {once:?} for the first");
    }
}
