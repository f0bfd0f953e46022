//! A block of honest leaves: generated one way, measured another, counted.

use crate::corpus::{Corpus, Kind, Split};
use crate::dice::Dice;
use crate::host::{Mode, generate};
use crate::task::Task;
use quern_audit::Margin;
use quern_engine::sampler::GapRule;
use quern_engine::{Engine, Logits};
use quern_verifier::{Leaf, Measured, measure_rows};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Leaves of a block.
pub const LEAVES: u64 = 256;
/// Numbers of positions that classes of leaves begin at.
pub const CLASSES: [u32; 6] = [1, 8, 16, 32, 64, 128];
/// One leaf in so many, of the split that chooses thresholds and of the other, is measured a second time, token by
/// token with a cache.
const TWICE: [u64; 2] = [8, 64];
/// Stream of the choice of a block's mode, far from those of leaves.
const MODES: u64 = 1 << 62;
/// One block in so many belongs to the split that chooses thresholds.
const CALIBRATION: u64 = 10;

/// What a block of leaves showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Block {
    /// Its number; leaf i of block b is request `256 b + i` of the run.
    pub block: u64,
    /// Which prompts it took.
    pub split: Split,
    /// How the host computed.
    pub mode: Mode,
    /// Threads of one operation of the host; the verifier uses one.
    pub threads: usize,
    /// Output tokens.
    pub positions: u64,
    /// Seconds that generating took, and measuring.
    pub seconds: (f64, f64),
    /// Leaves by greedy or not, class of length, kind.
    pub counts: Vec<(bool, u32, Kind, u64)>,
    /// Leaves with a gap at all.
    pub gaps: Vec<LeafGap>,
    /// How two measurements differ.
    pub agreement: Agreement,
}

/// A leaf that is not perfect.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct LeafGap {
    /// Number of the request.
    pub number: u64,
    /// Kind of prompt.
    pub kind: Kind,
    /// Whether it was drawn without noise.
    pub greedy: bool,
    /// Output tokens.
    pub positions: u32,
    /// Sum of clipped gaps, in millionths of a logit.
    pub sum: u64,
    /// Positions above the clip.
    pub clipped: u32,
    /// Lowest margin.
    pub lowest: i32,
}

/// Two executions of the same outputs beside each other.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Agreement {
    /// Positions measured twice.
    pub positions: u64,
    /// Largest difference of two logits, in logits.
    pub logit: f32,
    /// Largest difference of two margins, in millionths, where both have one.
    pub margin: u64,
    /// Positions where the margins stand against other sets of tokens, as one lies at the edge of a filter.
    pub edges: u64,
}

impl Agreement {
    /// Both together.
    pub fn join(self, other: &Self) -> Self {
        Self {
            positions: self.positions + other.positions,
            logit: self.logit.max(other.logit),
            margin: self.margin.max(other.margin),
            edges: self.edges + other.edges,
        }
    }
}

impl LeafGap {
    /// From a measurement; none if it shows no gap.
    pub fn new(task: &Task, found: &Measured) -> Option<Self> {
        (found.sum_of_clipped_gaps > 0).then(|| Self {
            number: task.number,
            kind: task.kind,
            greedy: task.greedy(),
            positions: found.positions,
            sum: found.sum_of_clipped_gaps,
            clipped: found.clipped,
            lowest: found.margins.iter().map(|margin| margin.0).min().unwrap_or(0),
        })
    }
}

/// Class of a length.
pub fn class(positions: u32) -> u32 {
    CLASSES
        .into_iter()
        .rev()
        .find(|least| *least <= positions)
        .unwrap_or(0)
}

/// Mode and threads of a block, and the longest output that is affordable in that mode.
fn mode(run: u64, block: u64, cores: usize) -> (Mode, usize, usize) {
    let mut dice = Dice::new(run, MODES + block);
    let mode = dice.pick(
        &[
            (Mode::Batch(64), 84),
            (Mode::Batch(8), 10),
            (Mode::Batch(1), 4),
            (Mode::Uncached, 2),
        ],
        Mode::Batch(8),
    );
    let threads = dice.pick(&[(1, 95), (2, 5)], 1).min(cores);
    (
        mode,
        threads,
        if mode == Mode::Uncached { 12 } else { usize::MAX },
    )
}

/// Split of a block.
pub fn split(block: u64) -> Split {
    if block.is_multiple_of(CALIBRATION) {
        Split::Calibration
    } else {
        Split::HeldOut
    }
}

