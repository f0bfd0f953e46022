//! An engine for tests: what it answers follows from the whole sequence.

use quern_engine::{Engine, EngineError, Logits, Opening, Room, Slot};
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
    Extend(usize, usize),
}

/// Logits follow from the whole sequence, so that an output tells whether its slot held the right one.
pub(crate) struct Hashing {
    slots: Vec<Option<Vec<u32>>>,
    /// Tokens of the whole cache, and those that each slot was promised.
    room: usize,
    promised: Vec<usize>,
    pause: Duration,
    did: Arc<Mutex<Vec<Did>>>,
}

impl Hashing {
    pub(crate) fn new(slots: usize, pause: Duration, did: Arc<Mutex<Vec<Did>>>) -> Self {
        Self {
            slots: vec![None; slots],
            room: usize::MAX,
            promised: vec![0; slots],
            pause,
            did,
        }
    }

    /// With a cache of so many tokens.
    pub(crate) fn with_room(self, room: usize) -> Self {
        Self { room, ..self }
    }

    fn free(&self) -> usize {
        self.room - self.promised.iter().sum::<usize>()
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
    fn begin(&mut self, opening: &Opening<'_>) -> Result<(Slot, usize), EngineError> {
        let (asked, free) = (opening.tokens, self.free());
        if asked > free {
            return Err(EngineError::NoRoom { asked, free });
        }
        let slot = self.open()?;
        self.promised[slot.0] = asked;
        Ok((slot, 0))
    }
    fn room(&self) -> Option<Room> {
        let (tokens, free) = (self.room, self.free());
        Some(Room { tokens, free })
    }
    fn close(&mut self, slot: Slot) {
        self.promised[slot.0] = 0;
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
    fn extend(&mut self, slot: Slot, tokens: &[u32]) -> Result<Logits, EngineError> {
        std::thread::sleep(self.pause);
        self.did.lock().unwrap().push(Did::Extend(slot.0, tokens.len()));
        let mut values = Vec::new();
        for token in tokens {
            self.slots[slot.0].as_mut().unwrap().push(*token);
            values.extend(self.row(slot));
        }
        Ok(Logits { values, vocab: VOCAB })
    }
    fn score(&mut self, _: &[u32]) -> Result<Logits, EngineError> {
        Err(EngineError::Request("not needed"))
    }
}
