//! Root-mean-square norms.

use crate::weights::{LoadError, Weights};
use quern_engine::config::ModelConfig;
use tch::{TchError, Tensor};

/// `x / sqrt(mean(x^2) + eps) * weight` over rows.
pub(crate) struct Norm {
    weight: Tensor,
    width: i64,
    eps: f64,
}

impl Norm {
    pub(crate) fn load(weights: &mut Weights, config: &ModelConfig, name: &str) -> Result<Self, LoadError> {
        Ok(Self {
            weight: factor(weights, config, name, config.hidden_size)?,
            width: config.hidden_size as i64,
            eps: config.rms_norm_eps,
        })
    }

    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_rms_norm([self.width], Some(&self.weight), self.eps)
    }
}

/// The factor that a stored norm weight means.
pub(crate) fn factor(
    weights: &mut Weights,
    config: &ModelConfig,
    name: &str,
    width: usize,
) -> Result<Tensor, LoadError> {
    let stored = weights.take(name, &[width])?;
    if config.norm_plus_one {
        Ok(stored.f_add_scalar(1.0)?)
    } else {
        Ok(stored)
    }
}
