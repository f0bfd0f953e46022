//! Requests to generate, each a function of the run's seed and its number.

use crate::corpus::{Corpus, Kind, MIX, Split};
use crate::dice::Dice;
use quern_engine::Engine;
use quern_engine::sampler::{Draw, History, Noise, Position, SamplingParams, margin, sample};
use quern_engine::seed::{Seed, hash_fields};

/// One request.
#[derive(Clone, Debug)]
pub struct Task {
    /// Number in the run.
    pub number: u64,
    /// What its prompt is like.
    pub kind: Kind,
    /// Prompt.
    pub prompt: Vec<u32>,
    /// The prompt is prefilled in pieces of so many tokens.
    pub piece: usize,
    /// How tokens are drawn.
    pub params: SamplingParams,
    /// Most output tokens.
    pub most: usize,
    /// Whether an end token ends the output.
    pub ends: bool,
    /// Seed of the noise.
    pub seed: Seed,
}

/// Seeds among which a near tie is looked for.
const TRIES: u64 = 32;

impl Task {
    /// Request `number` of a run, of at most `longest` output tokens.
    pub fn new(
        corpus: &Corpus,
        engine: &mut impl Engine,
        run: u64,
        number: u64,
        split: Split,
        longest: usize,
    ) -> anyhow::Result<Self> {
        let mut task = Self::plain(corpus, run, number, split, longest)?;
        if task.kind == Kind::NearTie {
            task.tie(corpus, engine, run)?;
        }
        Ok(task)
    }

    /// The same before a near tie is looked for.
    pub fn plain(
        corpus: &Corpus,
        run: u64,
        number: u64,
        split: Split,
        longest: usize,
    ) -> anyhow::Result<Self> {
        let mut dice = Dice::new(run, number);
        let kind = dice.pick(&MIX, Kind::Chat);
        let lengths = [
            (8, 30),
            (12, 16),
            (16, 16),
            (24, 12),
            (32, 12),
            (48, 6),
            (64, 5),
            (96, 2),
            (128, 1),
        ];
        Ok(Self {
            number,
            kind,
            prompt: corpus.prompt(split, kind, &mut dice)?,
            piece: dice.pick(&[(usize::MAX, 3), (16, 1)], usize::MAX),
            params: params(kind, &mut dice),
            most: dice.pick(&lengths, 8).min(longest),
            ends: kind != Kind::Proof,
            seed: seed(run, number, 0),
        })
    }

    /// Cuts the prompt where its two likeliest tokens are nearest, or with noise takes the seed under which the
    /// first token wins by least.
    fn tie(&mut self, corpus: &Corpus, engine: &mut impl Engine, run: u64) -> anyhow::Result<()> {
        let rows = engine.score(&self.prompt)?;
        let lead = |row: usize, params: &SamplingParams, seed: &Seed| -> anyhow::Result<f64> {
            let logits = rows.row(row).unwrap_or_default();
            let noise = Noise::new(seed);
            let draw = Draw {
                params,
                noise: &noise,
                at: Position { t: 0, c: 0 },
                history: History {
                    prompt: &self.prompt[..=row],
                    output: &[],
                },
                tokens: corpus.tokenizer.tokens(),
                grammar: None,
            };
            Ok(margin(logits, sample(logits, &draw)?, &draw, 0.0)?)
        };
        let mut best = (f64::INFINITY, self.prompt.len() - 1, self.seed);
        if self.params.temperature == 0.0 {
            for row in 0..self.prompt.len() {
                let found = lead(row, &self.params, &self.seed)?;
                if found < best.0 {
                    best = (found, row, self.seed);
                }
            }
        } else {
            let last = self.prompt.len() - 1;
            for attempt in 0..TRIES {
                let seed = seed(run, self.number, attempt);
                let found = lead(last, &self.params, &seed)?;
                if found < best.0 {
                    best = (found, last, seed);
                }
            }
        }
        self.prompt.truncate(best.1 + 1);
        self.seed = best.2;
        Ok(())
    }

    /// Whether it is drawn without noise.
    pub fn greedy(&self) -> bool {
        self.params.temperature == 0.0
    }
}

/// Seed of a request's noise.
pub fn seed(run: u64, number: u64, attempt: u64) -> Seed {
    let numbers = [run, number, attempt].map(u64::to_be_bytes);
    hash_fields(&[b"quern.calibrate", &numbers[0], &numbers[1], &numbers[2]])
}

/// Proof of compute has temperature 1 and nothing else; the rest is what people ask for, and a little of what is
/// rare.
fn params(kind: Kind, dice: &mut Dice) -> SamplingParams {
    if kind == Kind::Proof {
        return SamplingParams::default();
    }
    let temperatures = [(0.0, 30), (0.3, 12), (0.7, 20), (1.0, 26), (1.5, 12)];
    let mut params = SamplingParams {
        temperature: dice.pick(&temperatures, 1.0),
        top_p: dice.pick(&[(1.0, 65), (0.95, 10), (0.9, 15), (0.5, 10)], 1.0),
        ..SamplingParams::default()
    };
    match dice.below(24) {
        0 => params.top_k = dice.between(1, 50) as u32,
        1 => params.min_p = 0.05,
        2 => params.repetition_penalty = 1.2,
        3 => (params.frequency_penalty, params.presence_penalty) = (0.5, 0.3),
        _ => {}
    }
    params
}
