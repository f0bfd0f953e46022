//! Sampling parameters and their bounds.

use std::collections::BTreeMap;

/// How tokens are drawn. Defaults switch every processor off except temperature 1.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingParams {
    /// Added to the logit of a token id, -100 to 100.
    pub bias: BTreeMap<u32, f64>,
    /// Divides positive and multiplies negative logits of tokens in prompt or output; 1 is off.
    pub repetition_penalty: f64,
    /// Subtracted once per earlier occurrence in the output; 0 is off.
    pub frequency_penalty: f64,
    /// Subtracted once if the token occurs in the output; 0 is off.
    pub presence_penalty: f64,
    /// 0 takes the largest logit without noise; at most 2.
    pub temperature: f64,
    /// Keeps the k largest logits and their ties; 0 is off.
    pub top_k: u32,
    /// Keeps the smallest head of the distribution that holds this mass, with ties; 1 is off.
    pub top_p: f64,
    /// Keeps tokens at least this share of the most likely one; 0 is off.
    pub min_p: f64,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            bias: BTreeMap::new(),
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
        }
    }
}

/// A parameter outside its bounds.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{name} must be {bounds}, got {value}")]
pub struct ParamError {
    /// Name as in the request.
    pub name: &'static str,
    /// The bounds in words.
    pub bounds: &'static str,
    /// What came.
    pub value: f64,
}

impl SamplingParams {
    /// Checks every bound; NaN and infinities fail all of them.
    ///
    /// # Errors
    /// The first parameter that is out of bounds.
    pub fn validate(&self) -> Result<(), ParamError> {
        let check = |name, value: f64, ok: bool, bounds| {
            if ok {
                Ok(())
            } else {
                Err(ParamError { name, bounds, value })
            }
        };
        // Below 1e-3 every draw is greedy and l / T loses digits, so nothing lies between it and 0.
        let t = self.temperature;
        check(
            "temperature",
            t,
            t == 0.0 || (1e-3..=2.0).contains(&t),
            "0 or between 0.001 and 2",
        )?;
        let p = self.top_p;
        check("top_p", p, p > 0.0 && p <= 1.0, "above 0 and at most 1")?;
        check(
            "min_p",
            self.min_p,
            (0.0..=1.0).contains(&self.min_p),
            "between 0 and 1",
        )?;
        let r = self.repetition_penalty;
        check(
            "repetition_penalty",
            r,
            (0.01..=100.0).contains(&r),
            "between 0.01 and 100",
        )?;
        for (name, value) in [
            ("frequency_penalty", self.frequency_penalty),
            ("presence_penalty", self.presence_penalty),
        ] {
            check(name, value, (-2.0..=2.0).contains(&value), "between -2 and 2")?;
        }
        for &value in self.bias.values() {
            check(
                "logit_bias",
                value,
                (-100.0..=100.0).contains(&value),
                "between -100 and 100",
            )?;
        }
        Ok(())
    }
}
