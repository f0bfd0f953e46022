//! Sentence encoders of the BERT class: texts become vectors.

use crate::backend;
use crate::linear::Linear;
use crate::weights::{LoadError, Weights};
use quern_engine::EngineError;
use quern_engine::config::{EncoderConfig, Pooling};
use quern_engine::manifest;
use std::path::Path;
use tch::{Device, Kind, TchError, Tensor, no_grad};

/// Padded tokens that go through the layers at once; bounds the memory of a batch.
const CHUNK: usize = 8192;

/// A sentence encoder.
pub struct Encoder {
    config: EncoderConfig,
    words: Tensor,
    /// Position and segment, for each position.
    places: Tensor,
    norm: LayerNorm,
    layers: Vec<EncoderLayer>,
    device: Device,
}

struct EncoderLayer {
    qkv: Linear,
    out: Linear,
    out_norm: LayerNorm,
    up: Linear,
    down: Linear,
    down_norm: LayerNorm,
}

struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    fn load(weights: &mut Weights, config: &EncoderConfig, name: &str) -> Result<Self, LoadError> {
        Ok(Self {
            weight: weights.take(&format!("{name}.weight"), &[config.hidden_size])?,
            bias: weights.take(&format!("{name}.bias"), &[config.hidden_size])?,
            eps: config.norm_eps,
        })
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_layer_norm(
            self.weight.size(),
            Some(&self.weight),
            Some(&self.bias),
            self.eps,
            false,
        )
    }
}

impl Encoder {
    /// Loads the folder of a sentence encoder.
    ///
    /// # Errors
    /// [`LoadError`] names the file, field or tensor that is missing or wrong.
    pub fn load(folder: &Path, device: Device) -> Result<Self, LoadError> {
        let config = EncoderConfig::load(folder)?;
        if device.is_cuda() && !tch::Cuda::is_available() {
            return Err(LoadError::NoCuda);
        }
        manifest::check(folder)?;
        no_grad(|| Self::load_weights(folder, config, device))
    }

    fn load_weights(folder: &Path, config: EncoderConfig, device: Device) -> Result<Self, LoadError> {
        let mut weights = Weights::open(folder, device)?;
        // A model saved with a head keeps the encoder below a name of its own.
        let bare = weights.holds("embeddings.word_embeddings.weight");
        let prefix = if bare { "" } else { config.prefix };
        let name = |part: &str| format!("{prefix}embeddings.{part}");
        let h = config.hidden_size;
        let words = weights.take(&name("word_embeddings.weight"), &[config.vocab_size, h])?;
        let positions = weights.take(&name("position_embeddings.weight"), &[config.positions, h])?;
        let segments = weights.take(&name("token_type_embeddings.weight"), &[config.segments, h])?;
        let places = positions
            .f_narrow(0, config.first_position as i64, config.context as i64)?
            .f_add(&segments.f_narrow(0, 0, 1)?)?;
        let norm = LayerNorm::load(&mut weights, &config, &name("LayerNorm"))?;
        let layers = (0..config.layers)
            .map(|index| EncoderLayer::load(&mut weights, &config, &format!("{prefix}encoder.layer.{index}")))
            .collect::<Result<_, _>>()?;
        // Heads of other tasks, and buffers of old releases.
        weights.finish_but(|name| {
            let head = ["pooler.", "cls.", "lm_head."];
            name.ends_with("embeddings.position_ids")
                || head.iter().any(|head| {
                    name.strip_prefix(prefix)
                        .is_some_and(|rest| rest.starts_with(head))
                        || name.starts_with(head)
                })
        })?;
        Ok(Self {
            config,
            words,
            places,
            norm,
            layers,
            device,
        })
    }

    /// Longest sequence in tokens.
    pub fn context(&self) -> usize {
        self.config.context
    }

    /// Length of an embedding.
    pub fn width(&self) -> usize {
        self.config.hidden_size
    }

    /// Whether embeddings have length 1.
    pub fn is_normalised(&self) -> bool {
        self.config.normalise
    }

    /// One embedding for each sequence of token ids, which hold the tokenizer's special tokens already.
    ///
    /// # Errors
    /// On an empty or too long sequence, an unknown id or a failure below.
    pub fn embed(&self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EngineError> {
        for ids in batch {
            self.check(ids)?;
        }
        // Neighbours in length waste the least padding.
        let mut order: Vec<usize> = (0..batch.len()).collect();
        order.sort_by_key(|index| batch.get(*index).map(Vec::len));
        let mut embeddings = vec![Vec::new(); batch.len()];
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let mut count = 0;
            while let Some(length) = rest.get(count).and_then(|index| batch.get(*index)).map(Vec::len)
                && (count == 0 || (count + 1) * length <= CHUNK)
            {
                count += 1;
            }
            let (now, later) = rest.split_at(count);
            let members: Vec<&[u32]> = now
                .iter()
                .filter_map(|index| batch.get(*index).map(Vec::as_slice))
                .collect();
            let rows = no_grad(|| self.forward(&members)).map_err(backend)?;
            for (index, row) in now.iter().zip(rows.chunks_exact(self.width())) {
                if let Some(place) = embeddings.get_mut(*index) {
                    *place = row.to_vec();
                }
            }
            rest = later;
        }
        Ok(embeddings)
    }

