//! What the verifier sees of hosts that do not do what they sell.

use crate::block::leaf;
use crate::corpus::{Corpus, Kind, Split};
use crate::dice::Dice;
use crate::host::{Mode, generate};
use crate::report::BUCKETS;
use crate::round::{Rounding, round_weights};
use crate::task::{Task, seed};
use anyhow::Context;
use quern_audit::{Calibration, Margin};
use quern_engine::Engine;
use quern_engine::sampler::{GapRule, SamplingParams};
use quern_engine_torch::{Device, LlamaEngine, LoadOptions};
use quern_evidence::Score;
use quern_verifier::{Measured, measure};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Output tokens per request; no token ends them.
const OUTPUT: usize = 64;
/// Lengths at which a leaf is judged.
pub const LENGTHS: [usize; 4] = [8, 16, 32, 64];
/// Stream of these requests, far from those of honest leaves.
const STREAM: u64 = 1 << 61;

/// A host that does something else than it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cheat {
    /// Nothing: a control.
    None,
    /// Products in bfloat16.
    Bf16Products,
    /// Coarser weights.
    Weights(Rounding),
    /// Eight tokens near the prompt's beginning left out.
    ShortPrompt,
    /// Another seed.
    WrongSeed,
    /// Temperature 0.9 where 1 was asked for.
    Cooler,
}

/// The cheats that are measured, by name.
pub const CHEATS: [(&str, Cheat); 11] = [
    ("honest", Cheat::None),
    ("bf16 products", Cheat::Bf16Products),
    ("weights as bf16", Cheat::Weights(Rounding::Bf16)),
    ("weights of 8 bits", Cheat::Weights(Rounding::Bits(8))),
    ("weights of 6 bits", Cheat::Weights(Rounding::Bits(6))),
    ("weights of 5 bits", Cheat::Weights(Rounding::Bits(5))),
    ("weights of 4 bits", Cheat::Weights(Rounding::Bits(4))),
    ("weights of 3 bits", Cheat::Weights(Rounding::Bits(3))),
    ("prompt without 8 tokens", Cheat::ShortPrompt),
    ("temperature 0.9 for 1", Cheat::Cooler),
    ("wrong seed", Cheat::WrongSeed),
];

/// What a host's outputs showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// The cheat.
    pub host: String,
    /// Temperature.
    pub temperature: f64,
    /// Outputs.
    pub leaves: usize,
    /// Tokens that an honest host would not have written, in millionths.
    pub tokens_off: u64,
    /// Largest gap, in millionths of a logit, unclipped; outside the support not counted.
    pub largest_gap: u32,
    /// Mean clipped gap, in millionths of a logit.
    pub mean_gap: u64,
    /// Outputs that fail when judged by so many first tokens.
    pub failed: Vec<(usize, usize)>,
}

/// Loads a decoder with room for the widest batch.
pub fn engine(model: &Path, slots: usize) -> anyhow::Result<LlamaEngine> {
    let options = LoadOptions {
        slots,
        device: Device::Cpu,
        ..LoadOptions::default()
    };
    LlamaEngine::load(model, &options).with_context(|| model.display().to_string())
}

/// The host's decoder. `scratch` is an empty folder for coarser weights.
pub fn host(model: &Path, cheat: Cheat, slots: usize, scratch: &Path) -> anyhow::Result<LlamaEngine> {
    if let Cheat::Weights(rounding) = cheat {
        round_weights(model, rounding, scratch)?;
        return engine(scratch, slots);
    }
    let mut engine = engine(model, slots)?;
    if cheat == Cheat::Bf16Products {
        engine.multiply_in_bf16()?;
    }
    Ok(engine)
}

/// Requests of the held-out split at one temperature, and the same as the cheat answers them.
pub fn tasks(
    corpus: &Corpus,
    run: u64,
    count: usize,
    temperature: f64,
    cheat: Cheat,
) -> anyhow::Result<Vec<(Task, Task)>> {
    let mut tasks = Vec::new();
    for number in STREAM.. {
        if tasks.len() == count {
            break;
        }
        let mut dice = Dice::new(run, number);
        let kind = [Kind::Chat, Kind::Plain][dice.below(2)];
        let prompt = corpus.prompt(Split::HeldOut, kind, &mut dice)?;
        // Short prompts have nothing to leave out.
        if prompt.len() < 16 {
            continue;
        }
        let asked = Task {
            number,
            kind,
            prompt,
            piece: usize::MAX,
            params: SamplingParams {
                temperature,
                ..SamplingParams::default()
            },
            most: OUTPUT,
            ends: false,
            seed: seed(run, number, 0),
        };
        let mut done = asked.clone();
        match cheat {
            Cheat::ShortPrompt => drop(done.prompt.drain(1..9)),
            Cheat::WrongSeed => done.seed = seed(run, number, 1),
            Cheat::Cooler => done.params.temperature *= 0.9,
            Cheat::None | Cheat::Bf16Products | Cheat::Weights(_) => {}
        }
        tasks.push((asked, done));
    }
    Ok(tasks)
}

/// Measures a host's answers.
pub fn see(
    corpus: &Corpus,
    verifier: &mut impl Engine,
    host: &mut impl Engine,
    name: &str,
    tasks: &[(Task, Task)],
    rule: &GapRule,
    calibration: &Calibration,
) -> anyhow::Result<Seen> {
    let done: Vec<Task> = tasks.iter().map(|(_, done)| done.clone()).collect();
    let outputs = generate(host, &corpus.tokenizer, &done, Mode::Batch(host.slots()))?;
    let mut seen = Seen {
        host: name.to_owned(),
        temperature: tasks.first().map_or(0.0, |(asked, _)| asked.params.temperature),
        leaves: tasks.len(),
        tokens_off: 0,
        largest_gap: 0,
        mean_gap: 0,
        failed: LENGTHS.map(|length| (length, 0)).to_vec(),
    };
    let (mut off, mut sum, mut positions) = (0, 0, 0);
    for ((asked, _), output) in tasks.iter().zip(&outputs) {
        let found = measure(verifier, &leaf(corpus, asked, output), rule)?;
        let below = found.margins.iter().map(|margin| margin.0).filter(|m| *m < 0);
        off += below.clone().count() as u64;
        let largest = below.filter(|m| *m != i32::MIN).map(i32::unsigned_abs).max();
        seen.largest_gap = seen.largest_gap.max(largest.unwrap_or(0));
        sum += found.sum_of_clipped_gaps;
        positions += u64::from(found.positions);
        for (length, failed) in &mut seen.failed {
            let first = found.margins.get(..*length).unwrap_or(&found.margins);
            *failed += usize::from(fails(calibration, asked.greedy(), first));
        }
    }
    seen.tokens_off = off * 1_000_000 / positions.max(1);
    seen.mean_gap = sum / positions.max(1);
    Ok(seen)
}

/// Whether a leaf with these margins fails.
pub fn fails(calibration: &Calibration, greedy: bool, margins: &[Margin]) -> bool {
    let found = Measured::new(margins.to_vec(), calibration.clip);
    let (host, auditor) = (BUCKETS.profile, BUCKETS.profile);
    calibration
        .bucket(host, auditor, greedy, found.positions)
        .is_some_and(|bucket| found.score(bucket) == Score::FAILED)
}
