//! Keys and values of the sequences in flight, in pages.

use crate::attention::{AttentionSpec, run_mask};
use crate::layer::Shape;
use crate::memory;
use crate::pages::{self, PageKey, Pages};
use quern_engine::{EngineError, Opening};
use quern_kernels::{Geometry, PAGE, Sequence};
use tch::{Device, Kind, TchError, Tensor};

/// Keys and values of some pages, layer by layer.
pub(crate) enum Storage {
    /// For our kernels, in their order.
    Memory(Vec<Vec<f32>>),
    /// For the library's: [pages * PAGE, 2 * kv_heads, head_dim], key heads first. Gathered for every step.
    Device(Vec<Tensor>),
}

/// Rows of a step that belong to one sequence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) pages: &'a [u32],
    pub(crate) at: usize,
    pub(crate) tokens: &'a [u32],
}

/// Numbers in a page of one layer.
fn page_size(shape: &Shape) -> usize {
    geometry(shape, &AttentionSpec::default()).page()
}

fn geometry(shape: &Shape, spec: &AttentionSpec) -> Geometry {
    Geometry {
        heads: shape.heads as usize,
        kv_heads: shape.kv_heads as usize,
        head_dim: shape.head_dim as usize,
        scale: spec.scale.unwrap_or_else(|| (shape.head_dim as f64).powf(-0.5)) as f32,
        window: spec.window,
        softcap: spec.softcap.map(|cap| cap as f32),
    }
}

/// Bytes of a page in all layers.
pub(crate) fn page_bytes(shape: &Shape, layers: usize) -> usize {
    layers * page_size(shape) * size_of::<f32>()
}

impl Storage {
    pub(crate) fn new(shape: &Shape, layers: usize, pages: usize, device: Device) -> Result<Self, TchError> {
        if device == Device::Cpu {
            // Zeroed by the system as it is first used.
            let layer = || vec![0.0; pages * page_size(shape)];
            return Ok(Self::Memory((0..layers).map(|_| layer()).collect()));
        }
        let size = [(pages * PAGE) as i64, 2 * shape.kv_heads, shape.head_dim];
        let layer = |_| Tensor::f_zeros(size, (Kind::Float, device));
        Ok(Self::Device((0..layers).map(layer).collect::<Result<_, _>>()?))
    }

    /// Forgets what a page held: nothing of it may reach its next holder.
    fn clear(&mut self, shape: &Shape, page: u32) -> Result<(), TchError> {
        let page = page as usize;
        match self {
            Self::Memory(layers) => {
                let size = page_size(shape);
                for layer in layers {
                    layer[page * size..(page + 1) * size].fill(0.0);
                }
            }
            Self::Device(layers) => {
                for layer in layers {
                    let _ = layer.f_narrow(0, (page * PAGE) as i64, PAGE as i64)?.f_zero_()?;
                }
            }
        }
        Ok(())
    }

