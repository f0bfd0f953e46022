//! The batches of a host that one draw covers, laid end to end.

use crate::{AuditError, Reveal};
use quern_protocol::{Amount, Node};
use serde::{Deserialize, Serialize};

/// Most batches of a span.
pub const MAX_BATCHES: usize = 4_096;
/// The total of a span stays below this, so that the modulo bias of a draw stays below 2^-32.
pub const MAX_TOTAL: u128 = 1 << 96;

/// A part of a span: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// First offset.
    pub start: Amount,
    /// Offset after the last.
    pub end: Amount,
}

impl Range {
    /// From a start and a length; none if the end does not fit.
    pub fn new(start: Amount, length: Amount) -> Option<Self> {
        let end = start.checked_add(length)?;
        Some(Self { start, end })
    }

    /// Whether an offset lies in it.
    pub fn contains(&self, offset: Amount) -> bool {
        self.start <= offset && offset < self.end
    }

    /// Its length.
    pub const fn amount(&self) -> Amount {
        self.end.saturating_sub(self.start)
    }
}

/// A batch as the chain knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommittedBatch {
    /// The host's sequence number.
    pub sequence: u64,
    /// Root and total.
    pub root: Node,
}

/// Batches of one host by rising sequence. Offset 0 is the first nqrn of the first batch's first leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    batches: Vec<(CommittedBatch, Range)>,
}

impl Span {
    /// Lays batches end to end.
    ///
    /// # Errors
    /// [`AuditError::TooMany`], [`AuditError::Unsorted`], or [`AuditError::Overflow`] if the total reaches
    /// [`MAX_TOTAL`].
    pub fn new(batches: &[CommittedBatch]) -> Result<Self, AuditError> {
        if batches.len() > MAX_BATCHES {
            return Err(AuditError::TooMany("batches in a span"));
        }
        let mut laid: Vec<(CommittedBatch, Range)> = Vec::with_capacity(batches.len());
        for batch in batches {
            let start = match laid.last() {
                Some((last, _)) if last.sequence >= batch.sequence => {
                    return Err(AuditError::Unsorted("batches"))
                }
                Some((_, range)) => range.end,
                None => Amount::ZERO,
            };
            let range = Range::new(start, batch.root.sum)
                .filter(|range| range.end.0 < MAX_TOTAL)
                .ok_or(AuditError::Overflow)?;
            laid.push((*batch, range));
        }
        Ok(Self { batches: laid })
    }

    /// Length of the whole span.
    pub fn total(&self) -> Amount {
        self.batches.last().map_or(Amount::ZERO, |(_, range)| range.end)
    }

    /// The batch that covers an offset and the offset inside it; none past the end.
    pub fn find(&self, offset: Amount) -> Option<(CommittedBatch, Amount)> {
        let index = self.batches.partition_point(|(_, range)| range.end <= offset);
        let (batch, range) = self.batches.get(index)?;
        Some((*batch, offset.checked_sub(range.start)?))
    }

    /// Where a revealed leaf of batch `sequence` lies in the span.
    ///
    /// # Errors
    /// [`AuditError::UnknownBatch`], and as [`Reveal::locate`].
    pub fn place(
        &self,
        chain_id: &str,
        host: &str,
        sequence: u64,
        reveal: &Reveal<'_>,
    ) -> Result<Range, AuditError> {
        let (batch, laid) = self
            .batches
            .binary_search_by_key(&sequence, |(batch, _)| batch.sequence)
            .ok()
            .and_then(|index| self.batches.get(index))
            .ok_or(AuditError::UnknownBatch(sequence))?;
        let inside = reveal.locate(chain_id, host, &batch.root)?;
        let start = laid.start.checked_add(inside.start).ok_or(AuditError::Overflow)?;
        Range::new(start, inside.amount()).ok_or(AuditError::Overflow)
    }
}
