//! The engine: prefill of one sequence, decoding of many.

use crate::attention::{PerWindow, run_mask};
use crate::backend;
use crate::cache::KvCache;
use crate::layer::Shape;
use crate::model::Model;
use crate::weights::LoadError;
use quern_engine::config::ModelConfig;
use quern_engine::{Engine, EngineError, Logits, Slot};
use std::path::Path;
use tch::{Device, TchError, Tensor, no_grad};

/// Positions of one sequence that go through the layers at once; bounds the memory of a long prompt.
const CHUNK: usize = 512;

/// How to load a model.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Sequences held at once.
    pub slots: usize,
    /// Upper bound of the context, below the model's own if given.
    pub context: Option<usize>,
    /// Where to compute.
    pub device: Device,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            slots: 8,
            context: None,
            device: Device::Cpu,
        }
    }
}

/// A Llama-architecture decoder and its cache.
pub struct LlamaEngine {
    model: Model,
    cache: KvCache,
    slots: usize,
}

impl LlamaEngine {
    /// Loads `config.json` and the weights of a model folder.
    ///
    /// # Errors
    /// [`LoadError`] names the file, field or tensor that is missing or wrong.
    pub fn load(folder: &Path, options: &LoadOptions) -> Result<Self, LoadError> {
        let config = ModelConfig::load(folder)?;
        if options.device.is_cuda() && !tch::Cuda::is_available() {
            return Err(LoadError::NoCuda);
        }
        let context = options
            .context
            .map_or(config.context, |limit| limit.clamp(1, config.context));
        let model = no_grad(|| Model::load(folder, &config, context, options.device))?;
        let slots = options.slots.max(1);
        let cache = model.cache(slots)?;
        Ok(Self { model, cache, slots })
    }

    /// From now on multiplies in bfloat16 and keeps the rest in fp32: no launch package asks for that, but a
    /// calibration measures how far it shows.
    ///
    /// # Errors
    /// [`LoadError::Torch`].
    pub fn multiply_in_bf16(&mut self) -> Result<(), LoadError> {
        self.model.multiply_in_bf16()
    }
}

impl Model {
    fn cache(&self, slots: usize) -> Result<KvCache, TchError> {
        let Shape {
            kv_heads, head_dim, ..
        } = self.shape;
        KvCache::new(
            self.layers.len(),
            slots,
            kv_heads,
            head_dim,
            self.context,
            self.device,
        )
    }

    /// Appends a piece of one sequence to the cache and returns its rows of the residual stream.
    fn append(
        &self,
        cache: &mut KvCache,
        slot: usize,
        at: usize,
        tokens: &[u32],
    ) -> Result<Tensor, TchError> {
        let Shape {
            kv_heads,
            head_dim,
            heads,
            ..
        } = self.shape;
        let (n, group) = (tokens.len() as i64, self.shape.group());
        let end = at + tokens.len();
        cache.reserve(end)?;
        let mut x = self.embed(tokens)?;
        let turn = self.turns.f_narrow(0, at as i64, n)?;
        let masks = PerWindow::new(&self.layers, end, |window| {
            if at == 0 && window.is_none() {
                return Ok(None);
            }
            run_mask(at, tokens.len(), window, self.device)
        })?;
        for (index, layer) in self.layers.iter().enumerate() {
            let spec = layer.attention_spec();
            let mask = masks.of(&spec).and_then(Option::as_ref);
            layer.forward(&mut x, &self.shape, &turn, |q, kv| {
                cache.write_run(index, slot, at, kv)?;
                let (k, v) = cache.read(index, slot, 1, end)?;
                // Groups stand in the batch dimension and share the keys without a copy.
                let q = q
                    .f_view([n, group, kv_heads, head_dim])?
                    .f_permute([1, 2, 0, 3])?;
                let shared = [group, kv_heads, end as i64, head_dim];
                let (k, v) = (k.f_expand(shared, false)?, v.f_expand(shared, false)?);
                let causal = at == 0 && n > 1 && mask.is_none();
                spec.attend(&q, &k, &v, mask, causal)?
                    .f_permute([2, 0, 1, 3])?
                    .f_reshape([n, heads * head_dim])
            })?;
        }
        Ok(x)
    }

