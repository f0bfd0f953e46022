//! What enters a process: leaves of one round, grouped by payer.

use crate::{EvidenceError, Null, Score, MICRO};
use quern_protocol::Hash;
use serde::{Deserialize, Serialize};

/// Most leaves of one round. With it every product fits (see [`crate::Process`]).
pub const MAX_ROUND_LEAVES: usize = 4_096;

/// An audited leaf with its final score. Leaves whose payload is missing never become one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// Identity: the receipt's digest.
    pub id: Hash,
    /// Who paid for it; none for a leaf of proof of compute, which no payer chose.
    pub payer: Option<String>,
    /// Score: the minimum over the stages of its audit.
    pub score: Score,
    /// Null of its model.
    pub null: Null,
}

/// One factor of a process: the mean over leaves that count as one.
///
/// A leaf's factor `1 + c (s / mu_0 - 1)` is affine in `s / mu_0`, so the mean of the factors for any bet c
/// is the factor at the mean ratio, and a sum and a count hold it exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Sum of `s / mu_0` in millionths.
    ratios: u64,
    /// Leaves.
    count: u32,
}

impl Entry {
    /// One leaf.
    pub const fn single(score: Score, null: Null) -> Self {
        Self {
            ratios: null.ratio(score),
            count: 1,
        }
    }

    /// The mean over several leaves.
    ///
    /// # Errors
    /// [`EvidenceError::EmptyEntry`] and [`EvidenceError::TooManyLeaves`].
    pub fn mean(leaves: impl IntoIterator<Item = (Score, Null)>) -> Result<Self, EvidenceError> {
        let mut entry = Self { ratios: 0, count: 0 };
        for (score, null) in leaves {
            entry.join(Self::single(score, null));
            if entry.count as usize > MAX_ROUND_LEAVES {
                return Err(EvidenceError::TooManyLeaves(entry.count as usize));
            }
        }
        if entry.count == 0 {
            return Err(EvidenceError::EmptyEntry);
        }
        Ok(entry)
    }

    /// Leaves in it.
    pub const fn count(&self) -> u32 {
        self.count
    }

    fn join(&mut self, other: Self) {
        // at most 4,097 ratios of at most 10^12: far from 2^64
        self.ratios = self.ratios.saturating_add(other.ratios);
        self.count = self.count.saturating_add(other.count);
    }

    /// Numerator and denominator of the factor for the bet `2^-k`, k at most 16:
    /// `1 + 2^-k (mean ratio - 1) = (sum of ratios + count (2^k - 1)) / (count 2^k)`.
    pub(crate) fn factor(&self, k: u32) -> (u128, u128) {
        let unit = u128::from(MICRO) * u128::from(self.count);
        let kept = unit * ((1 << k) - 1);
        (kept + u128::from(self.ratios), unit << k)
    }
}

/// The entries of one round in the order in which they enter: first one per payer, by address; then leaves
/// without payer one by one, by id. The order in which leaves are given does not matter, and no score
/// decides where a leaf enters.
///
/// # Errors
/// [`EvidenceError::TooManyLeaves`] and [`EvidenceError::DuplicateLeaf`].
pub fn entries(leaves: &[Leaf]) -> Result<Vec<Entry>, EvidenceError> {
    if leaves.len() > MAX_ROUND_LEAVES {
        return Err(EvidenceError::TooManyLeaves(leaves.len()));
    }
    // sorted vectors: less code than maps, which counts in a contract
    let mut by_id: Vec<&Leaf> = Vec::with_capacity(leaves.len());
    for leaf in leaves {
        let at = by_id.partition_point(|known| known.id < leaf.id);
        if by_id.get(at).is_some_and(|known| known.id == leaf.id) {
            return Err(EvidenceError::DuplicateLeaf(leaf.id));
        }
        by_id.insert(at, leaf);
    }
    let mut by_payer: Vec<(&str, Entry)> = Vec::new();
    let mut singles = Vec::new();
    for leaf in by_id {
        let entry = Entry::single(leaf.score, leaf.null);
        let Some(payer) = leaf.payer.as_deref() else {
            singles.push(entry);
            continue;
        };
        let at = by_payer.partition_point(|(known, _)| *known < payer);
        match by_payer.get_mut(at).filter(|(known, _)| *known == payer) {
            Some((_, group)) => group.join(entry),
            None => by_payer.insert(at, (payer, entry)),
        }
    }
    let grouped = by_payer.into_iter().map(|(_, entry)| entry);
    Ok(grouped.chain(singles).collect())
}
