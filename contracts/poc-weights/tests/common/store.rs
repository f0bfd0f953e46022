//! A store that counts what is read below the simulated chain's caches.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use cosmwasm_std::{Order, Record, Storage};

#[derive(Default)]
pub struct Store {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    pub reads: Rc<Cell<usize>>,
}

impl Storage for Store {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.reads.set(self.reads.get() + 1);
        self.entries.get(key).cloned()
    }

    fn range<'a>(
        &'a self,
        start: Option<&[u8]>,
        end: Option<&[u8]>,
        order: Order,
    ) -> Box<dyn Iterator<Item = Record> + 'a> {
        if start.zip(end).is_some_and(|(start, end)| start >= end) {
            return Box::new(std::iter::empty());
        }
        let start = start.map_or(Bound::Unbounded, |s| Bound::Included(s.to_vec()));
        let end = end.map_or(Bound::Unbounded, |e| Bound::Excluded(e.to_vec()));
        let owned = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        let count = |_: &Record| self.reads.set(self.reads.get() + 1);
        let range = self.entries.range((start, end));
        match order {
            Order::Ascending => Box::new(range.map(owned).inspect(count)),
            Order::Descending => Box::new(range.rev().map(owned).inspect(count)),
        }
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.entries.insert(key.to_vec(), value.to_vec());
    }

    fn remove(&mut self, key: &[u8]) {
        self.entries.remove(key);
    }
}
