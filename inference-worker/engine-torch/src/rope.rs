//! Rotary position embedding as multiplication of complex numbers.

use quern_engine::config::ModelConfig;
use tch::{Device, Kind, TchError, Tensor};

/// Unit complex numbers `exp(i * position * frequency)`, shape [positions, 1, pairs].
///
/// Angles are rounded to f32 before cosine and sine, as the reference implementation does: at far positions the
/// rounding is visible in the logits.
pub(crate) fn table(config: &ModelConfig, positions: usize, device: Device) -> Result<Tensor, TchError> {
    let frequencies: Vec<f32> = config.inverse_frequencies().iter().map(|f| *f as f32).collect();
    let pairs = frequencies.len() as i64;
    let frequencies = Tensor::f_from_slice(&frequencies)?;
    let at = Tensor::f_arange(positions as i64, (Kind::Float, Device::Cpu))?.f_view([-1, 1])?;
    let angles = at.f_mul(&frequencies)?;
    let parts = Tensor::f_stack(&[angles.f_cos()?, angles.f_sin()?], -1)?;
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
