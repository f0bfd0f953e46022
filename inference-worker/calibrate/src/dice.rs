//! Choices that follow from a run's seed and a number alone, so that any leaf can be made again by itself.

use quern_engine::sampler::philox4x32_10;

/// Counter word that keeps these choices apart from a sampler's noise.
const DOMAIN: u32 = 0x6361_6C69;

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Dice {
    key: [u32; 2],
    stream: [u32; 2],
    drawn: u32,
}

impl Dice {
    /// Stream number `stream` of a run.
    pub fn new(seed: u64, stream: u64) -> Self {
        let words = |n: u64| [n as u32, (n >> 32) as u32];
        Self {
            key: words(seed),
            stream: words(stream),
            drawn: 0,
        }
    }

    /// 32 random bits.
    pub fn word(&mut self) -> u32 {
        let block = philox4x32_10(
            [self.drawn >> 2, self.stream[0], self.stream[1], DOMAIN],
            self.key,
        );
        let word = block[(self.drawn & 3) as usize];
        self.drawn += 1;
        word
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.word()) * bound as u64) >> 32) as usize
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// One of several values in proportion to their weights.
    pub fn pick<T: Copy>(&mut self, values: &[(T, usize)], otherwise: T) -> T {
        let mut place = self.below(values.iter().map(|(_, weight)| weight).sum());
        for (value, weight) in values {
            if place < *weight {
                return *value;
            }
            place -= weight;
        }
        otherwise
    }
}