/// Runs block `number`. `kept` gets every task with its output.
pub fn block(
    corpus: &Corpus,
    engine: &mut impl Engine,
    run: u64,
    number: u64,
    rule: &GapRule,
    leaves: u64,
    mut kept: impl FnMut(&Task, &[u32]) -> anyhow::Result<()>,
) -> anyhow::Result<Block> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (mode, threads, longest) = mode(run, number, cores);
    let split = split(number);
    let twice = TWICE[usize::from(split == Split::HeldOut)];
    quern_engine_torch::set_threads(1);
    let first = number * LEAVES;
    let tasks = (first..first + leaves)
        .map(|leaf| Task::new(corpus, engine, run, leaf, split, longest))
        .collect::<Result<Vec<_>, _>>()?;
    quern_engine_torch::set_threads(threads);
    let started = Instant::now();
    let outputs = generate(engine, &corpus.tokenizer, &tasks, mode)?;
    let generated = started.elapsed().as_secs_f64();
    quern_engine_torch::set_threads(1);
    let mut result = Block {
        block: number,
        split,
        mode,
        threads,
        positions: 0,
        seconds: (generated, 0.0),
        counts: Vec::new(),
        gaps: Vec::new(),
        agreement: Agreement::default(),
    };
    for (task, output) in tasks.iter().zip(&outputs) {
        let started = Instant::now();
        let leaf = leaf(corpus, task, output);
        let logits = engine.score(&fed(&leaf))?;
        let found = measure_rows(&logits, &leaf, rule)?;
        result.seconds.1 += started.elapsed().as_secs_f64();
        result.count(task, &found);
        if task.number.is_multiple_of(twice) {
            let again = cached(engine, &leaf)?;
            let agreement = compare(&logits, &again, &found, &leaf, rule)?;
            result.agreement = result.agreement.join(&agreement);
        }
        kept(task, output)?;
    }
    Ok(result)
}

/// A task and its output as the verifier takes it.
pub fn leaf<'a>(corpus: &'a Corpus, task: &'a Task, output: &'a [u32]) -> Leaf<'a> {
    Leaf {
        prompt: &task.prompt,
        output,
        seed: &task.seed,
        params: &task.params,
        tokens: corpus.tokenizer.tokens(),
        grammar: None,
        thinking: None,
    }
}

/// What the verifier feeds: all but the last token.
fn fed(leaf: &Leaf<'_>) -> Vec<u32> {
    let mut tokens = [leaf.prompt, leaf.output].concat();
    tokens.pop();
    tokens
}

/// The same rows as `score` gives, those of the prompt but the last left empty, computed token by token.
fn cached(engine: &mut impl Engine, leaf: &Leaf<'_>) -> anyhow::Result<Logits> {
    let slot = engine.open()?;
    let last = engine.prefill(slot, leaf.prompt)?;
    let mut values = vec![0.0; (leaf.prompt.len() - 1) * last.vocab];
    values.extend(last.values);
    for token in &leaf.output[..leaf.output.len() - 1] {
        values.extend(engine.decode(&[(slot, *token)])?.values);
    }
    engine.close(slot);
    Ok(Logits {
        values,
        vocab: last.vocab,
    })
}

fn compare(
    one: &Logits,
    other: &Logits,
    found: &Measured,
    leaf: &Leaf<'_>,
    rule: &GapRule,
) -> anyhow::Result<Agreement> {
    let again = measure_rows(other, leaf, rule)?;
    let skip = (leaf.prompt.len() - 1) * one.vocab;
    let pairs = one.values.iter().zip(&other.values).skip(skip);
    let mut agreement = Agreement {
        positions: leaf.output.len() as u64,
        logit: pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max),
        ..Agreement::default()
    };
    let open = |margin: &Margin| margin.0 == i32::MAX || margin.0 == i32::MIN;
    for (a, b) in found.margins.iter().zip(&again.margins) {
        let apart = u64::from(a.0.abs_diff(b.0));
        // Further apart than logits can explain: the best other token is not the same set's.
        let bound = (agreement.logit * 4e6) as u64 + 2;
        if open(a) != open(b) || apart > bound {
            agreement.edges += 1;
        } else {
            agreement.margin = agreement.margin.max(apart);
        }
    }
    Ok(agreement)
}

impl Block {
    /// Enters one measurement.
    pub fn count(&mut self, task: &Task, found: &Measured) {
        self.positions += u64::from(found.positions);
        self.gaps.extend(LeafGap::new(task, found));
        let key = (task.greedy(), class(found.positions), task.kind);
        match self.counts.iter_mut().find(|(g, c, k, _)| (*g, *c, *k) == key) {
            Some((.., count)) => *count += 1,
            None => self.counts.push((key.0, key.1, key.2, 1)),
        }
    }
}
