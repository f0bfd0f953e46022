//! The verifier's view of one token: how far in logits the host's choice lies above or below the best other one.

use super::{Draw, SampleError, argmax, noisy_argmax, process, support};

/// What the verifier tolerates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GapRule {
    /// Clip D, in logits.
    pub clip: f64,
    /// How far an honest host's logit may lie from the verifier's, in logits; moves the filters' thresholds.
    pub slack: f64,
}

/// The score of one token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// `T · [max over S⁻ of (l / T + G) − (l_y / T + G_y)]`, clipped to `[0, D]`; D outside S⁺.
    pub gap: f64,
    /// Whether the token lies in S⁺.
    pub supported: bool,
}

/// `T · [(l_y / T + G_y) − max over the others of S⁻ of (l / T + G)]` for token `y`, chosen by a host at `draw.at`,
/// under the verifier's own logits; at T = 0 the plain lead in logits. Negative if another token should have been
/// drawn. Positive infinity if no other is surely in S, negative infinity if `y` lies outside S⁺. `slack` is
/// [`GapRule::slack`].
///
/// # Errors
/// [`SampleError`] when the verifier's logits cannot be used.
pub fn margin(logits: &[f32], y: u32, draw: &Draw<'_>, slack: f64) -> Result<f64, SampleError> {
    let l = process::process(logits, draw.params, &draw.history, draw.tokens)?;
    let temperature = draw.params.temperature;
    let others = |mut ids: Vec<u32>| {
        ids.retain(|id| *id != y);
        ids
    };
    if temperature == 0.0 {
        let ids = support::members(&l, f64::MIN, draw.grammar);
        if ids.is_empty() {
            return Err(SampleError::NothingLeft);
        }
        if ids.binary_search(&y).is_err() {
            return Ok(f64::NEG_INFINITY);
        }
        return Ok(argmax(&l, &others(ids)).map_or(f64::INFINITY, |(_, best)| l[y as usize] - best));
    }
    let z: Vec<f64> = l.iter().map(|l| l / temperature).collect();
    let (surely, perhaps) = support::brackets(&z, draw.params, slack / temperature, draw.grammar);
    if perhaps.binary_search(&y).is_err() {
        return Ok(f64::NEG_INFINITY);
    }
    let Some((_, best)) = noisy_argmax(&z, &others(surely), draw) else {
        return Ok(f64::INFINITY);
    };
    let chosen = z[y as usize] + draw.noise.gumbel(draw.at.t, draw.at.c, y);
    Ok(temperature * (chosen - best))
}

/// Scores token `y`: its [`margin`] where that is negative, clipped.
///
/// # Errors
/// As [`margin`].
pub fn gap(logits: &[f32], y: u32, draw: &Draw<'_>, rule: &GapRule) -> Result<Gap, SampleError> {
    let margin = margin(logits, y, draw, rule.slack)?;
    Ok(Gap {
        gap: (-margin).clamp(0.0, rule.clip),
        supported: margin != f64::NEG_INFINITY,
    })
}
