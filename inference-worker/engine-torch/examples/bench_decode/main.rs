//! Decoding and prompt speed beside other engines: same weights, threads, prompts and number of tokens.
//!
//! All are measured in turn, five rounds, and medians are compared:
//! - `transformers` eager, which takes the largest logit itself, faster than its `generate`;
//! - with `--llama true` llama.cpp with the weights as F32 in GGUF, for single sequences;
//! - with `--bandwidth true` reading as many bytes as the weights have from memory, which bounds batch 1, and the
//!   roofline of the largest batch: the lesser of as many times that bound and the rate of prompts, ours or
//!   `transformers`', whichever is more.
//!
//! Prints rows {name, ours, comparator, ratio, target, unit, holds}, and writes them to a file if `--report FILE` is given:
//! `cargo run -p quern-engine-torch --example bench_decode -- --model DIR [--batch 1,8] [--target 1.0,2.0]
//! [--prefill 512] [--llama true] [--bandwidth true] [--threads 2] [--cpu true] [--tokens 64] [--rounds 5] [--bf16 true]
//! [--report FILE]`
//!
//! On a machine that others use too, `--cpu true` compares one thread each by the time that it has computed.
//!
//! A checkpoint in bfloat16 is kept so, and computed in fp32 by both. With `--bf16 true` ours also multiplies in bfloat16,
//! as a calibration does.

mod bandwidth;
mod comparator;
mod options;
mod report;
mod watch;

use bandwidth::Memory;
use comparator::{Comparator, Found};
use options::Options;
use quern_engine::{Engine, Slot};
use quern_engine_torch::{LlamaEngine, LoadOptions, set_threads};
use report::{Rates, Who, Work};
use std::path::Path;
use std::time::Duration;
use watch::Watch;

type Failure = Box<dyn std::error::Error>;

/// Before each measurement, so that threads of the engine before it have gone to sleep.
const PAUSE: Duration = Duration::from_millis(50);

/// Prompt tokens of each sequence that is decoded.
const PROMPT: usize = 32;

fn argmax(row: &[f32]) -> u32 {
    let best = row.iter().enumerate().fold(
        (0, f32::NEG_INFINITY),
        |best, (i, x)| {
            if *x > best.1 { (i, *x) } else { best }
        },
    );
    best.0 as u32
}

/// Our engine, and what it is asked to do.
struct Ours<'a> {
    engine: LlamaEngine,
    vocab: usize,
    options: &'a Options,
}

impl<'a> Ours<'a> {
    fn load(options: &'a Options) -> Result<Self, Failure> {
        let slots = options.batches.iter().copied().max().unwrap_or(1);
        let load = LoadOptions {
            slots,
            ..LoadOptions::default()
        };
        let mut engine = LlamaEngine::load(&options.model, &load)?;
        if options.bf16 {
            engine.multiply_in_bf16()?;
        }
        let slot = engine.open()?;
        let vocab = engine.prefill(slot, &[0])?.vocab;
        engine.close(slot);
        Ok(Self {
            engine,
            vocab,
            options,
        })
    }

    fn measure(&mut self, work: Work, tokens: usize) -> Result<Found, Failure> {
        match work {
            Work::Decode(batch) => self.decode(batch, tokens),
            Work::Prompt(length) => self.prompt(length),
        }
    }

    fn ids(&self, from: usize, count: usize) -> Vec<u32> {
        (from..from + count).map(|i| (i % self.vocab) as u32).collect()
    }

    /// Prompts are not counted.
    fn decode(&mut self, batch: usize, tokens: usize) -> Result<Found, Failure> {
        let mut state: Vec<(Slot, u32)> = Vec::new();
        for row in 0..batch {
            let slot = self.engine.open()?;
            let prompt = self.ids(row * PROMPT, PROMPT);
            state.push((slot, argmax(&self.engine.prefill(slot, &prompt)?.values)));
        }
        let first = state.iter().map(|(_, token)| *token).collect();
        let watch = Watch::start(self.options.cpu);
        for _ in 0..tokens {
            let logits = self.engine.decode(&state)?;
            for (row, entry) in state.iter_mut().enumerate() {
                entry.1 = argmax(logits.row(row).unwrap_or_default());
            }
        }
        let rate = (batch * tokens) as f64 / watch.seconds();
        state.iter().for_each(|(slot, _)| self.engine.close(*slot));
        Ok(Found { rate, first })
    }

