//! What tells a host that withholds a payload from one that an auditor did not get round to. No I/O.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Failures of a host, each at another height, that make a payload missing.
const FAILURES: usize = 3;
/// Payloads that are fetched from one host at once.
const PER_HOST: usize = 2;

/// The blocks in which an auditor has to find out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: u64,
    pub(super) blocks: u64,
}

impl Window {
    /// Blocks of silence that count as one failure: so many that several fit in.
    pub(super) fn share(blocks: u64) -> u64 {
        (blocks / (2 * FAILURES as u64)).max(1)
    }

    /// Whether a host that failed at these heights does not give a payload: often enough, and not only for a moment.
    pub(super) fn is_failed(self, heights: &BTreeSet<u64>) -> bool {
        let within = || heights.range(self.from..).copied();
        let spread = within().next_back().zip(within().next());
        let spread = spread.map_or(0, |(last, first)| last.saturating_sub(first));
        within().count() >= FAILURES && spread >= (self.blocks / 4).max(2)
    }

    /// Whether a payload that came at this height leaves too little time to re-execute it.
    pub(super) fn is_late(self, height: u64) -> bool {
        height >= self.from.saturating_add(self.blocks / 2)
    }
}

/// How much of a window is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// Enough.
    Enough,
    /// A commitment should be on its way, unless something is about to be known.
    Late,
    /// A commitment must be on its way.
    Last,
}

/// Blocks that a commitment gets, as far as there are so many.
const COMMIT_BLOCKS: u64 = 4;
/// Blocks that it needs.
const LAST_BLOCKS: u64 = 3;

impl Time {
    /// What is left at `height` of so many blocks, the first height after which is `until`.
    pub(super) fn left(height: u64, blocks: u64, until: u64) -> Self {
        let within = |most: u64| height.saturating_add(most.min(blocks / 2)) >= until;
        if within(LAST_BLOCKS) {
            Self::Last
        } else if within(COMMIT_BLOCKS) {
            Self::Late
        } else {
            Self::Enough
        }
    }
}

/// A host from which payloads are fetched.
#[derive(Debug)]
pub(super) struct Reach {
    /// A slow host holds up nobody but itself.
    pub(super) permits: Arc<Semaphore>,
    /// Heights at which it gave no answer at all, since it last gave a payload: every leaf that waits for it may count
    /// these.
    silent: Mutex<BTreeSet<u64>>,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            permits: Arc::new(Semaphore::new(PER_HOST)),
            silent: Mutex::default(),
        }
    }
}

impl Reach {
    fn silence(&self) -> std::sync::MutexGuard<'_, BTreeSet<u64>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It gave no answer.
    pub(super) fn was_silent(&self, height: u64) {
        self.silence().insert(height);
    }

    /// It gave a payload.
    pub(super) fn answered(&self) {
        self.silence().clear();
    }

    /// Heights at which it failed a leaf: by silence from `began` on, or on this leaf.
    pub(super) fn failures(&self, began: u64, own: &BTreeSet<u64>) -> BTreeSet<u64> {
        self.silence().range(began..).chain(own).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        Window {
            from: 100,
            blocks: 40,
        }
    }

    fn failed(heights: &[u64]) -> bool {
        window().is_failed(&heights.iter().copied().collect())
    }

    #[test]
    fn a_host_that_was_never_asked_or_failed_for_a_moment_withholds_nothing() {
        assert!(!failed(&[]));
        assert!(!failed(&[100, 139]));
        assert!(!failed(&[130, 131, 132, 133]));
        assert!(failed(&[100, 120, 139]));
        // Failures before the window say nothing about it.
        assert!(!failed(&[80, 90, 99, 101]));
        // The shortest windows still have room for as many.
        assert_eq!((Window::share(8), Window::share(90)), (1, 15));
    }

    #[test]
    fn silence_counts_for_every_leaf_that_waited_then_and_ends_with_a_payload() {
        let reach = Reach::default();
        for height in [100, 110, 120] {
            reach.was_silent(height);
        }
        let own = BTreeSet::from([130]);
        assert_eq!(Vec::from_iter(reach.failures(105, &own)), [110, 120, 130]);
        reach.answered();
        assert_eq!(reach.failures(105, &own), own);
    }

    #[test]
    fn what_comes_in_the_second_half_comes_late() {
        assert!(!window().is_late(119));
        assert!(window().is_late(120));
    }
}