    /// One token for each of several sequences, given as (slot, cached length, token) in ascending order of slots.
    fn step(&self, cache: &mut KvCache, batch: &[(usize, usize, u32)]) -> Result<Tensor, TchError> {
        let Shape {
            kv_heads,
            head_dim,
            heads,
            ..
        } = self.shape;
        let (n, group) = (batch.len() as i64, self.shape.group());
        let to_device = |values: Vec<i64>| Tensor::f_from_slice(&values)?.f_to_device(self.device);
        let slots = to_device(batch.iter().map(|(slot, ..)| *slot as i64).collect())?;
        let positions = to_device(batch.iter().map(|(_, length, _)| *length as i64).collect())?;
        cache.reserve(batch.iter().map(|(_, length, _)| length + 1).max().unwrap_or(1))?;
        let tokens: Vec<u32> = batch.iter().map(|(.., token)| *token).collect();
        let mut x = self.embed(&tokens)?;
        let turn = self.turns.f_index_select(0, &positions)?;
        let longest = batch.iter().map(|(_, length, _)| length + 1).max().unwrap_or(0);
        let all_runs = PerWindow::new(&self.layers, longest, |window| {
            runs(batch)
                .map(|run| Run::new(batch, run, window, self.device))
                .collect::<Result<Vec<_>, _>>()
        })?;
        for (index, layer) in self.layers.iter().enumerate() {
            let spec = layer.attention_spec();
            let runs = all_runs.of(&spec).map(Vec::as_slice).unwrap_or_default();
            layer.forward(&mut x, &self.shape, &turn, |q, kv| {
                match batch {
                    [(slot, length, _)] => cache.write_run(index, *slot, *length, kv)?,
                    _ => cache.write_each(index, &slots, &positions, kv)?,
                }
                // The queries of one key head are a short sequence that all sees the same keys.
                let q = q.f_view([n, group, kv_heads, head_dim])?.f_transpose(1, 2)?;
                let attend = |run: &Run| {
                    let (k, v) = cache.read(index, run.slot, run.count, run.length)?;
                    let q = q.f_narrow(0, run.row as i64, run.count as i64)?;
                    spec.attend(&q, &k, &v, run.mask.as_ref(), false)?
                        .f_transpose(1, 2)?
                        .f_reshape([run.count as i64, heads * head_dim])
                };
                match runs {
                    [run] => attend(run),
                    runs => Tensor::f_cat(&runs.iter().map(attend).collect::<Result<Vec<_>, _>>()?, 0),
                }
            })?;
        }
        Ok(x)
    }
}

/// Rows of a batch whose slots are neighbours, so that their caches read as one view.
struct Run {
    row: usize,
    slot: usize,
    count: usize,
    length: usize,
    mask: Option<Tensor>,
}

impl Run {
    fn new(
        batch: &[(usize, usize, u32)],
        rows: std::ops::Range<usize>,
        window: Option<usize>,
        device: Device,
    ) -> Result<Self, TchError> {
        let members = &batch[rows.clone()];
        let length = members.iter().map(|(_, length, _)| length + 1).max().unwrap_or(0);
        let mask = if window.is_none() && members.iter().all(|(_, own, _)| own + 1 == length) {
            None
        } else {
            let seen =
                move |own: usize, at: usize| at <= own && window.is_none_or(|window| at + window > own);
            let row =
                |own: usize| (0..length).map(move |at| if seen(own, at) { 0f32 } else { f32::NEG_INFINITY });
            let values: Vec<f32> = members.iter().flat_map(|(_, own, _)| row(*own)).collect();
            let mask = Tensor::f_from_slice(&values)?.f_view([members.len() as i64, 1, 1, length as i64])?;
            Some(mask.f_to_device(device)?)
        };
        Ok(Self {
            row: rows.start,
            slot: members[0].0,
            count: members.len(),
            length,
            mask,
        })
    }
}

/// Ranges of rows with neighbouring slots.
fn runs(batch: &[(usize, usize, u32)]) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let mut start = 0;
    (1..=batch.len()).filter_map(move |end| {
        let joined = batch.get(end).is_some_and(|next| next.0 == batch[end - 1].0 + 1);
        if joined {
            return None;
        }
        let range = start..end;
        start = end;
        Some(range)
    })
}

