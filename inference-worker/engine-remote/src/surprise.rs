//! Surprise minus entropy: whether an output's tokens look like draws from a model's distribution.
//!
//! If token `y_t` is drawn from `p_t`, its surprise `-ln p_t(y_t)` has the entropy `H_t` as its mean and
//! `V_t = sum p ln^2 p - H_t^2` as its variance. So `sum (-ln p_t(y_t) - H_t)` is a martingale with mean 0 and variance
//! `sum V_t`, and divided by the root of it nearly normal over a few hundred tokens. Below zero the tokens were
//! likelier than draws are (a lower temperature, say), above zero they were less likely (another model).

use quern_engine::sampler::TokenMask;

/// Most surprise that one token counts with, in nats: of what cannot come, infinity would say no more.
pub const CAP: f64 = 50.0;

/// One position of an output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// `-ln p` of its token in nats, at most [`CAP`].
    pub surprise: f64,
    /// Entropy of its distribution in nats.
    pub entropy: f64,
    /// Variance of the surprise of a draw, in nats squared.
    pub variance: f64,
}

/// Why a position says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SurpriseError {
    /// A logit is NaN or positive infinity, or none is finite.
    #[error("the model produced a logit that is not a number")]
    NotFinite,
    /// At temperature 0 nothing is drawn.
    #[error("the temperature must be above 0")]
    Temperature,
}

/// Surprise and entropy of a token under `softmax(logits / temperature)` over the tokenizer's ids.
///
/// # Errors
/// When the logits are no numbers or the temperature is not above 0.
pub fn position(
    logits: &[f32],
    tokens: &TokenMask,
    temperature: f64,
    token: u32,
) -> Result<Position, SurpriseError> {
    if !(temperature > 0.0 && temperature.is_finite()) {
        return Err(SurpriseError::Temperature);
    }
    let known = || {
        tokens
            .iter()
            .filter_map(|id| Some((id, f64::from(*logits.get(id as usize)?))))
    };
    if known().any(|(_, l)| l.is_nan() || l == f64::INFINITY) {
        return Err(SurpriseError::NotFinite);
    }
    let scaled = || known().map(|(id, l)| (id, l / temperature));
    let most = scaled().map(|(_, z)| z).fold(f64::NEG_INFINITY, f64::max);
    if !most.is_finite() {
        return Err(SurpriseError::NotFinite);
    }
    let total: f64 = scaled().map(|(_, z)| libm::exp(z - most)).sum();
    let base = most + libm::log(total);
    let (mut entropy, mut square, mut own) = (0.0, 0.0, None);
    for (id, z) in scaled() {
        let ln = z - base;
        if id == token {
            own = Some(-ln);
        }
        let p = libm::exp(ln);
        // What cannot come adds nothing: p ln p goes to 0.
        if p > 0.0 {
            entropy -= p * ln;
            square += p * ln * ln;
        }
    }
    Ok(Position {
        surprise: own.map_or(CAP, |own| own.clamp(0.0, CAP)),
        entropy,
        variance: (square - entropy * entropy).max(0.0),
    })
}

/// The statistic over positions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Surprise {
    /// How many positions.
    pub positions: u64,
    /// `sum (-ln p - H)`, in nats.
    pub sum: f64,
    /// Its variance if all tokens are draws, in nats squared.
    pub variance: f64,
    /// Tokens at the cap, which draws practically never are.
    pub impossible: u64,
}

impl Surprise {
    /// Adds a position.
    pub fn add(&mut self, position: &Position) {
        self.positions += 1;
        self.sum += position.surprise - position.entropy;
        self.variance += position.variance;
        self.impossible += u64::from(position.surprise >= CAP);
    }

    /// Adds the positions of another output.
    pub fn join(&mut self, other: &Self) {
        self.positions += other.positions;
        self.sum += other.sum;
        self.variance += other.variance;
        self.impossible += other.impossible;
    }

    /// The sum in standard deviations; none where nothing was left to chance.
    pub fn z(&self) -> Option<f64> {
        (self.variance > 1e-9).then(|| self.sum / self.variance.sqrt())
    }
}
