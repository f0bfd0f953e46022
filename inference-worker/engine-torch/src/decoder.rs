//! The engine: steps over any mixture of prompts and outputs.

use crate::backend;
use crate::cache::{self, Cache, Piece, Storage};
use crate::model::Model;
use crate::weights::LoadError;
use quern_engine::config::ModelConfig;
use quern_engine::{Engine, EngineError, Logits, Opening, Part, Room, Slot};
use quern_kernels::PAGE;
use std::path::Path;
use tch::{Device, TchError, Tensor, no_grad};

/// Positions of one sequence that go through the layers at once; bounds the memory of a long prompt.
const CHUNK: usize = 512;

/// Rows of a step up to which one more costs a fraction of a step, as the weights are read once for all of them.
const DRAFT_ROWS: usize = 12;

/// Memory that the cache takes at most unless it is told.
pub const CACHE_BYTES: usize = 4 << 30;

/// How to load a model.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Sequences held at once.
    pub slots: usize,
    /// Upper bound of the context, below the model's own if given.
    pub context: Option<usize>,
    /// Where to compute.
    pub device: Device,
    /// Tokens that all sequences together may have in the cache, at least one context; by default as many as fit all
    /// slots, but no more than [`CACHE_BYTES`] hold.
    pub cache_tokens: Option<usize>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            slots: 8,
            context: None,
            device: Device::Cpu,
            cache_tokens: None,
        }
    }
}

/// A Llama-architecture decoder and its cache.
pub struct LlamaEngine {
    model: Model,
    cache: Cache,
    slots: usize,
    /// As [`Engine::draft_rows`] has it.
    draft_rows: usize,
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
        let affordable = CACHE_BYTES / cache::page_bytes(&model.shape, model.layers.len()).max(1);
        let wanted = match options.cache_tokens {
            Some(tokens) => tokens.div_ceil(PAGE),
            None => context.div_ceil(PAGE).saturating_mul(slots).min(affordable),
        };
        let pages = wanted.max(context.div_ceil(PAGE));
        let cache = Cache::new(model.shape, model.layers.len(), slots, pages, options.device)?;
        // Elsewhere rows of a batch have other bits than alone, and each row of a mixture reads experts of its own.
        let draft_rows = if options.device == Device::Cpu && config.experts.is_none() {
            DRAFT_ROWS
        } else {
            0
        };
        Ok(Self {
            model,
            cache,
            slots,
            draft_rows,
        })
    }

    /// From now on multiplies in bfloat16 and keeps the rest in fp32: no launch package asks for that, but a
    /// calibration measures how far it shows.
    ///
    /// # Errors
    /// [`LoadError::Torch`].
    pub fn multiply_in_bf16(&mut self) -> Result<(), LoadError> {
        // The library's products, whose bits depend on the batch.
        self.draft_rows = 0;
        self.model.multiply_in_bf16()
    }
}

/// Sequences of one step, as the model sees them.
struct Batch<'a> {
    pieces: Vec<Piece<'a>>,
}

impl Batch<'_> {
    /// Rows of the residual stream after all layers, one for each token.
    fn forward(&self, model: &Model, storage: &mut Storage) -> Result<Tensor, TchError> {
        let tokens: Vec<u32> = self.pieces.iter().flat_map(|p| p.tokens).copied().collect();
        let positions = self.pieces.iter().flat_map(|p| p.at..p.at + p.tokens.len());
        let positions: Vec<i64> = positions.map(|at| at as i64).collect();
        let positions = Tensor::f_from_slice(&positions)?.f_to_device(model.device)?;
        let mut x = model.embed(&tokens)?;
        let turn = model.turns.f_index_select(0, &positions)?;
        for (index, layer) in model.layers.iter().enumerate() {
            let spec = layer.attention_spec();
            layer.forward(&mut x, &model.shape, &turn, |q, kv| {
                storage.attend(index, &model.shape, &spec, &self.pieces, q, kv)
            })?;
        }
        Ok(x)
    }
}

impl LlamaEngine {
    /// Appends at most [`CHUNK`] tokens to a sequence and returns their rows of the residual stream.
    fn append(&mut self, slot: Slot, tokens: &[u32]) -> Result<Tensor, EngineError> {
        let at = self.cache.length(slot.0)?;
        self.cache.reserve(slot.0, at + tokens.len())?;
        let pages = self.cache.pages(slot.0)?;
        let pieces = vec![Piece {
            pages: &pages,
            at,
            tokens,
        }];
        let (model, storage) = (&self.model, &mut self.cache.storage);
        let x = no_grad(|| Batch { pieces }.forward(model, storage)).map_err(backend)?;
        self.cache.append(slot.0, tokens);
        Ok(x)
    }

    fn check(&self, slot: Slot, tokens: &[u32]) -> Result<(), EngineError> {
        let length = self.cache.length(slot.0)?;
        self.model.check(tokens, length + tokens.len())
    }

    fn logits(&self, values: Vec<f32>) -> Logits {
        Logits {
            values,
            vocab: self.model.vocab,
        }
    }
}

