//! One decoder layer with its projections fused at load.

use crate::attention::AttentionSpec;
use crate::linear::Linear;
use crate::mlp::{Mlp, Names};
use crate::moe::Mixture;
use crate::norm::{self, Norm};
use crate::rope::{self, Turns};
use crate::weights::{LoadError, Weights};
use quern_engine::config::ModelConfig;
use tch::{TchError, Tensor};

/// Sizes that shapes are built from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) heads: i64,
    pub(crate) kv_heads: i64,
    pub(crate) head_dim: i64,
    pub(crate) eps: f64,
}

impl Shape {
    pub(crate) fn new(config: &ModelConfig) -> Self {
        Self {
            heads: config.heads as i64,
            kv_heads: config.kv_heads as i64,
            head_dim: config.head_dim as i64,
            eps: config.rms_norm_eps,
        }
    }

    /// Query heads that share one key head.
    pub(crate) fn group(&self) -> i64 {
        self.heads / self.kv_heads
    }
}

/// Weights of one layer. Query heads are stored group-major, (group, kv head), not kv-head-major as in the
/// checkpoint: attention then returns its output in the order in which `out` reads it, without a copy.
pub(crate) struct Layer {
    spec: AttentionSpec,
    attention_norm: Norm,
    qkv: Linear,
    /// Factors of normed queries and keys, [heads + kv_heads, head_dim].
    qk_norm: Option<Tensor>,
    out: Linear,
    /// Norm of the attention's output.
    out_norm: Option<Norm>,
    mlp_norm: Norm,
    feed_forward: FeedForward,
    /// Norm of the feed-forward layer's output.
    down_norm: Option<Norm>,
}

enum FeedForward {
    One(Mlp),
    Experts(Mixture),
}

impl Layer {
    pub(crate) fn load(weights: &mut Weights, config: &ModelConfig, index: usize) -> Result<Self, LoadError> {
        let shape = Shape::new(config);
        let (h, d) = (config.hidden_size, config.head_dim);
        let (q_rows, kv_rows) = (config.heads * d, config.kv_heads * d);
        let layer = format!("model.layers.{index}");
        let mut take = |name: &str, size: &[usize]| weights.take(&format!("{layer}.{name}"), size);
        let mut projections = |part: &str, size: &[usize]| -> Result<Tensor, LoadError> {
            let full = |rows: usize| [&[rows], size].concat();
            let q = take(&format!("self_attn.q_proj.{part}"), &full(q_rows))?;
            let k = take(&format!("self_attn.k_proj.{part}"), &full(kv_rows))?;
            let v = take(&format!("self_attn.v_proj.{part}"), &full(kv_rows))?;
            let q = group_major(&rope::interleave(&q, shape.heads, shape.head_dim)?, &shape)?;
            let k = rope::interleave(&k, shape.kv_heads, shape.head_dim)?;
            Ok(Tensor::f_cat(&[q, k, v], 0)?)
        };
        let qkv = projections("weight", &[h])?;
        let qkv_bias = if config.qkv_bias {
            Some(projections("bias", &[])?)
        } else {
            None
        };
        // Columns of the output projection follow the order of the query heads.
        let out = take("self_attn.o_proj.weight", &[h, q_rows])?;
        let out = group_major(&out.f_tr()?.f_contiguous()?, &shape)?
            .f_tr()?
            .f_contiguous()?;
        let out_bias = if config.out_bias {
            Some(take("self_attn.o_proj.bias", &[h])?)
        } else {
            None
        };
        let qk_norm = if config.qk_norm {
            Some(Self::qk_norm(weights, config, &layer)?)
        } else {
            None
        };
        let mut norm = |name: &str| Norm::load(weights, config, &format!("{layer}.{name}.weight"));
        let attention_norm = norm("input_layernorm")?;
        // Where outputs are normed too, the name of Llama's second norm stands for the first of them.
        let (out_norm, mlp_norm, down_norm) = if config.output_norms {
            (
                Some(norm("post_attention_layernorm")?),
                norm("pre_feedforward_layernorm")?,
                Some(norm("post_feedforward_layernorm")?),
            )
        } else {
            (None, norm("post_attention_layernorm")?, None)
        };
        Ok(Self {
            spec: AttentionSpec::new(config, index),
            attention_norm,
            qkv: Linear::new(qkv, qkv_bias)?,
            qk_norm,
            out: Linear::new(out, out_bias)?,
            out_norm,
            mlp_norm,
            feed_forward: FeedForward::load(weights, config, &layer, index)?,
            down_norm,
        })
    }

