//! An engine for tests that notes which requests each step computed. It runs on the test's own thread, so that a test
//! counts steps and no time.

use super::*;
use quern_engine::{Opening, Room};

/// Every row has this token far ahead, so that drafts of it are right.
pub(crate) const ALWAYS: u32 = 300;
const VOCAB: usize = 2048;

/// What a step computed of a request: the first token of its prompt, which names it, tokens and drafts.
pub(crate) type Row = (u32, usize, usize);

pub(crate) struct Traced<'a> {
    slots: Vec<Option<(u32, usize)>>,
    room: usize,
    pub(crate) draft_rows: usize,
    /// Names in the order in which they got slots.
    pub(crate) begun: Vec<u32>,
    pub(crate) steps: Vec<Vec<Row>>,
    /// Called in every step with its number, from 0.
    during: Box<dyn FnMut(usize) + 'a>,
}

impl<'a> Traced<'a> {
    pub(crate) fn new(slots: usize, room: usize, during: impl FnMut(usize) + 'a) -> Self {
        Self {
            slots: vec![None; slots],
            room,
            draft_rows: 0,
            begun: Vec::new(),
            steps: Vec::new(),
            during: Box::new(during),
        }
    }

    /// Steps that computed something of a request.
    pub(crate) fn steps_of(&self, name: u32) -> Vec<usize> {
        let has = |step: &usize| self.steps[*step].iter().any(|row| row.0 == name);
        (0..self.steps.len()).filter(has).collect()
    }

    fn free(&self) -> usize {
        self.room
            - self
                .slots
                .iter()
                .flatten()
                .map(|(_, tokens)| tokens)
                .sum::<usize>()
    }
}

impl Engine for Traced<'_> {
    fn context(&self) -> usize {
        1 << 16
    }
    fn slots(&self) -> usize {
        self.slots.len()
    }
    fn open(&mut self) -> Result<Slot, EngineError> {
        Err(EngineError::Request("not needed"))
    }
    fn begin(&mut self, opening: &Opening<'_>) -> Result<(Slot, usize), EngineError> {
        let (asked, free) = (opening.tokens, self.free());
        let slot = self.slots.iter().position(Option::is_none);
        let slot = slot.ok_or(EngineError::NoSlot(self.slots.len()))?;
        if asked > free {
            return Err(EngineError::NoRoom { asked, free });
        }
        self.slots[slot] = Some((opening.prompt[0], asked));
        self.begun.push(opening.prompt[0]);
        Ok((Slot(slot), 0))
    }
    fn room(&self) -> Option<Room> {
        let (tokens, free) = (self.room, self.free());
        Some(Room { tokens, free })
    }
    fn close(&mut self, slot: Slot) {
        self.slots[slot.0] = None;
    }
    fn prefill(&mut self, _: Slot, _: &[u32]) -> Result<Logits, EngineError> {
        Err(EngineError::Request("not needed"))
    }
    fn decode(&mut self, _: &[(Slot, u32)]) -> Result<Logits, EngineError> {
        Err(EngineError::Request("not needed"))
    }
    fn draft_rows(&self) -> usize {
        self.draft_rows
    }
    fn try_drafts(&mut self, batch: &[Part<'_>]) -> Result<Logits, EngineError> {
        (self.during)(self.steps.len());
        let row = |part: &Part<'_>| {
            (
                self.slots[part.slot.0].unwrap().0,
                part.tokens.len(),
                part.drafts.len(),
            )
        };
        self.steps.push(batch.iter().map(row).collect());
        let mut one = vec![0.0; VOCAB];
        one[ALWAYS as usize] = 50.0;
        let rows = batch.iter().map(|part| 1 + part.drafts.len()).sum();
        Ok(Logits {
            values: one.repeat(rows),
            vocab: VOCAB,
        })
    }
    fn keep(&mut self, _: Slot, _: usize) -> Result<(), EngineError> {
        Ok(())
    }
    fn score(&mut self, _: &[u32]) -> Result<Logits, EngineError> {
        Err(EngineError::Request("not needed"))
    }
}