    fn prompt(&mut self, length: usize) -> Result<Found, Failure> {
        let slot = self.engine.open()?;
        let prompt = self.ids(0, length);
        let watch = Watch::start(self.options.cpu);
        let logits = self.engine.prefill(slot, &prompt)?;
        let rate = length as f64 / watch.seconds();
        let first = vec![argmax(&logits.values)];
        self.engine.close(slot);
        Ok(Found { rate, first })
    }
}

/// The others that are measured in this run, and what each is compared in.
fn others(options: &Options) -> Result<Vec<(Who, Comparator)>, Failure> {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reference");
    let deps = reference.join("../../.deps");
    let mut arguments = vec![
        "--model".to_owned(),
        options.model.display().to_string(),
        "--threads".to_owned(),
        options.threads.to_string(),
    ];
    arguments.extend(options.cpu.then(|| "--cpu".to_owned()));
    let start = |name: &'static str, folder: &str, script: &str| {
        let (python, script) = (deps.join(folder).join("bin/python"), reference.join(script));
        Comparator::start(name, &python, &script, &arguments)
    };
    let eager = start("transformers eager", "python", "bench_transformers.py")?;
    let mut found = vec![(Who::Transformers, eager)];
    if options.llama {
        let llama = start("llama.cpp F32", "llama", "bench_llama_cpp.py")?;
        found.push((Who::Llama, llama));
    }
    Ok(found)
}

/// Whether somebody else is compared in this work: llama.cpp in single sequences.
fn takes_part(who: Who, work: Work) -> bool {
    who != Who::Llama || work == Work::Decode(1)
}

/// Measures everything once before it counts, which fills caches and allocators, and compares the first tokens.
fn warm(ours: &mut Ours<'_>, others: &mut [(Who, Comparator)], works: &[Work]) -> Result<(), Failure> {
    for work in works {
        let own = ours.measure(*work, 2)?;
        for (who, other) in others.iter_mut().filter(|(who, _)| takes_part(*who, *work)) {
            let first = other.ask(&work.request(2))?.first;
            // Weights that are rounded choose otherwise at times.
            if first != own.first && !ours.options.bf16 {
                return Err(format!(
                    "{} ({who:?}) goes on with {first:?} where ours goes on with {:?}: these are not the same weights",
                    other.name, own.first
                )
                .into());
            }
        }
    }
    Ok(())
}

/// Bytes of all weights of a folder.
fn weights(folder: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|kind| kind == "safetensors") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

fn main() -> Result<(), Failure> {
    let options = Options::read()?;
    set_threads(options.threads);
    let mut ours = Ours::load(&options)?;
    let mut others = others(&options)?;
    let weights = weights(&options.model)?;
    let memory = options
        .bandwidth
        .then(|| Memory::new(weights as usize))
        .transpose()?;
    let works: Vec<Work> = options
        .batches
        .iter()
        .map(|batch| Work::Decode(*batch))
        .chain(options.prefill.iter().map(|length| Work::Prompt(*length)))
        .collect();
    warm(&mut ours, &mut others, &works)?;
    let mut rates = Rates::default();
    for _ in 0..options.rounds {
        if let Some(memory) = &memory {
            let (plain, fastest) = memory.rates(options.threads, options.cpu);
            rates.add(Who::Loop, Work::Decode(1), plain);
            rates.add(Who::Memory, Work::Decode(1), fastest);
        }
        for work in &works {
            std::thread::sleep(PAUSE);
            rates.add(Who::Ours, *work, ours.measure(*work, options.tokens)?.rate);
            for (who, other) in others.iter_mut().filter(|(who, _)| takes_part(*who, *work)) {
                std::thread::sleep(PAUSE);
                rates.add(*who, *work, other.ask(&work.request(options.tokens))?.rate);
            }
        }
    }
    let rows = report::rows(&options, &rates, weights as f64);
    for row in &rows {
        println!("{row}");
    }
    if let Some(path) = &options.report {
        std::fs::write(path, serde_json::to_vec_pretty(&rows)?)?;
    }
    Ok(())
}
