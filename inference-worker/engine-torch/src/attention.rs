//! How one layer attends.

use quern_engine::config::ModelConfig;
use tch::{Device, Kind, TchError, Tensor};

/// What a layer's attention does beyond `softmax(q k^T / sqrt(head_dim)) v` over all earlier positions. All `None`
/// for Llama.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct AttentionSpec {
    /// Factor of the scores in place of `1 / sqrt(head_dim)`.
    pub(crate) scale: Option<f64>,
    /// Positions that a query sees, its own among them: it sees `at + 1 - window ..= at`.
    pub(crate) window: Option<usize>,
    /// Scaled scores s become `softcap * tanh(s / softcap)`, before the mask.
    pub(crate) softcap: Option<f64>,
}

impl AttentionSpec {
    pub(crate) fn new(config: &ModelConfig, layer: usize) -> Self {
        Self {
            scale: config.attention_scale,
            window: config.windows.get(layer).copied().flatten(),
            softcap: config.attention_softcap,
        }
    }

    /// Attention of q, [.., n, head_dim], over k and v, [.., length, head_dim]. `mask` is added to the scores;
    /// `causal` stands for the mask of a sequence from its start.
    pub(crate) fn attend(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        mask: Option<&Tensor>,
        causal: bool,
    ) -> Result<Tensor, TchError> {
        let Some(cap) = self.softcap else {
            return Tensor::f_scaled_dot_product_attention(q, k, v, mask, 0.0, causal, self.scale, false);
        };
        let width = q.size().last().copied().unwrap_or(1) as f64;
        let scale = self.scale.unwrap_or_else(|| width.powf(-0.5));
        let mut scores = q.f_matmul(&k.f_transpose(-2, -1)?)?;
        let _ = scores.f_mul_scalar_(scale / cap)?.f_tanh_()?.f_mul_scalar_(cap)?;
        if let Some(mask) = mask {
            let _ = scores.f_add_(mask)?;
        }
        if causal {
            let n = q.size().iter().rev().nth(1).copied().unwrap_or(1);
            if let Some(mask) = run_mask(0, n as usize, None, q.device())? {
                let _ = scores.f_add_(&mask)?;
            }
        }
        scores.f_softmax(-1, Kind::Float)?.f_matmul(v)
    }
}

/// Mask [n, at + n] of n queries from position `at` on, over the whole sequence; `None` if each sees it all.
pub(crate) fn run_mask(
    at: usize,
    n: usize,
    window: Option<usize>,
    device: Device,
) -> Result<Option<Tensor>, TchError> {
    if n == 1 && window.is_none() {
        return Ok(None);
    }
    let size = [n as i64, (at + n) as i64];
    let blocked = Tensor::f_full(size, f64::NEG_INFINITY, (Kind::Float, device))?;
    // Row i sees positions at + i + 1 - window ..= at + i.
    let later = blocked.f_triu(at as i64 + 1)?;
    match window {
        None => Ok(Some(later)),
        Some(window) => Ok(Some(later.f_add(&blocked.f_tril(at as i64 - window as i64)?)?)),
    }
}
