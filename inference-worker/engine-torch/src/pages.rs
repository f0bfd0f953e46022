//! Which pages of the cache belong to whom.
//!
//! Pages are counted: a sequence holds one, and others may hold it too when it is full and their tokens up to its end
//! are the same. A full page may stay after its last holder is gone, named by a hash of its tokens, of all before them
//! and of the salt that its owner shares it under, until a page is needed and it is the one longest unused.

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// Names what a full page holds.
pub(crate) type PageKey = [u8; 32];

/// The key before a sequence's first page.
pub(crate) fn root(salt: &[u8; 32]) -> PageKey {
    Sha256::new()
        .chain_update(b"quern.cache.root")
        .chain_update(salt)
        .finalize()
        .into()
}

/// The key of a page after that of the page before it.
pub(crate) fn child(parent: &PageKey, tokens: &[u32]) -> PageKey {
    let mut hash = Sha256::new().chain_update(parent);
    for token in tokens {
        hash.update(token.to_be_bytes());
    }
    hash.finalize().into()
}

#[derive(Clone, Debug, Default)]
struct Page {
    holders: u32,
    key: Option<PageKey>,
    /// When its last holder left, if it is kept for others.
    idle: u64,
}

/// All pages of a cache.
#[derive(Debug)]
pub(crate) struct Pages {
    pages: Vec<Page>,
    free: Vec<u32>,
    by_key: HashMap<PageKey, u32>,
    /// Kept pages that nobody holds, the longest unused first.
    idle: BTreeMap<u64, u32>,
    clock: u64,
    /// Pages that sequences may still take.
    promised: usize,
}

impl Pages {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            pages: vec![Page::default(); count],
            free: (0..count as u32).rev().collect(),
            by_key: HashMap::new(),
            idle: BTreeMap::new(),
            clock: 0,
            promised: 0,
        }
    }

    /// Pages in all.
    pub(crate) fn count(&self) -> usize {
        self.pages.len()
    }

    /// Pages that are neither held nor promised.
    pub(crate) fn available(&self) -> usize {
        (self.free.len() + self.idle.len()).saturating_sub(self.promised)
    }

    /// Promises that many pages, or none if they are not there.
    pub(crate) fn promise(&mut self, count: usize) -> bool {
        let there = count <= self.available();
        if there {
            self.promised += count;
        }
        there
    }

    /// Takes back a promise.
    pub(crate) fn forgo(&mut self, count: usize) {
        self.promised = self.promised.saturating_sub(count);
    }

    /// A page with one holder; `promised` says that it was promised before. None if there is none.
    pub(crate) fn take(&mut self, promised: bool) -> Option<u32> {
        if !promised && self.available() == 0 {
            return None;
        }
        let page = match self.free.pop() {
            Some(page) => page,
            None => {
                let (_, page) = self.idle.pop_first()?;
                if let Some(key) = self.pages.get_mut(page as usize)?.key.take() {
                    self.by_key.remove(&key);
                }
                page
            }
        };
        if promised {
            self.forgo(1);
        }
        self.pages.get_mut(page as usize)?.holders = 1;
        Some(page)
    }

    /// One holder less. A page that is kept for others waits for them.
    pub(crate) fn release(&mut self, page: u32) {
        let Some(entry) = self.pages.get_mut(page as usize) else {
            return;
        };
        entry.holders = entry.holders.saturating_sub(1);
        if entry.holders > 0 {
            return;
        }
        if entry.key.is_some() {
            self.clock += 1;
            entry.idle = self.clock;
            self.idle.insert(self.clock, page);
        } else {
            self.free.push(page);
        }
    }

    /// Keeps a full page for others, unless another with the same content is kept.
    pub(crate) fn publish(&mut self, page: u32, key: PageKey) {
        let Some(entry) = self.pages.get_mut(page as usize) else {
            return;
        };
        if entry.key.is_none() && !self.by_key.contains_key(&key) {
            entry.key = Some(key);
            self.by_key.insert(key, page);
        }
    }

    /// The page that is kept under a key.
    pub(crate) fn kept(&self, key: &PageKey) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// Of these pages, how many nobody holds.
    pub(crate) fn idle_among(&self, pages: &[u32]) -> usize {
        let idle = |page: &&u32| self.pages.get(**page as usize).is_some_and(|p| p.holders == 0);
        pages.iter().filter(idle).count()
    }

    /// One holder more for a page that is kept.
    pub(crate) fn hold(&mut self, page: u32) {
        if let Some(entry) = self.pages.get_mut(page as usize) {
            if entry.holders == 0 {
                self.idle.remove(&entry.idle);
            }
            entry.holders += 1;
        }
    }
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;
