//! Copies of a model with coarser weights: what a host that saves memory or time would run.

use anyhow::{Context, bail};
use safetensors::tensor::{TensorView, serialize_to_file};
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;

/// Weights that share a scale.
const GROUP: usize = 32;

/// A coarser number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// bfloat16.
    Bf16,
    /// Signed integers of so many bits, 2 to 8, over groups of 32 that share a scale.
    Bits(u32),
}

/// Writes a copy of a model folder whose projections are rounded; embeddings and norms stay, as is usual.
pub fn round_weights(model: &Path, rounding: Rounding, out: &Path) -> anyhow::Result<()> {
    if let Rounding::Bits(bits) = rounding
        && !(2..=8).contains(&bits)
    {
        bail!("weights can be rounded to 2 to 8 bits, not {bits}");
    }
    fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    for name in [
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ] {
        if model.join(name).exists() {
            fs::copy(model.join(name), out.join(name))?;
        }
    }
    let path = model.join("model.safetensors");
    let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let mut rounded = Vec::new();
    for (name, view) in tensors.tensors() {
        if view.dtype() != Dtype::F32 {
            bail!(
                "{name} is stored as {:?}; only F32 is supported here",
                view.dtype()
            );
        }
        let words = view.data().chunks_exact(4);
        let mut values: Vec<f32> = words
            .map(|w| f32::from_le_bytes([w[0], w[1], w[2], w[3]]))
            .collect();
        if name.contains("_proj.") {
            round(&mut values, rounding);
        }
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        rounded.push((name, view.shape().to_vec(), data));
    }
    let views = rounded
        .iter()
        .map(|(name, shape, data)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), data)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    serialize_to_file(views, None, &out.join("model.safetensors"))?;
    Ok(())
}

fn round(values: &mut [f32], rounding: Rounding) {
    match rounding {
        Rounding::Bf16 => {
            for value in values {
                // to nearest, ties to even
                let bits = value.to_bits();
                let up = 0x7FFF + ((bits >> 16) & 1);
                *value = f32::from_bits(bits.wrapping_add(up) & 0xFFFF_0000);
            }
        }
        Rounding::Bits(bits) => {
            let top = ((1 << (bits - 1)) - 1) as f32;
            for group in values.chunks_mut(GROUP) {
                let largest = group.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                let scale = largest / top;
                if scale > 0.0 {
                    for value in group {
                        *value = (*value / scale).round() * scale;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_keeps_its_largest_weight_and_as_many_levels_as_its_bits_allow() {
        let weights: Vec<f32> = (0..96_u8).map(|i| (f32::from(i) - 40.0) * 0.013).collect();
        for bits in [3, 4, 8] {
            let mut rounded = weights.clone();
            round(&mut rounded, Rounding::Bits(bits));
            let top = ((1 << (bits - 1)) - 1) as f32;
            for (before, after) in weights.chunks(GROUP).zip(rounded.chunks(GROUP)) {
                let most = |group: &[f32]| group.iter().fold(0.0_f32, |most, w| most.max(w.abs()));
                assert!((most(before) - most(after)).abs() < 1e-6);
                let mut levels: Vec<u32> = after.iter().map(|w| (w + 0.0).to_bits()).collect();
                levels.sort_unstable();
                levels.dedup();
                assert!(levels.len() < 1 << bits);
                let step = most(before) / top;
                let off = before.iter().zip(after).map(|(a, b)| (a - b).abs());
                assert!(off.fold(0.0, f32::max) <= step * 0.501);
            }
        }
        let mut halved = [1.0_f32, 1.0 + f32::EPSILON, -3.3];
        round(&mut halved, Rounding::Bf16);
        assert_eq!(halved, [1.0, 1.0, -3.296_875]);
    }
}
