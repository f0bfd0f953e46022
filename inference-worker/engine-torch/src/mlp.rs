//! Gated feed-forward layers.

use crate::linear::Linear;
use crate::weights::{LoadError, Weights};
use quern_engine::config::{Activation, ModelConfig};
use tch::{TchError, Tensor};

/// `down(activation(gate(x)) * up(x))`.
pub(crate) struct Mlp {
    gate_up: Linear,
    down: Linear,
    inner: i64,
    activation: Activation,
}

/// Names of a gated feed-forward layer's projections.
pub(crate) struct Names<'a> {
    pub(crate) gate: &'a str,
    pub(crate) up: &'a str,
    pub(crate) down: &'a str,
}

impl Mlp {
    /// Loads the projections below `place`, which are `inner` wide.
    pub(crate) fn load(
        weights: &mut Weights,
        config: &ModelConfig,
        place: &str,
        names: &Names<'_>,
        inner: usize,
    ) -> Result<Self, LoadError> {
        let h = config.hidden_size;
        let mut take =
            |name: &str, part: &str, size: &[usize]| weights.take(&format!("{place}.{name}.{part}"), size);
        let mut both = |part: &str, size: &[usize]| -> Result<Tensor, LoadError> {
            let full = [&[inner], size].concat();
            let gate = take(names.gate, part, &full)?;
            Ok(Tensor::f_cat(&[gate, take(names.up, part, &full)?], 0)?)
        };
        let gate_up = both("weight", &[h])?;
        let gate_up_bias = if config.mlp_bias {
            Some(both("bias", &[])?)
        } else {
            None
        };
        let down = take(names.down, "weight", &[h, inner])?;
        let down_bias = if config.mlp_bias {
            Some(take(names.down, "bias", &[h])?)
        } else {
            None
        };
        Ok(Self {
            gate_up: Linear::new(gate_up, gate_up_bias)?,
            down: Linear::new(down, down_bias)?,
            inner: inner as i64,
            activation: config.activation,
        })
    }

    pub(crate) fn multiply_in_bf16(&mut self) -> Result<(), TchError> {
        self.gate_up.multiply_in_bf16()?;
        self.down.multiply_in_bf16()
    }

    fn inner(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let gate_up = self.gate_up.apply(x)?;
        let gate = gate_up.f_narrow(1, 0, self.inner)?;
        let mut inner = match self.activation {
            Activation::Silu => gate.f_silu()?,
            Activation::GeluTanh => gate.f_gelu("tanh")?,
        };
        let _ = inner.f_mul_(&gate_up.f_narrow(1, self.inner, self.inner)?)?;
        Ok(inner)
    }

    pub(crate) fn apply(&self, x: &Tensor) -> Result<Tensor, TchError> {
        self.down.apply(&self.inner(x)?)
    }

    /// `sum += apply(x)`, the addition inside the last product where the kernel can.
    pub(crate) fn accumulate(&self, sum: &mut Tensor, x: &Tensor) -> Result<(), TchError> {
        self.down.accumulate(sum, &self.inner(x)?)
    }
}