    fn check(&self, ids: &[u32]) -> Result<(), EngineError> {
        if ids.is_empty() {
            return Err(EngineError::Request("an embedding needs at least one token"));
        }
        if ids.len() > self.config.context {
            return Err(EngineError::Context {
                asked: ids.len(),
                context: self.config.context,
            });
        }
        let vocab = self.config.vocab_size;
        match ids.iter().find(|id| **id as usize >= vocab) {
            Some(&id) => Err(EngineError::Token { id, vocab }),
            None => Ok(()),
        }
    }

    fn forward(&self, batch: &[&[u32]]) -> Result<Vec<f32>, TchError> {
        let n = batch.iter().map(|ids| ids.len()).max().unwrap_or(0);
        let size = [batch.len() as i64, n as i64];
        let padded = |own: &dyn Fn(u32) -> f32, fill: f32| -> Vec<f32> {
            let row = |ids: &[u32]| {
                let mut row: Vec<f32> = ids.iter().map(|id| own(*id)).collect();
                row.resize(n, fill);
                row
            };
            batch.iter().flat_map(|ids| row(ids)).collect()
        };
        let ids: Vec<i64> = batch
            .iter()
            .flat_map(|ids| (0..n).map(|at| ids.get(at).copied().map_or(0, i64::from)))
            .collect();
        let ids = Tensor::f_from_slice(&ids)?.f_to_device(self.device)?;
        let float = |values: &[f32]| Tensor::f_from_slice(values)?.f_to_device(self.device);
        let mask = float(&padded(&|_| 0.0, f32::NEG_INFINITY))?.f_view([size[0], 1, 1, size[1]])?;
        let present = float(&padded(&|_| 1.0, 0.0))?.f_view([size[0], size[1], 1])?;
        let h = self.config.hidden_size as i64;
        let x = self
            .words
            .f_index_select(0, &ids)?
            .f_view([size[0], size[1], h])?;
        let x = x.f_add(&self.places.f_narrow(0, 0, size[1])?)?;
        let mut x = self.norm.apply(&x)?.f_view([-1, h])?;
        for layer in &self.layers {
            x = layer.forward(&x, size, self.config.heads as i64, &mask)?;
        }
        let x = x.f_view([size[0], size[1], h])?;
        let mut rows = match self.config.pooling {
            Pooling::First => x.f_select(1, 0)?,
            Pooling::Mean => {
                let over = [1i64];
                let sum = x
                    .f_mul(&present)?
                    .f_sum_dim_intlist(over.as_slice(), false, Kind::Float)?;
                sum.f_div(&present.f_sum_dim_intlist(over.as_slice(), false, Kind::Float)?)?
            }
        };
        if self.config.normalise {
            let length = rows
                .f_mul(&rows)?
                .f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
            rows = rows.f_div(&length.f_sqrt()?.f_clamp_min(1e-12)?)?;
        }
        let rows = rows.f_to_device(Device::Cpu)?.f_contiguous()?;
        let mut values = vec![0f32; rows.numel()];
        let length = values.len();
        rows.f_copy_data(&mut values, length)?;
        Ok(values)
    }
}

impl EncoderLayer {
    fn load(weights: &mut Weights, config: &EncoderConfig, place: &str) -> Result<Self, LoadError> {
        let (h, inner) = (config.hidden_size, config.intermediate_size);
        let mut take = |name: &str, size: &[usize]| weights.take(&format!("{place}.{name}"), size);
        let mut projections = |part: &str, size: &[usize]| -> Result<Tensor, LoadError> {
            let mut one = |name: &str| take(&format!("attention.self.{name}.{part}"), size);
            Ok(Tensor::f_cat(&[one("query")?, one("key")?, one("value")?], 0)?)
        };
        let qkv = Linear::new(projections("weight", &[h, h])?, Some(projections("bias", &[h])?))?;
        let mut linear = |name: &str, outputs: usize, inputs: usize| -> Result<Linear, LoadError> {
            let weight = take(&format!("{name}.weight"), &[outputs, inputs])?;
            let bias = take(&format!("{name}.bias"), &[outputs])?;
            Ok(Linear::new(weight, Some(bias))?)
        };
        let out = linear("attention.output.dense", h, h)?;
        let up = linear("intermediate.dense", inner, h)?;
        let down = linear("output.dense", h, inner)?;
        Ok(Self {
            qkv,
            out,
            out_norm: LayerNorm::load(weights, config, &format!("{place}.attention.output.LayerNorm"))?,
            up,
            down,
            down_norm: LayerNorm::load(weights, config, &format!("{place}.output.LayerNorm"))?,
        })
    }

    /// Rows x, [batch * length, hidden], through the layer.
    fn forward(&self, x: &Tensor, size: [i64; 2], heads: i64, mask: &Tensor) -> Result<Tensor, TchError> {
        let width = x.size().get(1).copied().unwrap_or(0);
        let qkv = self
            .qkv
            .apply(x)?
            .f_view([size[0], size[1], 3, heads, width / heads])?
            .f_permute([2, 0, 3, 1, 4])?;
        let part = |index: i64| qkv.f_select(0, index);
        let attended = Tensor::f_scaled_dot_product_attention(
            &part(0)?,
            &part(1)?,
            &part(2)?,
            Some(mask),
            0.0,
            false,
            None,
            false,
        )?;
        let attended = attended.f_transpose(1, 2)?.f_reshape([-1, width])?;
        let x = self.out_norm.apply(&self.out.apply(&attended)?.f_add(x)?)?;
        let inner = self.up.apply(&x)?.f_gelu("none")?;
        self.down_norm.apply(&self.down.apply(&inner)?.f_add(&x)?)
    }
}
