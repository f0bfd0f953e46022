//! Keys and values of the sequences in flight.

use quern_engine::EngineError;
use tch::{Device, Kind, TchError, Tensor};

/// Positions that the cache starts with; it doubles when a sequence outgrows it.
const FIRST_CAPACITY: usize = 256;

/// Per layer one tensor [slots, 2 * kv_heads, capacity, head_dim]: key heads first, then value heads. Unwritten
/// places hold zeros, never garbage: attention masks them, and zero times NaN would not be zero.
pub(crate) struct KvCache {
    layers: Vec<Tensor>,
    slots: i64,
    kv_heads: i64,
    head_dim: i64,
    capacity: usize,
    limit: usize,
    lengths: Vec<Option<usize>>,
    device: Device,
}

impl KvCache {
    pub(crate) fn new(
        layers: usize,
        slots: usize,
        kv_heads: i64,
        head_dim: i64,
        limit: usize,
        device: Device,
    ) -> Result<Self, TchError> {
        let mut cache = Self {
            layers: Vec::new(),
            slots: slots as i64,
            kv_heads,
            head_dim,
            capacity: FIRST_CAPACITY.min(limit),
            limit,
            lengths: vec![None; slots],
            device,
        };
        cache.layers = (0..layers).map(|_| cache.empty()).collect::<Result<_, _>>()?;
        Ok(cache)
    }

    fn empty(&self) -> Result<Tensor, TchError> {
        let size = [self.slots, 2 * self.kv_heads, self.capacity as i64, self.head_dim];
        Tensor::f_zeros(size, (Kind::Float, self.device))
    }

    /// Makes room for sequences of `length`.
    pub(crate) fn reserve(&mut self, length: usize) -> Result<(), TchError> {
        if length <= self.capacity {
            return Ok(());
        }
        let before = self.capacity as i64;
        self.capacity = length.next_power_of_two().min(self.limit).max(length);
        for index in 0..self.layers.len() {
            let grown = self.empty()?;
            grown.f_narrow(2, 0, before)?.f_copy_(&self.layers[index])?;
            self.layers[index] = grown;
        }
        Ok(())
    }

    /// Takes the lowest free slot.
    pub(crate) fn open(&mut self) -> Option<usize> {
        let slot = self.lengths.iter().position(Option::is_none)?;
        self.lengths[slot] = Some(0);
        Some(slot)
    }

    pub(crate) fn close(&mut self, slot: usize) {
        if let Some(length) = self.lengths.get_mut(slot) {
            *length = None;
        }
    }

    /// Tokens cached in a slot.
    pub(crate) fn length(&self, slot: usize) -> Result<usize, EngineError> {
        self.lengths
            .get(slot)
            .copied()
            .flatten()
            .ok_or(EngineError::NotOpen(slot))
    }

    pub(crate) fn set_length(&mut self, slot: usize, length: usize) {
        if let Some(place) = self.lengths.get_mut(slot) {
            *place = Some(length);
        }
    }

    /// Writes keys and values [n, 2 * kv_heads, head_dim] of one sequence from position `at` on.
    pub(crate) fn write_run(
        &self,
        layer: usize,
        slot: usize,
        at: usize,
        kv: &Tensor,
    ) -> Result<(), TchError> {
        let n = kv.size()[0];
        let mut place = self.layers[layer]
            .f_select(0, slot as i64)?
            .f_narrow(1, at as i64, n)?
            .f_transpose(0, 1)?;
        place.f_copy_(kv)
    }

    /// Writes one position of each of several sequences: row i of `kv` to `slots[i]`, `positions[i]`.
    pub(crate) fn write_each(
        &mut self,
        layer: usize,
        slots: &Tensor,
        positions: &Tensor,
        kv: &Tensor,
    ) -> Result<(), TchError> {
        self.layers[layer]
            .f_index_put_(&[Some(slots), None, Some(positions)], kv, false)
            .map(drop)
    }

    /// Keys and values of slots `first .. first + count`, positions `0 .. length`, as views
    /// [count, kv_heads, length, head_dim].
    pub(crate) fn read(
        &self,
        layer: usize,
        first: usize,
        count: usize,
        length: usize,
    ) -> Result<(Tensor, Tensor), TchError> {
        let rows = self.layers[layer]
            .f_narrow(0, first as i64, count as i64)?
            .f_narrow(2, 0, length as i64)?;
        Ok((
            rows.f_narrow(1, 0, self.kv_heads)?,
            rows.f_narrow(1, self.kv_heads, self.kv_heads)?,
        ))
    }
}
