//! The seeded sampler of `docs/spec/sampler.md`.
//!
//! Output token t of choice c is `argmax over v in S of l_v / T + G(t, v)`, ties to the lowest id. The noise G
//! follows from the request's seed alone, so anyone with the logits can redraw every token, in any order.

mod gap;
mod likelihood;
mod mask;
mod noise;
mod params;
mod philox;
mod process;
mod support;

pub use gap::{Gap, GapRule, gap, margin};
pub use likelihood::{Likelihood, likelihood};
pub use mask::TokenMask;
pub use noise::{Noise, TOKEN_DOMAIN, gumbel};
pub use params::{ParamError, SamplingParams};
pub use philox::philox4x32_10;

use noise::{GUMBEL_MAX, gumbel_bound};
use support::Slack;

/// Why no token can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// A logit is NaN or positive infinity.
    #[error("the model produced a logit that is not a number")]
    NotFinite,
    /// Every token is excluded.
    #[error("no token is left to choose from")]
    NothingLeft,
}

/// Tokens before the position that is drawn, for penalties.
#[derive(Clone, Copy, Debug, Default)]
pub struct History<'a> {
    /// Prompt tokens.
    pub prompt: &'a [u32],
    /// Output tokens so far.
    pub output: &'a [u32],
}

/// Where a token is drawn: position t of the output of choice c.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Index of the output token, from 0.
    pub t: u32,
    /// Index of the choice, from 0.
    pub c: u32,
}

/// Everything but the logits that a draw depends on.
#[derive(Clone, Copy, Debug)]
pub struct Draw<'a> {
    /// Processors and filters.
    pub params: &'a SamplingParams,
    /// The request's noise.
    pub noise: &'a Noise,
    /// Where in the output.
    pub at: Position,
    /// Earlier tokens.
    pub history: History<'a>,
    /// The tokenizer's ids; logits beyond them are padding.
    pub tokens: &'a TokenMask,
    /// What a grammar permits here, if one is set.
    pub grammar: Option<&'a TokenMask>,
}

/// Draws one token.
///
/// # Errors
/// [`SampleError`] when a logit is not a number or nothing is left to choose from.
pub fn sample(logits: &[f32], draw: &Draw<'_>) -> Result<u32, SampleError> {
    let l = process::process(logits, draw.params, &draw.history, draw.tokens)?;
    if draw.params.temperature == 0.0 {
        let ids = support::members(&l, f64::MIN, draw.grammar);
        return argmax(&l, &ids).map(|(id, _)| id).ok_or(SampleError::NothingLeft);
    }
    let z: Vec<f64> = l.iter().map(|l| l / draw.params.temperature).collect();
    let least = support::threshold(&z, draw.params, Slack::Exact);
    let ids = support::members(&z, least, draw.grammar);
    noisy_argmax(&z, &ids, draw)
        .map(|(id, _)| id)
        .ok_or(SampleError::NothingLeft)
}

fn argmax(z: &[f64], ids: &[u32]) -> Option<(u32, f64)> {
    let mut best: Option<(u32, f64)> = None;
    for &id in ids {
        let z = z[id as usize];
        if best.is_none_or(|(_, top)| z > top) {
            best = Some((id, z));
        }
    }
    best
}

/// `argmax of z + G` over ascending ids. Two upper bounds of G spare almost all logarithms; both are strict
/// bounds, so the result is the same as without them.
fn noisy_argmax(z: &[f64], ids: &[u32], draw: &Draw<'_>) -> Option<(u32, f64)> {
    let Position { t, c } = draw.at;
    let (likely, top) = argmax(z, ids)?;
    let mut best = (likely, top + draw.noise.gumbel(t, c, likely));
    let mut words: Option<(u32, [u32; 4])> = None;
    for &id in ids {
        let z = z[id as usize];
        if z + GUMBEL_MAX < best.1 {
            continue;
        }
        let block = match words {
            Some((index, block)) if index == id >> 2 => block,
            _ => {
                let block = draw.noise.block(id >> 2, t, c);
                words = Some((id >> 2, block));
                block
            }
        };
        let x = block[(id & 3) as usize];
        if z + gumbel_bound(x) < best.1 {
            continue;
        }
        let score = z + gumbel(x);
        if score > best.1 || (score == best.1 && id < best.0) {
            best = (id, score);
        }
    }
    Some(best)
}
