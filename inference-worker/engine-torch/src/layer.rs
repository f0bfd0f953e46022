//! One decoder layer with its projections fused at load.

use crate::attention::AttentionSpec;
use crate::linear::Linear;
use crate::rope;
use crate::weights::{LoadError, Weights};
use quern_engine::config::ModelConfig;
use tch::{TchError, Tensor};

/// Sizes that shapes are built from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) hidden: i64,
    pub(crate) inner: i64,
    pub(crate) heads: i64,
    pub(crate) kv_heads: i64,
    pub(crate) head_dim: i64,
    pub(crate) eps: f64,
}

impl Shape {
    pub(crate) fn new(config: &ModelConfig) -> Self {
        Self {
            hidden: config.hidden_size as i64,
            inner: config.intermediate_size as i64,
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
    attention_norm: Tensor,
    qkv: Linear,
    out: Linear,
    mlp_norm: Tensor,
    gate_up: Linear,
    down: Linear,
}

impl Layer {
    pub(crate) fn load(weights: &mut Weights, config: &ModelConfig, index: usize) -> Result<Self, LoadError> {
        let shape = Shape::new(config);
        let (h, i, d) = (config.hidden_size, config.intermediate_size, config.head_dim);
        let (q_rows, kv_rows) = (config.heads * d, config.kv_heads * d);
        let mut take =
            |name: &str, size: &[usize]| weights.take(&format!("model.layers.{index}.{name}"), size);
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
        let qkv_bias = if config.attention_bias {
            Some(projections("bias", &[])?)
        } else {
            None
        };
        // Columns of the output projection follow the order of the query heads.
        let out = take("self_attn.o_proj.weight", &[h, q_rows])?;
        let out = group_major(&out.f_tr()?.f_contiguous()?, &shape)?
            .f_tr()?
            .f_contiguous()?;
        let out_bias = if config.attention_bias {
            Some(take("self_attn.o_proj.bias", &[h])?)
        } else {
            None
        };
        let mut both = |part: &str, size: &[usize]| -> Result<Tensor, LoadError> {
            let full = [&[i], size].concat();
            let gate = take(&format!("mlp.gate_proj.{part}"), &full)?;
            Ok(Tensor::f_cat(
                &[gate, take(&format!("mlp.up_proj.{part}"), &full)?],
                0,
            )?)
        };
        let gate_up = both("weight", &[h])?;
        let gate_up_bias = if config.mlp_bias {
            Some(both("bias", &[])?)
        } else {
            None
        };
        let down = take("mlp.down_proj.weight", &[h, i])?;
        let down_bias = if config.mlp_bias {
            Some(take("mlp.down_proj.bias", &[h])?)
        } else {
            None
        };
        Ok(Self {
            attention_norm: take("input_layernorm.weight", &[h])?,
            qkv: Linear::new(qkv, qkv_bias)?,
            out: Linear::new(out, out_bias)?,
            mlp_norm: take("post_attention_layernorm.weight", &[h])?,
            gate_up: Linear::new(gate_up, gate_up_bias)?,
            down: Linear::new(down, down_bias)?,
        })
    }

    /// How this layer attends.
    #[expect(dead_code, reason = "the decoder honours it with the first family that needs it")]
    pub(crate) fn attention_spec(&self) -> AttentionSpec {
        AttentionSpec::default()
    }

    pub(crate) fn multiply_in_bf16(&mut self) -> Result<(), TchError> {
        [&mut self.qkv, &mut self.out, &mut self.gate_up, &mut self.down]
            .into_iter()
            .try_for_each(Linear::multiply_in_bf16)
    }

    /// Adds this layer's output to `x`, [n, hidden]. `turn` holds the rotary numbers of the n positions; `attend`
    /// takes queries [n, heads, head_dim] and new keys and values [n, 2 * kv_heads, head_dim], both rotated, and
    /// returns [n, heads * head_dim].
    pub(crate) fn forward(
        &self,
        x: &mut Tensor,
        shape: &Shape,
        turn: &Tensor,
        attend: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor, TchError>,
    ) -> Result<(), TchError> {
        let n = x.size()[0];
        let normed = x.f_rms_norm([shape.hidden], Some(&self.attention_norm), shape.eps)?;
        let qkv = self.qkv.apply(&normed)?;
        let qkv = qkv.f_view([n, shape.heads + 2 * shape.kv_heads, shape.head_dim])?;
        let _ = qkv
            .f_narrow(1, 0, shape.heads + shape.kv_heads)?
            .f_view([n, shape.heads + shape.kv_heads, shape.head_dim / 2, 2])?
            .f_view_as_complex()?
            .f_mul_(turn)?;
        let attended = attend(
            &qkv.f_narrow(1, 0, shape.heads)?,
            &qkv.f_narrow(1, shape.heads, 2 * shape.kv_heads)?,
        )?;
        self.out.accumulate(x, &attended)?;

        let normed = x.f_rms_norm([shape.hidden], Some(&self.mlp_norm), shape.eps)?;
        let gate_up = self.gate_up.apply(&normed)?;
        let mut inner = gate_up.f_narrow(1, 0, shape.inner)?.f_silu()?;
        let _ = inner.f_mul_(&gate_up.f_narrow(1, shape.inner, shape.inner)?)?;
        self.down.accumulate(x, &inner)
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
