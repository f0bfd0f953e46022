//! Rotary position embedding as multiplication of complex numbers.

use quern_engine::config::{ModelConfig, Rope};
use tch::{Device, Kind, TchError, Tensor};

/// Rotary numbers of some positions: complex, shape [positions, 1, pairs].
pub(crate) struct Turns {
    all: Tensor,
    /// Of the layers with a window, where they differ.
    windowed: Option<Tensor>,
}

impl Turns {
    /// Of positions `0 .. positions`.
    pub(crate) fn new(config: &ModelConfig, positions: usize, device: Device) -> Result<Self, TchError> {
        let table = |rope: &Rope| table(rope, config.head_dim, positions, device);
        Ok(Self {
            all: table(&config.rope)?,
            windowed: config.window_rope.as_ref().map(table).transpose()?,
        })
    }

    fn map(&self, part: impl Fn(&Tensor) -> Result<Tensor, TchError>) -> Result<Self, TchError> {
        Ok(Self {
            all: part(&self.all)?,
            windowed: self.windowed.as_ref().map(part).transpose()?,
        })
    }

    pub(crate) fn f_index_select(&self, dim: i64, index: &Tensor) -> Result<Self, TchError> {
        self.map(|table| table.f_index_select(dim, index))
    }

    /// The numbers that a layer with or without a window takes.
    pub(crate) fn of(&self, window: Option<usize>) -> &Tensor {
        match (&self.windowed, window) {
            (Some(windowed), Some(_)) => windowed,
            _ => &self.all,
        }
    }
}

/// Complex numbers `factor * exp(i * position * frequency)`.
///
/// Angles are rounded to f32 before cosine and sine, as the reference implementation does: at far positions the
/// rounding is visible in the logits.
fn table(rope: &Rope, head_dim: usize, positions: usize, device: Device) -> Result<Tensor, TchError> {
    let frequencies: Vec<f32> = rope
        .inverse_frequencies(head_dim)
        .iter()
        .map(|f| *f as f32)
        .collect();
    let pairs = frequencies.len() as i64;
    let frequencies = Tensor::f_from_slice(&frequencies)?;
    let at = Tensor::f_arange(positions as i64, (Kind::Float, Device::Cpu))?.f_view([-1, 1])?;
    let angles = at.f_mul(&frequencies)?;
    let mut parts = Tensor::f_stack(&[angles.f_cos()?, angles.f_sin()?], -1)?;
    let factor = rope.attention_factor();
    if factor != 1.0 {
        let _ = parts.f_mul_scalar_(factor)?;
    }
    parts
        .f_view_as_complex()?
        .f_view([-1, 1, pairs])?
        .f_to_device(device)
}

/// Reorders the rows of a projection, [heads * head_dim, ...], from the checkpoint's halves (x of all pairs, then
/// y of all pairs) to pairs side by side, so that a head reads as complex numbers. Queries and keys are reordered
/// alike, so their products do not change.
pub(crate) fn interleave(weight: &Tensor, heads: i64, head_dim: i64) -> Result<Tensor, TchError> {
    let shape = weight.size();
    weight
        .f_view([heads, 2, head_dim / 2, -1])?
        .f_transpose(1, 2)?
        .f_reshape(&shape)
}
