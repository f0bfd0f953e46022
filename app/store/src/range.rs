//! Ordered iteration over a branch that may change meanwhile.

use crate::backend::Bounds;
use crate::branch::Branch;
use crate::{Key, StoreError, Value};
use std::collections::VecDeque;
use std::ops::Bound;

/// Direction of iteration by key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Greatest key first.
    Descending,
}

/// The end of the range of all keys that start with `prefix`: the smallest key above them. `None` if
/// there is none, as for a prefix that is empty or all 0xff.
pub fn prefix_end(prefix: &[u8]) -> Option<Key> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=kept)?.to_vec();
    if let Some(last) = end.last_mut() {
        *last = last.wrapping_add(1);
    }
    Some(end)
}

/// The first read of committed state fetches this many entries, since most ranges are short.
const FIRST_CHUNK: usize = 8;
/// Later reads double up to this many.
const LARGEST_CHUNK: usize = 256;

/// Iterator of [`Branch::range`]. After an error it ends.
pub struct Range {
    branch: Branch,
    order: Order,
    /// What is still to visit.
    rest: Bounds,
    /// Committed entries already fetched, all within `rest`.
    fetched: VecDeque<(Key, Value)>,
    /// Committed entries still to fetch; `None` once there are no more.
    unfetched: Option<Bounds>,
    chunk: usize,
}

impl Range {
    pub(crate) fn new(branch: Branch, start: Option<&[u8]>, end: Option<&[u8]>, order: Order) -> Self {
        let rest = Bounds {
            start: start.unwrap_or_default().to_vec(),
            end: end.map(<[u8]>::to_vec),
        };
        let unfetched = Some(rest.clone());
        Self {
            branch,
            order,
            rest,
            fetched: VecDeque::new(),
            unfetched,
            chunk: FIRST_CHUNK,
        }
    }

    /// The next entry, deleted ones passed over.
    fn step(&mut self) -> Result<Option<(Key, Value)>, StoreError> {
        while !self.rest.is_empty() {
            self.fetch()?;
            let bounds = (
                Bound::Included(self.rest.start.clone()),
                self.rest.end.clone().map_or(Bound::Unbounded, Bound::Excluded),
            );
            let written = self.branch.next_written(&bounds, self.order);
            let committed = self.fetched.front().map(|(key, _)| key);
            let Some(key) = nearer(written.as_ref(), committed, self.order).cloned() else {
                break;
            };
            let below = self.fetched.pop_front_if(|(committed, _)| *committed == key);
            self.pass(&key);
            let value = match self.branch.written(&key) {
                Some(overlaid) => overlaid,
                None => below.map(|(_, value)| value),
            };
            if let Some(value) = value {
                return Ok(Some((key, value)));
            }
        }
        self.unfetched = None;
        self.rest.end = Some(Key::new());
        Ok(None)
    }

    /// Makes sure that the next committed entry is at hand, if there is one.
    fn fetch(&mut self) -> Result<(), StoreError> {
        if !self.fetched.is_empty() {
            return Ok(());
        }
        let Some(mut bounds) = self.unfetched.take() else {
            return Ok(());
        };
        let entries = self.branch.base().scan(&bounds, self.order, self.chunk)?;
        if entries.len() == self.chunk
            && let Some((last, _)) = entries.last()
        {
            advance(&mut bounds, last, self.order);
            self.unfetched = Some(bounds);
        }
        self.chunk = self.chunk.saturating_mul(2).min(LARGEST_CHUNK);
        self.fetched = entries.into();
        Ok(())
    }

    fn pass(&mut self, key: &Key) {
        advance(&mut self.rest, key, self.order);
    }
}

/// Shrinks `bounds` to what comes after `key`.
fn advance(bounds: &mut Bounds, key: &Key, order: Order) {
    match order {
        Order::Ascending => {
            // The smallest key above `key`.
            bounds.start.clone_from(key);
            bounds.start.push(0);
        }
        Order::Descending => bounds.end = Some(key.clone()),
    }
}

/// Whichever key comes first in `order`.
fn nearer<'a>(a: Option<&'a Key>, b: Option<&'a Key>, order: Order) -> Option<&'a Key> {
    match (a, b) {
        (Some(a), Some(b)) => Some(match order {
            Order::Ascending => a.min(b),
            Order::Descending => a.max(b),
        }),
        (one, other) => one.or(other),
    }
}

impl Iterator for Range {
    type Item = Result<(Key, Value), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.unfetched = None;
            self.fetched.clear();
            self.rest.end = Some(Key::new());
        }
        step.transpose()
    }
}
