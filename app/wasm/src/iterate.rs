//! Iteration that charges as the SDK's `gaskv` does.
//!
//! It pays for the entry that it stands on when it is opened, and again before it moves on, so the
//! first entry is paid for twice and the end once.

use quern_context::{Cx, GasMeter, Kv, KvRange};
use quern_store::{Order, prefix_end};
use quern_types::Result;

use crate::{gas, keys};

/// Entries below a prefix of the `wasm` store, their keys without it.
pub(crate) struct Entries {
    inner: KvRange,
    current: Option<(Vec<u8>, Vec<u8>)>,
    meter: GasMeter,
    prefix: usize,
}

impl Entries {
    /// Opens an iterator over `[start, end)` below `prefix`.
    pub(crate) fn open(
        cx: &Cx,
        prefix: &[u8],
        start: Option<&[u8]>,
        end: Option<&[u8]>,
        order: Order,
    ) -> Result<Self> {
        Self::over(
            &cx.kv_unmetered(keys::STORE),
            cx.gas.clone(),
            prefix,
            start,
            end,
            order,
        )
    }

    /// The same with an unmetered store at hand.
    pub(crate) fn over(
        unmetered: &Kv,
        meter: GasMeter,
        prefix: &[u8],
        start: Option<&[u8]>,
        end: Option<&[u8]>,
        order: Order,
    ) -> Result<Self> {
        let from = [prefix, start.unwrap_or_default()].concat();
        let to = end.map_or_else(|| prefix_end(prefix), |end| Some([prefix, end].concat()));
        let mut entries = Self {
            inner: unmetered.range(Some(&from), to.as_deref(), order),
            current: None,
            meter,
            prefix: prefix.len(),
        };
        entries.current = entries.inner.next().transpose()?;
        entries.charge()?;
        Ok(entries)
    }

    /// The entry that the iterator stands on, moving on; `None` at the end, free of charge.
    pub(crate) fn step(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        if self.current.is_none() {
            return Ok(None);
        }
        self.charge()?;
        let next = self.inner.next().transpose()?;
        let Some((mut key, value)) = std::mem::replace(&mut self.current, next) else {
            return Ok(None);
        };
        key.drain(..self.prefix.min(key.len()));
        Ok(Some((key, value)))
    }

    /// The key that the iterator stands on.
    pub(crate) fn peek_key(&self) -> Option<&[u8]> {
        self.current.as_ref().and_then(|(key, _)| key.get(self.prefix..))
    }

    /// The entry that the iterator stands on, which is paid for, ending the iteration.
    pub(crate) fn into_current(self) -> Option<(Vec<u8>, Vec<u8>)> {
        let (mut key, value) = self.current?;
        key.drain(..self.prefix.min(key.len()));
        Some((key, value))
    }

    fn charge(&self) -> Result<()> {
        let entry = self.current.as_ref().map(|(key, value)| (key.len(), value.len()));
        self.meter.consume(gas::seek(entry), "IterNextFlat")
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use quern_context::{BlockFacts, Mode};
    use quern_store::{Branch, Snapshot};

    use super::*;

    #[test]
    fn gas_is_the_sdks_for_two_entries_in_either_order() {
        let branch = Branch::new(Snapshot::in_memory(0, BTreeMap::new()));
        let cx = Cx::new(branch, Arc::new(BlockFacts::default()), Mode::Finalize);
        let kv = cx.kv_unmetered(keys::STORE);
        kv.set(b"pa", b"1".to_vec()).unwrap();
        kv.set(b"pbb", b"22".to_vec()).unwrap();
        kv.set(b"q", b"no".to_vec()).unwrap();
        let cost = |len: u64| len * 3 + 30;
        let (a, b) = (cost(3), cost(5));
        for (order, expected) in [(Order::Ascending, [a, a, b]), (Order::Descending, [b, b, a])] {
            let cx = cx.with_gas(GasMeter::infinite());
            let mut entries = Entries::open(&cx, b"p", None, None, order).unwrap();
            assert_eq!(cx.gas.consumed(), expected[0]);
            let mut keys = vec![];
            while let Some((key, _)) = entries.step().unwrap() {
                keys.push(key);
            }
            assert_eq!(cx.gas.consumed(), expected.iter().sum::<u64>());
            keys.sort();
            assert_eq!(keys, [b"a".to_vec(), b"bb".to_vec()]);
        }
    }
}
