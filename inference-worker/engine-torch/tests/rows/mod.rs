//! What tests of the bits of rows share.

use quern_engine::Engine;
use quern_engine_torch::{LlamaEngine, LoadOptions};
use std::path::Path;

/// The packaged model.
pub fn engine(slots: usize, cache_tokens: Option<usize>) -> LlamaEngine {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
    let options = LoadOptions {
        slots,
        cache_tokens,
        ..LoadOptions::default()
    };
    LlamaEngine::load(&folder, &options).unwrap()
}

/// A small generator of numbers; the same seed repeats.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    pub fn prompt(&mut self, length: usize) -> Vec<u32> {
        (0..length).map(|_| 3 + self.below(2000) as u32).collect()
    }
}

pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

pub fn argmax(row: &[f32]) -> u32 {
    let best = |best: usize, i: usize| if row[i] > row[best] { i } else { best };
    (0..row.len()).fold(0, best) as u32
}

/// Greedy output of so many tokens and the bits of all rows that it was drawn from, token by token and without any cache.
pub fn alone(engine: &mut LlamaEngine, prompt: &[u32], tokens: usize) -> (Vec<u32>, Vec<Vec<u32>>) {
    let slot = engine.open().unwrap();
    let mut row = engine.prefill(slot, prompt).unwrap().values;
    let (mut output, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..tokens {
        rows.push(bits(&row));
        output.push(argmax(&row));
        row = engine.decode(&[(slot, *output.last().unwrap())]).unwrap().values;
    }
    engine.close(slot);
    (output, rows)
}
