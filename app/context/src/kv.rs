//! One module's part of the state, with gas charged for each access (`store/gaskv`).

use quern_store::{Branch, Order, Range, prefix_end};
use quern_types::Result;

use crate::{
    gas::{GasMeter, kv_cost as cost},
    halt,
};

/// A prefixed, metered view. Gas counts the bytes of keys without the prefix, as the SDK's
/// separate stores do. Cheap to clone, `'static`.
#[derive(Clone)]
pub struct Kv {
    branch: Branch,
    gas: GasMeter,
    prefix: Vec<u8>,
}

impl Kv {
    pub(crate) fn new(branch: Branch, gas: GasMeter, module: &str) -> Self {
        let mut prefix = module.as_bytes().to_vec();
        prefix.push(b'/'); // no module name holds a slash, so no module's keys contain another's
        Self { branch, gas, prefix }
    }

    /// The part below a further prefix; its bytes are not charged either (`store/prefix` under gaskv).
    #[must_use]
    pub fn under(&self, prefix: &[u8]) -> Self {
        Self {
            prefix: [&self.prefix, prefix].concat(),
            ..self.clone()
        }
    }

    fn full(&self, key: &[u8]) -> Vec<u8> {
        [&self.prefix, key].concat()
    }

    /// Reads a value.
    ///
    /// # Errors
    /// `sdk/11` out of gas, or a halt.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.gas.consume(cost::READ_FLAT, "ReadFlat")?;
        let value = self.branch.get(&self.full(key)).map_err(halt)?;
        self.gas
            .consume(per_byte(cost::READ_PER_BYTE, key.len()), "ReadPerByte")?;
        let len = value.as_ref().map_or(0, Vec::len);
        self.gas
            .consume(per_byte(cost::READ_PER_BYTE, len), "ReadPerByte")?;
        Ok(value)
    }

    /// Whether a key is present.
    ///
    /// # Errors
    /// As [`Kv::get`].
    pub fn has(&self, key: &[u8]) -> Result<bool> {
        self.gas.consume(cost::HAS, "Has")?;
        self.branch.has(&self.full(key)).map_err(halt)
    }

    /// Writes a value.
    ///
    /// # Errors
    /// As [`Kv::get`]; nothing is written then.
    pub fn set(&self, key: &[u8], value: impl Into<Vec<u8>>) -> Result<()> {
        let value = value.into();
        self.gas.consume(cost::WRITE_FLAT, "WriteFlat")?;
        self.gas
            .consume(per_byte(cost::WRITE_PER_BYTE, key.len()), "WritePerByte")?;
        self.gas
            .consume(per_byte(cost::WRITE_PER_BYTE, value.len()), "WritePerByte")?;
        self.branch.set(&self.full(key), value);
        Ok(())
    }

    /// Removes a key, present or not.
    ///
    /// # Errors
    /// As [`Kv::get`].
    pub fn delete(&self, key: &[u8]) -> Result<()> {
        self.gas.consume(cost::DELETE, "Delete")?;
        self.branch.delete(&self.full(key));
        Ok(())
    }

    /// Entries from `start` (inclusive) to `end` (exclusive), keys without the module's prefix.
    pub fn range(&self, start: Option<&[u8]>, end: Option<&[u8]>, order: Order) -> KvRange {
        let from = self.full(start.unwrap_or_default());
        let to = end.map(|e| self.full(e)).or_else(|| prefix_end(&self.prefix));
        KvRange {
            inner: self.branch.range(Some(&from), to.as_deref(), order),
            gas: self.gas.clone(),
            strip: self.prefix.len(),
        }
    }

    /// Entries whose key starts with `prefix`, ascending, keys without the module's prefix.
    pub fn prefix(&self, prefix: &[u8]) -> KvRange {
        self.range(Some(prefix), prefix_end(prefix).as_deref(), Order::Ascending)
    }
}

fn per_byte(cost: u64, len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX).saturating_mul(cost)
}

/// Metered iteration. Each step charges the entry's bytes and a flat cost, as does the end.
pub struct KvRange {
    inner: Range,
    gas: GasMeter,
    strip: usize,
}

impl Iterator for KvRange {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = match self.inner.next() {
            None => {
                return self
                    .gas
                    .consume(cost::ITER_NEXT_FLAT, "IterNextFlat")
                    .err()
                    .map(Err);
            }
            Some(Err(e)) => return Some(Err(halt(e))),
            Some(Ok(entry)) => entry,
        };
        let (mut key, value) = step;
        key.drain(..self.strip.min(key.len()));
        let bytes = per_byte(cost::READ_PER_BYTE, key.len())
            .saturating_add(per_byte(cost::READ_PER_BYTE, value.len()))
            .saturating_add(cost::ITER_NEXT_FLAT);
        Some(self.gas.consume(bytes, "ValuePerByte").map(|()| (key, value)))
    }
}
