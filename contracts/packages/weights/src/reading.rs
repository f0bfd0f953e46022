//! From work in sprints to a weight.

use crate::scaled;

/// Readings say work in so many blocks, so that small machines differ.
pub const READING_BLOCKS: u64 = 1_000;

/// Sprints of one kind in one epoch, for one host and model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Work that was committed in them.
    pub work: u64,
    /// Their blocks.
    pub blocks: u64,
}

impl Samples {
    /// Adds a sprint; one without a commit has no work.
    pub fn add(&mut self, work: u64, blocks: u64) {
        self.work = self.work.saturating_add(work);
        self.blocks = self.blocks.saturating_add(blocks);
    }

    /// Mean work in [`READING_BLOCKS`], rounded down; none without blocks.
    pub fn mean(&self) -> Option<u64> {
        (self.blocks > 0).then(|| scaled(self.work, READING_BLOCKS.into(), self.blocks.into()))
    }
}

/// The lower of the window's mean and that of the confirmations, if there were any; nothing without a window.
pub fn reading(window: &Samples, confirmations: &Samples) -> u64 {
    let window = window.mean().unwrap_or(0);
    confirmations.mean().map_or(window, |mean| mean.min(window))
}

/// A reading in the common unit of all models: `coefficient` millionths of it.
pub fn weighed(reading: u64, coefficient: u32) -> u64 {
    scaled(reading, coefficient.into(), 1_000_000)
}
