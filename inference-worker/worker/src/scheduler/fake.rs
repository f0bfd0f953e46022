//! An engine for tests: what it answers follows from the whole sequence.

use quern_engine::{Engine, EngineError, Logits, Slot};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const VOCAB: usize = 1024;
/// Ends a request's output.
pub(crate) const END: u32 = 2;

/// What a step did: slots that decoded, or the slot that was prefilled.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Did {
    Prefill(usize, usize),
    Decode(Vec<usize>),
}

/// Logits follow from the whole sequence, so that an output tells whether its slot held the right one.
pub(crate) struct Hashing {
    slots: Vec<Option<Vec<u32>>>,
    pause: Duration,
    did: Arc<Mutex<Vec<Did>>>,
}

impl Hashing {
    pub(crate) fn new(slots: usize, pause: Duration, did: Arc<Mutex<Vec<Did>>>) -> Self {
        Self {
            slots: vec![None; slots],
            pause,
            did,
        }
    }

    fn row(&self, slot: Slot) -> Vec<f32> {
        let tokens = self.slots[slot.0].as_ref().unwrap();
        let hash = tokens.iter().fold(7_u32, |hash, id| {
            hash.wrapping_mul(0x01000193) ^ id.wrapping_add(1)
        });
        // Two ids share the chance, and every third token would end a request.
        let mut row = vec![-50.0; VOCAB];
        row[300 + (hash >> 8) as usize % 200] = 5.0;
        row[500 + (hash >> 16) as usize % 200] = 5.0;
        if hash.is_multiple_of(3) {
            row[END as usize] = 9.0;
        }
        row
    }
}

impl Engine for Hashing {
    fn context(&self) -> usize {
        4096
    }
    fn slots(&self) -> usize {
        self.slots.len()
    }
    fn open(&mut self) -> Result<Slot, EngineError> {
        let free = self.slots.iter().position(Option::is_none);
        let free = free.ok_or(EngineError::NoSlot(self.slots.len()))?;
        self.slots[free] = Some(Vec::new());
        Ok(Slot(free))
    }
    fn close(&mut self, slot: Slot) {
        self.slots[slot.0] = None;
    }
    fn prefill(&mut self, slot: Slot, tokens: &[u32]) -> Result<Logits, EngineError> {
        self.did.lock().unwrap().push(Did::Prefill(slot.0, tokens.len()));
        self.slots[slot.0].as_mut().unwrap().extend(tokens);
        let values = self.row(slot);
        Ok(Logits { values, vocab: VOCAB })
    }
    fn decode(&mut self, batch: &[(Slot, u32)]) -> Result<Logits, EngineError> {
        std::thread::sleep(self.pause);
        let slots = batch.iter().map(|(slot, _)| slot.0).collect();
        self.did.lock().unwrap().push(Did::Decode(slots));
        let mut values = Vec::new();
        for (slot, token) in batch {
            self.slots[slot.0].as_mut().unwrap().push(*token);
            values.extend(self.row(*slot));
        }
        Ok(Logits { values, vocab: VOCAB })
    }
    fn extend(&mut self, _: Slot, _: &[u32]) -> Result<Logits, EngineError> {
        Err(EngineError::Request("not needed"))
    }
    fn score(&mut self, _: &[u32]) -> Result<Logits, EngineError> {
        Err(EngineError::Request("not needed"))
    }
}
