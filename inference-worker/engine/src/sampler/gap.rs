//! The verifier's score of one token: how far in logits the host's choice lies below the best one.

use super::{Draw, SampleError, noisy_argmax, process, support};

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

/// Scores token `y`, chosen by a host at `draw.at`, under the verifier's own logits. At T = 0 the plain logit gap.
///
/// # Errors
/// [`SampleError`] when the verifier's logits cannot be used.
pub fn gap(logits: &[f32], y: u32, draw: &Draw<'_>, rule: &GapRule) -> Result<Gap, SampleError> {
    let l = process::process(logits, draw.params, &draw.history, draw.tokens)?;
    let temperature = draw.params.temperature;
    let outside = Gap {
        gap: rule.clip,
        supported: false,
    };
    if temperature == 0.0 {
        let ids = support::members(&l, f64::MIN, draw.grammar);
        let (_, best) = super::argmax(&l, &ids).ok_or(SampleError::NothingLeft)?;
        if ids.binary_search(&y).is_err() {
            return Ok(outside);
        }
        return Ok(Gap {
            gap: (best - l[y as usize]).clamp(0.0, rule.clip),
            supported: true,
        });
    }
    let z: Vec<f64> = l.iter().map(|l| l / temperature).collect();
    let (surely, perhaps) = support::brackets(&z, draw.params, rule.slack / temperature, draw.grammar);
    if perhaps.binary_search(&y).is_err() {
        return Ok(outside);
    }
    let Some((_, best)) = noisy_argmax(&z, &surely, draw) else {
        // No id is surely in S, so none can be said to lie above the host's.
        return Ok(Gap {
            gap: 0.0,
            supported: true,
        });
    };
    let chosen = z[y as usize] + draw.noise.gumbel(draw.at.t, draw.at.c, y);
    Ok(Gap {
        gap: (temperature * (best - chosen)).clamp(0.0, rule.clip),
        supported: true,
    })
}
