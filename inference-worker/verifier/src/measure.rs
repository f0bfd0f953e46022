//! From logits to margins.

use quern_audit::{Bucket, Calibration, Finding, Margin, Vote};
use quern_engine::grammar::Grammar;
use quern_engine::masks::Masks;
use quern_engine::sampler::{
    Draw, GapRule, History, Noise, Position, SampleError, SamplingParams, TokenMask, margin,
};
use quern_engine::seed::Seed;
use quern_engine::thinking::Thinking;
use quern_engine::{Engine, EngineError, Logits};
use quern_evidence::Score;
use quern_protocol::{Amount, Hash, Node};

/// An output and everything that determines it.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    /// Prompt, at least one token.
    pub prompt: &'a [u32],
    /// What the host wrote, the end token included.
    pub output: &'a [u32],
    /// Seed of the noise.
    pub seed: &'a Seed,
    /// How tokens are drawn.
    pub params: &'a SamplingParams,
    /// The ids that the tokenizer knows.
    pub tokens: &'a TokenMask,
    /// What the request holds the answer to.
    pub grammar: Option<&'a Grammar>,
    /// How the model thinks before it.
    pub thinking: Option<&'a Thinking>,
}

/// What re-execution found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Per output token. `i32::MIN` lies outside S⁺; `i32::MAX` is one beside which no other is surely in S.
    pub margins: Vec<Margin>,
    /// Output tokens.
    pub positions: u32,
    /// Positions whose gap is above the clip.
    pub clipped: u32,
    /// Sum of the gaps, each clipped, in millionths of a logit.
    pub sum_of_clipped_gaps: u64,
}

/// Why nothing can be said about an output. None of these is the host's fault.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Without a prompt nothing determines the first token.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// Prompt and output do not fit this engine. Whether they fit the model, its launch package says.
    #[error("{0} tokens do not fit the verifier's context of {1}")]
    Context(usize, usize),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine's logits cannot be used.
    #[error(transparent)]
    Sample(#[from] SampleError),
}

/// The rule that a calibration fixes. Two margins differ by at most twice what their logits differ by, so the slack
/// of a logit is half the tolerance of a margin.
pub fn gap_rule(calibration: &Calibration) -> GapRule {
    GapRule {
        clip: f64::from(calibration.clip) / 1e6,
        slack: f64::from(calibration.tolerance) / 2e6,
    }
}

/// Re-executes a leaf in one pass. Whatever the host wrote, a measurement comes out: a token that the tokenizer
/// does not know lies outside S⁺, and so does everything after it.
///
/// # Errors
/// [`VerifyError`], where this verifier cannot judge.
pub fn measure(
    engine: &mut (impl Engine + ?Sized),
    leaf: &Leaf<'_>,
    rule: &GapRule,
) -> Result<Measured, VerifyError> {
    let tokens = fed(engine.context(), leaf)?;
    measure_rows(&engine.score(&tokens)?, leaf, rule)
}

/// The same with an engine behind `rows`: given the tokens to feed and the index of one, it gives the rows of logits
/// after that token and all that follow it. Those of the prompt before it are of no use, and a long prompt's are many:
/// four bytes times the vocabulary for each token.
///
/// # Errors
/// As [`measure`].
pub fn measure_with(
    context: usize,
    leaf: &Leaf<'_>,
    rule: &GapRule,
    rows: impl FnOnce(Vec<u32>, usize) -> Result<Logits, EngineError>,
) -> Result<Measured, VerifyError> {
    let tokens = fed(context, leaf)?;
    let logits = rows(tokens, leaf.prompt.len() - 1)?;
    measure_from(&logits, 0, leaf, rule)
}

/// Measures a leaf by logits that are there already: row i is the one after token i of prompt and output.
///
/// # Errors
/// [`VerifyError::Sample`] where a row cannot be used, [`VerifyError::Engine`] where one is missing.
pub fn measure_rows(logits: &Logits, leaf: &Leaf<'_>, rule: &GapRule) -> Result<Measured, VerifyError> {
    let first = leaf.prompt.len().checked_sub(1).ok_or(VerifyError::EmptyPrompt)?;
    measure_from(logits, first, leaf, rule)
}

/// What is fed to the engine: all but the last token, which decides nothing, up to an unknown one, as what follows it
/// cannot be computed.
fn fed(context: usize, leaf: &Leaf<'_>) -> Result<Vec<u32>, VerifyError> {
    let length = leaf.prompt.len() + leaf.output.len();
    if length > context {
        return Err(VerifyError::Context(length, context));
    }
    if leaf.prompt.is_empty() {
        return Err(VerifyError::EmptyPrompt);
    }
    Ok([leaf.prompt, &leaf.output[..known(leaf).saturating_sub(1)]].concat())
}

/// Measures by rows of which the one numbered `first` comes after the prompt's last token.
fn measure_from(
    logits: &Logits,
    first: usize,
    leaf: &Leaf<'_>,
    rule: &GapRule,
) -> Result<Measured, VerifyError> {
    let noise = Noise::new(leaf.seed);
    let mut margins = Vec::with_capacity(leaf.output.len());
    let mut masks = Masks::new(leaf.thinking, leaf.grammar);
    for (t, &token) in leaf.output.iter().enumerate().take(known(leaf)) {
        let row = logits.row(first + t);
        let row = row.ok_or(EngineError::Request("the engine returned too few rows"))?;
        // Where there is no mask the host had none either, and could write nothing more.
        let mask = match masks.mask(leaf.tokens) {
            Ok(mask) => mask,
            Err(_) => break,
        };
        let draw = Draw {
            params: leaf.params,
            noise: &noise,
            at: Position { t: t as u32, c: 0 },
            history: History {
                prompt: leaf.prompt,
                output: &leaf.output[..t],
            },
            tokens: leaf.tokens,
            grammar: mask.as_ref(),
        };
        margins.push(millionths(margin(row, token, &draw, rule.slack)?));
        // What follows a token that the grammar forbids cannot be computed.
        if masks.push(token).is_err() {
            break;
        }
    }
    margins.resize(leaf.output.len(), Margin(i32::MIN));
    Ok(Measured::new(margins, (rule.clip * 1e6).round() as u32))
}

/// Leading output tokens up to the first unknown one, that one included.
fn known(leaf: &Leaf<'_>) -> usize {
    let unknown = leaf.output.iter().position(|id| !leaf.tokens.contains(*id));
    unknown.map_or(leaf.output.len(), |at| at + 1)
}

/// Rounds to nearest; a cast from floating point saturates, infinities included.
fn millionths(margin: f64) -> Margin {
    Margin((margin * 1e6).round() as i32)
}

impl Measured {
    /// Sums up margins. `clip` is in millionths of a logit.
    pub fn new(margins: Vec<Margin>, clip: u32) -> Self {
        let beyond = |margin: &&Margin| margin.0 < 0 && margin.0.unsigned_abs() > clip;
        Self {
            positions: margins.len() as u32,
            clipped: margins.iter().filter(beyond).count() as u32,
            sum_of_clipped_gaps: margins.iter().map(|margin| u64::from(margin.gap(clip))).sum(),
            margins,
        }
    }

    /// The score that follows in a bucket.
    pub fn score(&self, bucket: &Bucket) -> Score {
        bucket.score(&Finding {
            leaf: Hash::new([0; 32]),
            vote: Vote::Unfetchable,
            positions: self.positions,
            clipped: self.clipped,
            margins: Node {
                hash: Hash::new([0; 32]),
                sum: Amount(self.sum_of_clipped_gaps.into()),
            },
        })
    }
}