impl Engine for LlamaEngine {
    fn context(&self) -> usize {
        self.model.context
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn open(&mut self) -> Result<Slot, EngineError> {
        self.cache.open().map(Slot).ok_or(EngineError::NoSlot(self.slots))
    }

    fn close(&mut self, slot: Slot) {
        self.cache.close(slot.0);
    }

    fn prefill(&mut self, slot: Slot, tokens: &[u32]) -> Result<Logits, EngineError> {
        let start = self.cache.length(slot.0)?;
        self.model.check(tokens, start + tokens.len())?;
        let (model, cache) = (&self.model, &mut self.cache);
        let values = no_grad(|| -> Result<_, TchError> {
            let mut last = None;
            for (index, piece) in tokens.chunks(CHUNK).enumerate() {
                let x = model.append(cache, slot.0, start + index * CHUNK, piece)?;
                last = Some(x.f_narrow(0, piece.len() as i64 - 1, 1)?);
            }
            last.map_or_else(|| Ok(Vec::new()), |x| model.logits(&x))
        });
        let values = values.map_err(backend)?;
        self.cache.set_length(slot.0, start + tokens.len());
        Ok(Logits {
            values,
            vocab: self.model.vocab,
        })
    }

    fn extend(&mut self, slot: Slot, tokens: &[u32]) -> Result<Logits, EngineError> {
        let start = self.cache.length(slot.0)?;
        self.model.check(tokens, start + tokens.len())?;
        let (model, cache) = (&self.model, &mut self.cache);
        let values = no_grad(|| -> Result<_, TchError> {
            let mut values = Vec::with_capacity(tokens.len() * model.vocab);
            for (index, piece) in tokens.chunks(CHUNK).enumerate() {
                let x = model.append(cache, slot.0, start + index * CHUNK, piece)?;
                values.extend(model.logits(&x)?);
            }
            Ok(values)
        });
        let values = values.map_err(backend)?;
        self.cache.set_length(slot.0, start + tokens.len());
        Ok(Logits {
            values,
            vocab: self.model.vocab,
        })
    }

    fn decode(&mut self, batch: &[(Slot, u32)]) -> Result<Logits, EngineError> {
        let mut sorted = Vec::with_capacity(batch.len());
        for (row, (slot, token)) in batch.iter().enumerate() {
            let length = self.cache.length(slot.0)?;
            self.model.check(&[*token], length + 1)?;
            sorted.push((slot.0, length, *token, row));
        }
        sorted.sort_unstable();
        if sorted.is_empty() || sorted.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(EngineError::Request("a batch needs distinct slots, at least one"));
        }
        let rows: Vec<_> = sorted
            .iter()
            .map(|(slot, length, token, _)| (*slot, *length, *token))
            .collect();
        let (model, cache) = (&self.model, &mut self.cache);
        let values = no_grad(|| model.step(cache, &rows).and_then(|x| model.logits(&x))).map_err(backend)?;
        for (slot, length, ..) in &rows {
            self.cache.set_length(*slot, length + 1);
        }
        let vocab = self.model.vocab;
        if sorted.iter().enumerate().all(|(index, entry)| entry.3 == index) {
            return Ok(Logits { values, vocab });
        }
        let mut ordered = vec![0f32; values.len()];
        for (from, (.., to)) in sorted.iter().enumerate() {
            ordered[to * vocab..(to + 1) * vocab].copy_from_slice(&values[from * vocab..(from + 1) * vocab]);
        }
        Ok(Logits {
            values: ordered,
            vocab,
        })
    }

    fn score(&mut self, tokens: &[u32]) -> Result<Logits, EngineError> {
        self.model.check(tokens, tokens.len())?;
        let model = &self.model;
        let values = no_grad(|| -> Result<_, TchError> {
            let mut cache = model.cache(1)?;
            let mut values = Vec::with_capacity(tokens.len() * model.vocab);
            for (index, piece) in tokens.chunks(CHUNK).enumerate() {
                let x = model.append(&mut cache, 0, index * CHUNK, piece)?;
                values.extend(model.logits(&x)?);
            }
            Ok(values)
        });
        Ok(Logits {
            values: values.map_err(backend)?,
            vocab: self.model.vocab,
        })
    }
}
