//! An engine whose arithmetic is given.

use quern_engine::{Engine, EngineError, Logits, Opening, Slot};
use std::time::Duration;

const VOCAB: usize = 1024;
/// The first two tokens of a prompt that begins with this one are always cached.
pub(super) const CACHED: u32 = 399;

/// Prefers one letter after another, and takes a little time for each.
pub(super) struct Letters {
    pub(super) taken: Vec<Option<usize>>,
    pub(super) pause: Duration,
    /// The first letter.
    pub(super) first: usize,
}

impl Letters {
    fn logits(&self, slots: &[Slot]) -> Logits {
        let mut values = vec![0.0; VOCAB * slots.len()];
        for (row, slot) in slots.iter().enumerate() {
            let length = self.taken[slot.0].unwrap_or(0);
            values[row * VOCAB + self.first + length % 40] = 50.0;
        }
        Logits { values, vocab: VOCAB }
    }
}

impl Engine for Letters {
    fn context(&self) -> usize {
        2048
    }
    fn slots(&self) -> usize {
        self.taken.len()
    }
    fn open(&mut self) -> Result<Slot, EngineError> {
        let free = self.taken.iter().position(Option::is_none).unwrap();
        self.taken[free] = Some(0);
        Ok(Slot(free))
    }
    fn begin(&mut self, opening: &Opening<'_>) -> Result<(Slot, usize), EngineError> {
        let slot = self.open()?;
        let cached = if opening.prompt.first() == Some(&CACHED) {
            2
        } else {
            0
        };
        self.taken[slot.0] = Some(cached);
        Ok((slot, cached))
    }
    fn close(&mut self, slot: Slot) {
        self.taken[slot.0] = None;
    }
    fn prefill(&mut self, slot: Slot, tokens: &[u32]) -> Result<Logits, EngineError> {
        *self.taken[slot.0].as_mut().unwrap() += tokens.len();
        Ok(self.logits(&[slot]))
    }
    fn decode(&mut self, batch: &[(Slot, u32)]) -> Result<Logits, EngineError> {
        std::thread::sleep(self.pause);
        let slots: Vec<Slot> = batch.iter().map(|(slot, _)| *slot).collect();
        for slot in &slots {
            *self.taken[slot.0].as_mut().unwrap() += 1;
        }
        Ok(self.logits(&slots))
    }
    fn score(&mut self, _: &[u32]) -> Result<Logits, EngineError> {
        Err(EngineError::Request("not needed"))
    }
}
