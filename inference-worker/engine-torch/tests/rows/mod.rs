//! What tests of the bits of rows share.

#![allow(dead_code, reason = "each test file uses a part")]

use quern_engine::{Engine, Opening, Slot};
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
        self.tokens(length, 2003)
    }

    /// Ids from 3 up to `below`.
    pub fn tokens(&mut self, length: usize, below: usize) -> Vec<u32> {
        (0..length).map(|_| 3 + self.below(below - 3) as u32).collect()
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

/// Other requests beside one.
pub struct Company {
    /// Ids are below it.
    pub ids: usize,
    /// Tokens of a sequence; the context has room for 61 more.
    pub longest: usize,
    /// Tokens of the one's output.
    pub output: usize,
}

impl Company {
    /// Runs one request so often, each time in other pieces beside others that come and go. Every row of logits has the
    /// bits that it has alone; the answer is how many distinct outputs there were.
    pub fn mixed_runs(
        &self,
        what: &str,
        engine: &mut LlamaEngine,
        mut dice: Dice,
        prompt: usize,
        runs: usize,
    ) -> usize {
        let prompt = dice.tokens(prompt, self.ids);
        let (wanted, rows) = alone(engine, &prompt, self.output);
        let mut outputs = std::collections::BTreeSet::from([wanted]);
        let mut neighbours: Vec<(Slot, usize)> = Vec::new();
        for run in 0..runs {
            let salt = [dice.below(3) as u8; 32];
            let opening = Opening {
                prompt: &prompt,
                tokens: prompt.len() + self.output,
                salt: (run % 2 == 0).then_some(salt),
            };
            let (slot, mut done) = engine.begin(&opening).unwrap();
            let (mut output, mut step) = (Vec::new(), 0);
            while output.len() < self.output {
                // Neighbours come, with prompts of any length, and go.
                if neighbours.len() < 4 && dice.below(3) == 0 {
                    neighbours.push((engine.open().unwrap(), 0));
                }
                if dice.below(8) == 0 && !neighbours.is_empty() {
                    let gone = neighbours.swap_remove(dice.below(neighbours.len()));
                    engine.close(gone.0);
                }
                neighbours.retain(|(slot, length)| {
                    let keep = *length < self.longest;
                    if !keep {
                        engine.close(*slot);
                    }
                    keep
                });
                let mut batch: Vec<(Slot, Vec<u32>)> = Vec::new();
                for (slot, length) in &mut neighbours {
                    let piece = if dice.below(2) == 0 { 1 } else { 1 + dice.below(60) };
                    *length += piece;
                    batch.push((*slot, dice.tokens(piece, self.ids)));
                }
                let own = if done < prompt.len() {
                    let piece = (1 + dice.below(40)).min(prompt.len() - done);
                    done += piece;
                    prompt[done - piece..done].to_vec()
                } else {
                    vec![*output.last().unwrap()]
                };
                let place = dice.below(batch.len() + 1);
                batch.insert(place, (slot, own));
                let step_batch: Vec<(Slot, &[u32])> = batch
                    .iter()
                    .map(|(slot, tokens)| (*slot, tokens.as_slice()))
                    .collect();
                let logits = engine.step(&step_batch).unwrap();
                if done < prompt.len() {
                    continue;
                }
                let row = logits.row(place).unwrap();
                assert!(
                    bits(row) == rows[step],
                    "{what}, run {run}, output {step}, {} neighbours",
                    neighbours.len()
                );
                output.push(argmax(row));
                step += 1;
            }
            engine.close(slot);
            outputs.insert(output);
        }
        neighbours.into_iter().for_each(|(slot, _)| engine.close(slot));
        outputs.len()
    }
}