impl Engine for LlamaEngine {
    fn context(&self) -> usize {
        self.model.context
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn open(&mut self) -> Result<Slot, EngineError> {
        let opening = Opening {
            prompt: &[],
            tokens: 0,
            salt: None,
        };
        self.begin(&opening).map(|(slot, _)| slot)
    }

    fn begin(&mut self, opening: &Opening<'_>) -> Result<(Slot, usize), EngineError> {
        let (slot, cached) = self.cache.open(opening)?;
        Ok((Slot(slot), cached))
    }

    fn room(&self) -> Option<Room> {
        let (tokens, free) = self.cache.room();
        Some(Room { tokens, free })
    }

    fn close(&mut self, slot: Slot) {
        self.cache.close(slot.0);
    }

    fn prefill(&mut self, slot: Slot, tokens: &[u32]) -> Result<Logits, EngineError> {
        self.check(slot, tokens)?;
        let mut last = None;
        for piece in tokens.chunks(CHUNK) {
            last = Some((self.append(slot, piece)?, piece.len()));
        }
        let Some((x, length)) = last else {
            return Ok(self.logits(Vec::new()));
        };
        let row = || self.model.logits(&x.f_narrow(0, length as i64 - 1, 1)?);
        Ok(self.logits(no_grad(row).map_err(backend)?))
    }

    fn extend(&mut self, slot: Slot, tokens: &[u32]) -> Result<Logits, EngineError> {
        self.check(slot, tokens)?;
        let mut values = Vec::with_capacity(tokens.len() * self.model.vocab);
        for piece in tokens.chunks(CHUNK) {
            let x = self.append(slot, piece)?;
            values.extend(no_grad(|| self.model.logits(&x)).map_err(backend)?);
        }
        Ok(self.logits(values))
    }

    fn decode(&mut self, batch: &[(Slot, u32)]) -> Result<Logits, EngineError> {
        let batch: Vec<(Slot, &[u32])> = batch
            .iter()
            .map(|(slot, token)| (*slot, std::slice::from_ref(token)))
            .collect();
        self.step(&batch)
    }

    fn step(&mut self, batch: &[(Slot, &[u32])]) -> Result<Logits, EngineError> {
        let batch: Vec<Part<'_>> = batch
            .iter()
            .map(|(slot, tokens)| Part {
                slot: *slot,
                tokens,
                drafts: &[],
            })
            .collect();
        self.try_drafts(&batch)
    }

    fn draft_rows(&self) -> usize {
        self.draft_rows
    }

    fn try_drafts(&mut self, batch: &[Part<'_>]) -> Result<Logits, EngineError> {
        let mut slots: Vec<usize> = batch.iter().map(|part| part.slot.0).collect();
        slots.sort_unstable();
        if batch.is_empty() || slots.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(EngineError::Request("a batch needs distinct slots, at least one"));
        }
        let mut appended = Vec::with_capacity(batch.len());
        for part in batch {
            if self.draft_rows == 0 && !part.drafts.is_empty() {
                return Err(EngineError::Request("this engine tries no drafts"));
            }
            self.check(part.slot, part.tokens)?;
            let tokens = [part.tokens, part.drafts].concat();
            self.check(part.slot, &tokens)?;
            appended.push(tokens);
        }
        let mut places = Vec::with_capacity(batch.len());
        for (part, tokens) in batch.iter().zip(&appended) {
            let at = self.cache.length(part.slot.0)?;
            self.cache.reserve(part.slot.0, at + tokens.len())?;
            places.push((self.cache.pages(part.slot.0)?, at));
        }
        let pieces = places.iter().zip(&appended);
        let pieces = pieces.map(|((pages, at), tokens)| Piece {
            pages,
            at: *at,
            tokens,
        });
        let step = Batch {
            pieces: pieces.collect(),
        };
        let (mut end, mut wanted) = (0, Vec::new());
        for part in batch {
            let first = end + part.tokens.len() as i64 - 1;
            end = first + 1 + part.drafts.len() as i64;
            wanted.extend(first..end);
        }
        let (model, storage) = (&self.model, &mut self.cache.storage);
        let values = no_grad(|| {
            let x = step.forward(model, storage)?;
            let wanted = Tensor::f_from_slice(&wanted)?.f_to_device(model.device)?;
            model.logits(&x.f_index_select(0, &wanted)?)
        });
        let values = values.map_err(backend)?;
        for part in batch {
            self.cache.append(part.slot.0, part.tokens);
            self.cache.tried(part.slot.0, part.drafts);
        }
        Ok(self.logits(values))
    }

    fn keep(&mut self, slot: Slot, count: usize) -> Result<(), EngineError> {
        self.cache.keep(slot.0, count)
    }

    fn score(&mut self, tokens: &[u32]) -> Result<Logits, EngineError> {
        self.model.check(tokens, tokens.len())?;
        let model = &self.model;
        let values = no_grad(|| -> Result<_, TchError> {
            let count = tokens.len().div_ceil(PAGE);
            let pages: Vec<u32> = (0..count as u32).collect();
            let mut storage = Storage::new(&model.shape, model.layers.len(), count, model.device)?;
            let mut values = Vec::with_capacity(tokens.len() * model.vocab);
            for (index, tokens) in tokens.chunks(CHUNK).enumerate() {
                let piece = Piece {
                    pages: &pages,
                    at: index * CHUNK,
                    tokens,
                };
                let pieces = vec![piece];
                let x = Batch { pieces }.forward(model, &mut storage)?;
                values.extend(model.logits(&x)?);
            }
            Ok(values)
        });
        Ok(self.logits(values.map_err(backend)?))
    }
}
