//! A host: continuous batching over the engine's cache, or no cache at all.

use crate::task::Task;
use quern_engine::sampler::{Draw, History, Noise, Position, TokenMask, sample};
use quern_engine::tokenizer::Tokenizer;
use quern_engine::{Engine, Slot};
use serde::{Deserialize, Serialize};

/// How a host computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// So many sequences at once, each with its cache; one that ends makes room for the next.
    Batch(usize),
    /// Prompt and output anew for every token.
    Uncached,
}

/// An output in progress.
struct Sequence<'a> {
    task: &'a Task,
    noise: Noise,
    output: Vec<u32>,
}

impl<'a> Sequence<'a> {
    fn new(task: &'a Task) -> Self {
        Self {
            noise: Noise::new(&task.seed),
            task,
            output: Vec::new(),
        }
    }

    /// Draws the next token; whether there is one after it.
    fn draw(&mut self, logits: &[f32], tokenizer: &Tokenizer) -> anyhow::Result<bool> {
        let draw = Draw {
            params: &self.task.params,
            noise: &self.noise,
            at: Position {
                t: self.output.len() as u32,
                c: 0,
            },
            history: History {
                prompt: &self.task.prompt,
                output: &self.output,
            },
            tokens: tokenizer.tokens() as &TokenMask,
            grammar: None,
        };
        let token = sample(logits, &draw)?;
        self.output.push(token);
        Ok(self.output.len() < self.task.most && !(self.task.ends && tokenizer.is_end(token)))
    }
}

/// The outputs of tasks, in their order.
pub fn generate(
    engine: &mut impl Engine,
    tokenizer: &Tokenizer,
    tasks: &[Task],
    mode: Mode,
) -> anyhow::Result<Vec<Vec<u32>>> {
    match mode {
        Mode::Batch(width) => batched(engine, tokenizer, tasks, width),
        Mode::Uncached => tasks
            .iter()
            .map(|task| {
                let mut sequence = Sequence::new(task);
                loop {
                    let seen = [&task.prompt[..], &sequence.output].concat();
                    let rows = engine.score(&seen)?;
                    let last = rows.row(seen.len() - 1).unwrap_or_default();
                    if !sequence.draw(last, tokenizer)? {
                        return Ok(sequence.output);
                    }
                }
            })
            .collect(),
    }
}

fn batched(
    engine: &mut impl Engine,
    tokenizer: &Tokenizer,
    tasks: &[Task],
    width: usize,
) -> anyhow::Result<Vec<Vec<u32>>> {
    let mut outputs = vec![Vec::new(); tasks.len()];
    let mut waiting = (0..).zip(tasks);
    let mut active: Vec<(usize, Slot, Sequence<'_>)> = Vec::new();
    loop {
        while active.len() < width {
            let Some((place, task)) = waiting.next() else {
                break;
            };
            let slot = engine.open()?;
            let mut rows = None;
            for piece in task.prompt.chunks(task.piece) {
                rows = Some(engine.prefill(slot, piece)?);
            }
            let mut sequence = Sequence::new(task);
            let logits = rows.map_or(Vec::new(), |rows| rows.values);
            if sequence.draw(&logits, tokenizer)? {
                active.push((place, slot, sequence));
            } else {
                engine.close(slot);
                outputs[place] = sequence.output;
            }
        }
        if active.is_empty() {
            return Ok(outputs);
        }
        let last = |sequence: &Sequence<'_>| sequence.output.last().copied().unwrap_or(0);
        let batch: Vec<(Slot, u32)> = active
            .iter()
            .map(|(_, slot, sequence)| (*slot, last(sequence)))
            .collect();
        let rows = engine.decode(&batch)?;
        let mut going = Vec::with_capacity(active.len());
        for (row, (place, slot, mut sequence)) in active.into_iter().enumerate() {
            if sequence.draw(rows.row(row).unwrap_or_default(), tokenizer)? {
                going.push((place, slot, sequence));
            } else {
                engine.close(slot);
                outputs[place] = sequence.output;
            }
        }
        active = going;
    }
}