    /// Caches keys and values of a step in one layer and attends: queries [n, heads, head_dim] and keys and values
    /// [n, 2 * kv_heads, head_dim], views of one tensor, to [n, heads * head_dim].
    pub(crate) fn attend(
        &mut self,
        layer: usize,
        shape: &Shape,
        spec: &AttentionSpec,
        pieces: &[Piece<'_>],
        q: &Tensor,
        kv: &Tensor,
    ) -> Result<Tensor, TchError> {
        match self {
            Self::Memory(layers) => {
                let geometry = geometry(shape, spec);
                let sequences: Vec<Sequence<'_>> = pieces
                    .iter()
                    .map(|piece| Sequence {
                        pages: piece.pages,
                        at: piece.at,
                        rows: piece.tokens.len(),
                    })
                    .collect();
                let n = q.size()[0];
                let mut out = memory::empty(&[n, shape.heads * shape.head_dim])?;
                let qkv = memory::joined(q, kv)?;
                quern_kernels::attend(
                    &geometry,
                    &mut layers[layer],
                    &sequences,
                    memory::read(&qkv)?,
                    memory::write(&mut out)?,
                );
                Ok(out)
            }
            Self::Device(layers) => gathered(&mut layers[layer], shape, spec, pieces, q, kv),
        }
    }
}

/// Attention by the library over copies of the pages.
fn gathered(
    pool: &mut Tensor,
    shape: &Shape,
    spec: &AttentionSpec,
    pieces: &[Piece<'_>],
    q: &Tensor,
    kv: &Tensor,
) -> Result<Tensor, TchError> {
    let (device, d) = (q.device(), shape.head_dim);
    let (group, kv_heads) = (shape.group(), shape.kv_heads);
    let mut outs = Vec::with_capacity(pieces.len());
    let mut first = 0;
    for piece in pieces {
        let (n, end) = (piece.tokens.len() as i64, piece.at + piece.tokens.len());
        let place = |at: usize| (piece.pages[at / PAGE] as usize * PAGE + at % PAGE) as i64;
        let places: Vec<i64> = (0..end).map(place).collect();
        let places = Tensor::f_from_slice(&places)?.f_to_device(device)?;
        let own = places.f_narrow(0, piece.at as i64, n)?;
        let _ = pool.f_index_copy_(0, &own, &kv.f_narrow(0, first, n)?)?;
        let rows = pool.f_index_select(0, &places)?.f_transpose(0, 1)?;
        let shared = [group, kv_heads, end as i64, d];
        let k = rows.f_narrow(0, 0, kv_heads)?.f_expand(shared, false)?;
        let v = rows.f_narrow(0, kv_heads, kv_heads)?.f_expand(shared, false)?;
        let q = q
            .f_narrow(0, first, n)?
            .f_reshape([n, group, kv_heads, d])?
            .f_permute([1, 2, 0, 3])?;
        let mask = run_mask(piece.at, piece.tokens.len(), spec.window, device)?;
        let attended = spec.attend(&q, &k, &v, mask.as_ref(), false)?;
        outs.push(
            attended
                .f_permute([2, 0, 1, 3])?
                .f_reshape([n, shape.heads * d])?,
        );
        first += n;
    }
    Tensor::f_cat(&outs, 0)
}

/// A sequence in flight.
pub(crate) struct Cached {
    pages: Vec<u32>,
    length: usize,
    /// Pages that it may still take for sure.
    promised: usize,
    /// Key of the last full page and tokens after it, if others may share them.
    shared: Option<(PageKey, Vec<u32>)>,
    /// Drafts whose keys and values lie behind those of its tokens, where the next tokens write theirs. No page is
    /// shared before tokens fill it, so no draft is.
    drafts: Vec<u32>,
}

/// The cache of an engine: sequences, their pages, and what these hold.
pub(crate) struct Cache {
    shape: Shape,
    pages: Pages,
    pub(crate) storage: Storage,
    sequences: Vec<Option<Cached>>,
}

impl Cache {
    pub(crate) fn new(
        shape: Shape,
        layers: usize,
        slots: usize,
        pages: usize,
        device: Device,
    ) -> Result<Self, TchError> {
        Ok(Self {
            shape,
            pages: Pages::new(pages),
            storage: Storage::new(&shape, layers, pages, device)?,
            sequences: (0..slots).map(|_| None).collect(),
        })
    }

    /// Tokens for which there are pages, and tokens for which some are left.
    pub(crate) fn room(&self) -> (usize, usize) {
        (self.pages.count() * PAGE, self.pages.available() * PAGE)
    }

    /// Takes the lowest free slot; says how many tokens of the prompt are there already.
    pub(crate) fn open(&mut self, opening: &Opening<'_>) -> Result<(usize, usize), EngineError> {
        let slot = self
            .sequences
            .iter()
            .position(Option::is_none)
            .ok_or(EngineError::NoSlot(self.sequences.len()))?;
        // The last token is always computed: its logits are asked for.
        let full = opening.prompt.len().saturating_sub(1) / PAGE;
        let available = self.pages.available();
        let no_room = || EngineError::NoRoom {
            asked: opening.tokens,
            free: available * PAGE,
        };
        // Who waits for room asks in every step: nothing is hashed where there is too little however much is cached, and
        // else no more than is, and the page after it.
        if opening.tokens.div_ceil(PAGE).saturating_sub(full) > available {
            return Err(no_room());
        }
        let (mut found, mut last) = (Vec::new(), None);
        if let Some(salt) = &opening.salt {
            let mut key = pages::root(salt);
            for tokens in opening.prompt.chunks_exact(PAGE).take(full) {
                let next = pages::child(&key, tokens);
                let Some(page) = self.pages.kept(&next) else { break };
                found.push(page);
                key = next;
            }
            last = Some(key);
        }
        let wanted = opening.tokens.div_ceil(PAGE).saturating_sub(found.len());
        if wanted + self.pages.idle_among(&found) > available {
            return Err(no_room());
        }
        for page in &found {
            self.pages.hold(*page);
        }
        self.pages.promise(wanted);
        let length = found.len() * PAGE;
        let shared = last.map(|key| (key, Vec::new()));
        self.sequences[slot] = Some(Cached {
            pages: found,
            length,
            promised: wanted,
            shared,
            drafts: Vec::new(),
        });
        Ok((slot, length))
    }

    /// The last page first: it is the first that may go.
    pub(crate) fn close(&mut self, slot: usize) {
        if let Some(sequence) = self.sequences.get_mut(slot).and_then(Option::take) {
            self.pages.forgo(sequence.promised);
            sequence
                .pages
                .iter()
                .rev()
                .for_each(|page| self.pages.release(*page));
        }
    }

    /// Tokens cached in a slot.
    pub(crate) fn length(&self, slot: usize) -> Result<usize, EngineError> {
        Ok(self.sequence(slot)?.length)
    }

    fn sequence(&self, slot: usize) -> Result<&Cached, EngineError> {
        let sequence = self.sequences.get(slot).and_then(Option::as_ref);
        sequence.ok_or(EngineError::NotOpen(slot))
    }

    /// Makes sure that a sequence has pages for `length` tokens.
    pub(crate) fn reserve(&mut self, slot: usize, length: usize) -> Result<(), EngineError> {
        let free = self.pages.available() * PAGE;
        let sequence = self.sequences.get_mut(slot).and_then(Option::as_mut);
        let sequence = sequence.ok_or(EngineError::NotOpen(slot))?;
        while sequence.pages.len() * PAGE < length {
            let promised = sequence.promised > 0;
            let page = self
                .pages
                .take(promised)
                .ok_or(EngineError::NoRoom { asked: length, free })?;
            sequence.promised -= usize::from(promised);
            sequence.pages.push(page);
            self.storage.clear(&self.shape, page).map_err(crate::backend)?;
        }
        Ok(())
    }

    /// The pages of a sequence.
    pub(crate) fn pages(&self, slot: usize) -> Result<Vec<u32>, EngineError> {
        Ok(self.sequence(slot)?.pages.clone())
    }

    /// Notes which drafts were tried behind a sequence.
    pub(crate) fn tried(&mut self, slot: usize, drafts: &[u32]) {
        if let Some(sequence) = self.sequences.get_mut(slot).and_then(Option::as_mut) {
            sequence.drafts = drafts.to_vec();
        }
    }

    /// Appends the first of the drafts that were tried last.
    pub(crate) fn keep(&mut self, slot: usize, count: usize) -> Result<(), EngineError> {
        let sequence = self.sequences.get_mut(slot).and_then(Option::as_mut);
        let sequence = sequence.ok_or(EngineError::NotOpen(slot))?;
        let drafts = std::mem::take(&mut sequence.drafts);
        let kept = drafts.get(..count);
        let kept = kept.ok_or(EngineError::Request("more drafts are kept than were tried"))?;
        self.append(slot, kept);
        Ok(())
    }

    /// Notes that tokens were appended, and shares the pages that they filled.
    pub(crate) fn append(&mut self, slot: usize, tokens: &[u32]) {
        let Some(sequence) = self.sequences.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        sequence.length += tokens.len();
        sequence.drafts.clear();
        let Some((key, rest)) = &mut sequence.shared else {
            return;
        };
        rest.extend(tokens);
        let mut full = (sequence.length - rest.len()) / PAGE;
        while rest.len() >= PAGE {
            *key = pages::child(key, &rest[..PAGE]);
            rest.drain(..PAGE);
            if let Some(page) = sequence.pages.get(full) {
                self.pages.publish(*page, *key);
            }
            full += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_long_prompt_that_waits_for_room_is_not_hashed_anew_whenever_it_asks() {
        let shape = Shape {
            heads: 1,
            kv_heads: 1,
            head_dim: 8,
            eps: 1e-5,
        };
        let mut cache = Cache::new(shape, 1, 2, 4, Device::Cpu).unwrap();
        let prompt: Vec<u32> = (0..1_000_000).collect();
        let opening = Opening {
            prompt: &prompt,
            tokens: prompt.len() + 1,
            salt: Some([1; 32]),
        };
        let begun = Instant::now();
        let mut key = pages::root(&[1; 32]);
        for tokens in prompt.chunks_exact(PAGE) {
            key = pages::child(&key, tokens);
        }
        let once = begun.elapsed();
        let begun = Instant::now();
        for _ in 0..20 {
            let refused = cache.open(&opening).unwrap_err();
            assert!(
                matches!(refused, EngineError::NoRoom { free, .. } if free == 4 * PAGE),
                "{key:?}"
            );
        }
        assert!(
            begun.elapsed() < once,
            "{:?} for 20 times, {once:?} to hash it",
            begun.elapsed()
        );
    }
}