    fn qk_norm(weights: &mut Weights, config: &ModelConfig, layer: &str) -> Result<Tensor, LoadError> {
        let d = config.head_dim;
        let mut heads = |name: &str, count: usize| -> Result<Tensor, LoadError> {
            let factor = norm::factor(weights, config, &format!("{layer}.self_attn.{name}.weight"), d)?;
            let factor = rope::interleave(&factor, 1, d as i64)?;
            Ok(factor
                .f_view([1, d as i64])?
                .f_expand([count as i64, d as i64], false)?)
        };
        let both = [heads("q_norm", config.heads)?, heads("k_norm", config.kv_heads)?];
        Ok(Tensor::f_cat(&both, 0)?)
    }

    /// How this layer attends.
    pub(crate) fn attention_spec(&self) -> AttentionSpec {
        self.spec
    }

    pub(crate) fn multiply_in_bf16(&mut self) -> Result<(), TchError> {
        self.qkv.multiply_in_bf16()?;
        self.out.multiply_in_bf16()?;
        match &mut self.feed_forward {
            FeedForward::One(mlp) => mlp.multiply_in_bf16(),
            FeedForward::Experts(mixture) => mixture.multiply_in_bf16(),
        }
    }

    /// Adds this layer's output to `x`, [n, hidden]. `turn` holds the rotary numbers of the n positions; `attend`
    /// takes queries [n, heads, head_dim] and new keys and values [n, 2 * kv_heads, head_dim], both rotated, and
    /// returns [n, heads * head_dim].
    pub(crate) fn forward(
        &self,
        x: &mut Tensor,
        shape: &Shape,
        turn: &Turns,
        attend: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor, TchError>,
    ) -> Result<(), TchError> {
        let n = x.size()[0];
        let normed = self.attention_norm.apply(x)?;
        let qkv = self.qkv.apply(&normed)?;
        let qkv = qkv.f_view([n, shape.heads + 2 * shape.kv_heads, shape.head_dim])?;
        let mut qk = qkv.f_narrow(1, 0, shape.heads + shape.kv_heads)?;
        if let Some(factors) = &self.qk_norm {
            let mut normed = qk.f_rms_norm([shape.head_dim], None::<&Tensor>, shape.eps)?;
            qk.f_copy_(&normed.f_mul_(factors)?)?;
        }
        let _ = qk
            .f_view([n, shape.heads + shape.kv_heads, shape.head_dim / 2, 2])?
            .f_view_as_complex()?
            .f_mul_(turn.of(self.spec.window))?;
        let attended = attend(
            &qkv.f_narrow(1, 0, shape.heads)?,
            &qkv.f_narrow(1, shape.heads, 2 * shape.kv_heads)?,
        )?;
        match &self.out_norm {
            None => self.out.accumulate(x, &attended)?,
            Some(norm) => x.f_add_(&norm.apply(&self.out.apply(&attended)?)?).map(drop)?,
        }
        let normed = self.mlp_norm.apply(x)?;
        match (&self.feed_forward, &self.down_norm) {
            (FeedForward::One(mlp), None) => mlp.accumulate(x, &normed),
            (FeedForward::One(mlp), Some(norm)) => x.f_add_(&norm.apply(&mlp.apply(&normed)?)?).map(drop),
            (FeedForward::Experts(mixture), None) => x.f_add_(&mixture.apply(&normed)?).map(drop),
            (FeedForward::Experts(mixture), Some(norm)) => {
                x.f_add_(&norm.apply(&mixture.apply(&normed)?)?).map(drop)
            }
        }
    }
}

impl FeedForward {
    fn load(
        weights: &mut Weights,
        config: &ModelConfig,
        layer: &str,
        index: usize,
    ) -> Result<Self, LoadError> {
        let experts = config.experts.as_ref();
        if let Some(experts) = experts.filter(|experts| experts.layers.get(index) == Some(&true)) {
            return Ok(Self::Experts(Mixture::load(weights, config, layer, experts)?));
        }
        let names = Names {
            gate: "gate_proj",
            up: "up_proj",
            down: "down_proj",
        };
        let place = format!("{layer}.mlp");
        let inner = config.intermediate_size;
        Ok(Self::One(Mlp::load(weights, config, &place, &names, inner)?))
    }
}

/// Reorders rows, [heads * head_dim, ...], from (kv head, group) to (group, kv head).
fn group_major(weight: &Tensor, shape: &Shape) -> Result<Tensor, TchError> {
    let size = weight.size();
    weight
        .f_view([shape.kv_heads, shape.group(), shape.head_dim, -1])?
        .f_transpose(0, 1)?
        .f_reshape(&size)
}
