//! Outputs on disk, so that another machine, or another set of instructions, can measure them.

use crate::block::{Agreement, Block, leaf, split};
use crate::corpus::Corpus;
use crate::host::Mode;
use crate::task::Task;
use quern_engine::Engine;
use quern_engine::sampler::GapRule;
use quern_engine::seed::Seed;
use quern_verifier::measure;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Write};

/// One output; what is missing follows from run and number.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    number: u64,
    prompt: Vec<u32>,
    seed: [u8; 32],
    output: Vec<u32>,
}

/// Writes an output as a line.
pub fn keep(file: &mut impl Write, task: &Task, output: &[u32]) -> anyhow::Result<()> {
    let kept = Kept {
        number: task.number,
        prompt: task.prompt.clone(),
        seed: task.seed.0,
        output: output.to_vec(),
    };
    serde_json::to_writer(&mut *file, &kept)?;
    Ok(writeln!(file)?)
}

/// Measures kept outputs on this machine and counts them like a block.
pub fn remeasure(
    corpus: &Corpus,
    engine: &mut impl Engine,
    run: u64,
    rule: &GapRule,
    file: impl BufRead,
) -> anyhow::Result<Block> {
    let mut result = Block {
        block: 0,
        split: split(1),
        mode: Mode::Uncached,
        threads: 1,
        positions: 0,
        seconds: (0.0, 0.0),
        counts: Vec::new(),
        gaps: Vec::new(),
        agreement: Agreement::default(),
    };
    for line in file.lines() {
        let kept: Kept = serde_json::from_str(&line?)?;
        let of = split(kept.number / crate::block::LEAVES);
        let mut task = Task::plain(corpus, run, kept.number, of, usize::MAX)?;
        (task.prompt, task.seed) = (kept.prompt, Seed(kept.seed));
        let found = measure(engine, &leaf(corpus, &task, &kept.output), rule)?;
        result.count(&task, &found);
    }
    Ok(result)
}
