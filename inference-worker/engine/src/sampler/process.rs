//! The processors before temperature: mask of real token ids, bias and penalties.

use super::{History, SampleError, SamplingParams, TokenMask};
use std::collections::BTreeMap;

/// Logits in f64 after bias and penalties. Ids beyond the tokenizer's come out as negative infinity.
pub(super) fn process(
    logits: &[f32],
    params: &SamplingParams,
    history: &History<'_>,
    tokens: &TokenMask,
) -> Result<Vec<f64>, SampleError> {
    if logits.iter().any(|l| l.is_nan() || *l == f32::INFINITY) {
        return Err(SampleError::NotFinite);
    }
    let mut out: Vec<f64> = logits.iter().map(|&l| f64::from(l)).collect();
    for (&id, &bias) in &params.bias {
        if let Some(l) = out.get_mut(id as usize) {
            *l += bias;
        }
    }
    penalise(&mut out, params, history);
    for (id, l) in out.iter_mut().enumerate() {
        if !tokens.contains(id as u32) {
            *l = f64::NEG_INFINITY;
        }
    }
    if out.iter().all(|l| *l == f64::NEG_INFINITY) {
        Err(SampleError::NothingLeft)
    } else {
        Ok(out)
    }
}

fn penalise(out: &mut [f64], params: &SamplingParams, history: &History<'_>) {
    if params.repetition_penalty != 1.0 {
        let seen: std::collections::BTreeSet<u32> =
            history.prompt.iter().chain(history.output).copied().collect();
        for id in seen {
            if let Some(l) = out.get_mut(id as usize) {
                *l = if *l > 0.0 {
                    *l / params.repetition_penalty
                } else {
                    *l * params.repetition_penalty
                };
            }
        }
    }
    if params.frequency_penalty != 0.0 || params.presence_penalty != 0.0 {
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        for &id in history.output {
            *counts.entry(id).or_default() += 1;
        }
        for (id, count) in counts {
            if let Some(l) = out.get_mut(id as usize) {
                *l -= params.frequency_penalty * f64::from(count) + params.presence_penalty;
            }
        }
    }
}
