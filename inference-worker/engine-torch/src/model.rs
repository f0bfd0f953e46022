//! What a model folder holds: embedding, layers, output layer.

use crate::layer::{Layer, Shape};
use crate::linear::Linear;
use crate::norm::Norm;
use crate::rope::Turns;
use crate::weights::{LoadError, Weights, release_scratch};
use quern_engine::EngineError;
use quern_engine::config::ModelConfig;
use quern_engine::manifest;
use std::path::Path;
use tch::{Device, TchError, Tensor};

/// Weights and tables of a decoder.
pub(crate) struct Model {
    pub(crate) shape: Shape,
    /// Rows of the tokens; none if the output layer's weights serve for both.
    embedding: Option<Tensor>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: Norm,
    pub(crate) head: Linear,
    /// Rotary numbers of every position.
    pub(crate) turns: Turns,
    /// Factor of embedded rows.
    embedding_scale: Option<f64>,
    /// Bound of the logits, approached as tanh does.
    softcap: Option<f64>,
    /// Longest sequence.
    pub(crate) context: usize,
    pub(crate) vocab: usize,
    pub(crate) device: Device,
}

impl Model {
    pub(crate) fn load(
        folder: &Path,
        config: &ModelConfig,
        context: usize,
        device: Device,
    ) -> Result<Self, LoadError> {
        manifest::check(folder)?;
        let mut weights = Weights::open(folder, device)?;
        let table = [config.vocab_size, config.hidden_size];
        let embedding = weights.take("model.embed_tokens.weight", &table)?;
        let layers = (0..config.layers)
            .map(|index| {
                let layer = Layer::load(&mut weights, config, index);
                release_scratch();
                layer
            })
            .collect::<Result<Vec<_>, _>>()?;
        let norm = Norm::load(&mut weights, config, "model.norm.weight")?;
        let tied = config.tie_word_embeddings;
        // On the CPU the output layer's panels hold a tied embedding.
        let (embedding, head) = match (tied, device) {
            (true, Device::Cpu) => (None, embedding),
            (true, _) => (Some(embedding.shallow_clone()), embedding),
            (false, _) => (Some(embedding), weights.take("lm_head.weight", &table)?),
        };
        weights.finish(tied)?;
        Ok(Self {
            shape: Shape::new(config),
            embedding,
            layers,
            norm,
            head: Linear::new(head, None)?,
            turns: Turns::new(config, context, device)?,
            embedding_scale: config.embedding_scale,
            softcap: config.logit_softcap,
            context,
            vocab: config.vocab_size,
            device,
        })
    }

    /// From now on multiplies in bfloat16 and keeps the rest in fp32.
    pub(crate) fn multiply_in_bf16(&mut self) -> Result<(), LoadError> {
        for layer in &mut self.layers {
            layer.multiply_in_bf16()?;
        }
        if self.embedding.is_none() {
            let all: Vec<u32> = (0..self.vocab as u32).collect();
            self.embedding = self.head.rows(&all)?;
        }
        Ok(self.head.multiply_in_bf16()?)
    }

    /// Whether tokens may be appended so that a sequence has `length`.
    pub(crate) fn check(&self, tokens: &[u32], length: usize) -> Result<(), EngineError> {
        if tokens.is_empty() {
            return Err(EngineError::Request("a step needs at least one token"));
        }
        if length > self.context {
            return Err(EngineError::Context {
                asked: length,
                context: self.context,
            });
        }
        match tokens.iter().find(|id| **id as usize >= self.vocab) {
            Some(&id) => Err(EngineError::Token {
                id,
                vocab: self.vocab,
            }),
            None => Ok(()),
        }
    }

    /// Rows of the residual stream before the first layer.
    pub(crate) fn embed(&self, tokens: &[u32]) -> Result<Tensor, TchError> {
        let mut rows = match &self.embedding {
            Some(embedding) => {
                let ids: Vec<i64> = tokens.iter().map(|id| i64::from(*id)).collect();
                embedding.f_index_select(0, &Tensor::f_from_slice(&ids)?.f_to_device(self.device)?)?
            }
            None => {
                let rows = self.head.rows(tokens)?;
                rows.ok_or_else(|| TchError::Kind("no weights hold the embedding".into()))?
            }
        };
        match self.embedding_scale {
            Some(scale) => rows.f_mul_scalar_(scale),
            None => Ok(rows),
        }
    }

    /// Final norm and output layer for rows of the residual stream.
    pub(crate) fn logits(&self, x: &Tensor) -> Result<Vec<f32>, TchError> {
        let mut rows = self.head.apply(&self.norm.apply(x)?)?;
        if let Some(cap) = self.softcap {
            let _ = rows.f_mul_scalar_(1.0 / cap)?.f_tanh_()?.f_mul_scalar_(cap)?;
        }
        let rows = rows.f_to_device(Device::Cpu)?.f_contiguous()?;
        let mut values = vec![0f32; rows.numel()];
        let length = values.len();
        rows.f_copy_data(&mut values, length)?;
        Ok(values)
    }
}
