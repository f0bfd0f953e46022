//! Drawing leaves by amount, without replacement.

use crate::{AuditError, Range, MAX_TOTAL};
use quern_protocol::{hash_fields, Amount, Fields, Hash};
use serde::{Deserialize, Serialize};

/// Most leaves that one sampling draws.
pub const MAX_DRAWS: u32 = 4_096;

/// Seed of a host's draw in a round. `beacon` is that of a height after the last batch of the round: the
/// protocol takes eight blocks.
pub fn leaf_seed(chain_id: &str, host: &str, round: u64, beacon: &Hash) -> Hash {
    Fields::new("quern.audit-leaves/1", chain_id)
        .bytes(host.as_bytes())
        .u64(round)
        .bytes(beacon.as_ref())
        .finish()
}

/// Seed of a host's draw, in a round, among what the round before covered. `beacon` is as of [`leaf_seed`].
pub fn backlog_seed(chain_id: &str, host: &str, round: u64, beacon: &Hash) -> Hash {
    Fields::new("quern.audit-backlog/1", chain_id)
        .bytes(host.as_bytes())
        .u64(round)
        .bytes(beacon.as_ref())
        .finish()
}

/// Seed of the draw among a host's answers of a model in a sprint of proof of compute, and of the choice of their
/// auditors. `beacon` is as of [`leaf_seed`].
pub fn proof_draw_seed(
    chain_id: &str,
    host: &str,
    (sprint, model): (u64, &str),
    round: u64,
    beacon: &Hash,
) -> Hash {
    Fields::new("quern.audit-proofs/1", chain_id)
        .bytes(host.as_bytes())
        .u64(sprint)
        .bytes(model.as_bytes())
        .u64(round)
        .bytes(beacon.as_ref())
        .finish()
}

/// Leaves to draw for a rate in basis points of `total`: `ceil(total bps / (10^4 mean))`, at most `most`.
///
/// `mean` is what a leaf of the model's group captures on average. It is the same for every host, so each
/// nqrn of revenue is under the same risk, however it is cut into leaves.
///
/// # Errors
/// [`AuditError::Params`] for a mean of zero, a rate above 10,000 or more than [`MAX_DRAWS`].
pub fn draw_count(total: Amount, mean: Amount, bps: u32, most: u32) -> Result<u32, AuditError> {
    if mean.is_zero() || bps > 10_000 || most > MAX_DRAWS {
        return Err(AuditError::Params("mean, rate or bound of a draw"));
    }
    let scaled = mean.0.checked_mul(10_000).ok_or(AuditError::Overflow)?;
    let wanted = total
        .mul_div_ceil(bps.into(), scaled)
        .ok_or(AuditError::Overflow)?;
    Ok(u32::try_from(wanted.0).unwrap_or(most).min(most))
}

/// An offset of the span that asks for the leaf which covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawnOffset {
    /// Number in the stream of offsets, which seeds the choice of the auditor.
    pub index: u64,
    /// Offset.
    pub offset: Amount,
}

/// A draw under way. Leaves are unknown to the chain until someone reveals them, so the stream of offsets
/// goes on one leaf at a time; an offset inside a leaf that was drawn already is passed over.
///
/// At each step the next leaf is drawn with probability proportional to its amount among those left,
/// wherever it lies. After m draws a leaf of amount a out of T was drawn with probability at least
/// `1 - (1 - a/T)^m`, whatever else the span holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    seed: Hash,
    /// Offsets before this one are not drawn.
    from: Amount,
    /// Length of the span.
    total: Amount,
    /// Leaves to draw.
    count: u32,
    /// Leaves drawn, withheld ones included.
    drawn: u32,
    /// Next number in the stream.
    index: u64,
    /// Revealed leaves, by start.
    ranges: Vec<Range>,
}

impl Sampling {
    /// Starts a draw of `count` leaves from `from..total`. `excluded` was audited already: by rising start,
    /// without overlap.
    ///
    /// # Errors
    /// [`AuditError::TooMany`], [`AuditError::Overflow`] from [`MAX_TOTAL`] on, and
    /// [`AuditError::Unsorted`] for the excluded.
    pub fn new(
        seed: Hash,
        from: Amount,
        total: Amount,
        count: u32,
        excluded: Vec<Range>,
    ) -> Result<Self, AuditError> {
        if count > MAX_DRAWS || excluded.len() > MAX_DRAWS as usize {
            return Err(AuditError::TooMany("leaves of a draw"));
        }
        if total.0 >= MAX_TOTAL {
            return Err(AuditError::Overflow);
        }
        let mut end = Amount::ZERO;
        for range in &excluded {
            if range.start < end || range.end <= range.start {
                return Err(AuditError::Unsorted("excluded leaves"));
            }
            end = range.end;
        }
        Ok(Self {
            seed,
            from,
            total,
            count,
            drawn: 0,
            index: 0,
            ranges: excluded,
        })
    }

    /// The offset whose leaf is asked for next; none when the draw is complete. Work over the whole draw:
    /// at most `2 count + 64` hashes, after which what is left is too little to go on looking for.
    pub fn pending(&mut self) -> Option<DrawnOffset> {
        let room = self.total.checked_sub(self.from)?;
        let last = u64::from(self.count).saturating_mul(2).saturating_add(64);
        while self.drawn < self.count && self.index < last {
            let offset = self.from.checked_add(below(&self.seed, self.index, room)?)?;
            if self.covering(offset).is_none() {
                return Some(DrawnOffset {
                    index: self.index,
                    offset,
                });
            }
            self.index = self.index.saturating_add(1);
        }
        None
    }

    /// Takes the place of the leaf that covers the pending offset.
    ///
    /// # Errors
    /// [`AuditError::Done`], [`AuditError::NotDrawn`] and [`AuditError::Overlap`]; then nothing changed.
    pub fn reveal(&mut self, range: Range) -> Result<DrawnOffset, AuditError> {
        let drawn = self.pending().ok_or(AuditError::Done)?;
        if !range.contains(drawn.offset) {
            return Err(AuditError::NotDrawn);
        }
        let at = self.ranges.partition_point(|known| known.start < range.start);
        let overlaps =
            |known: Option<&Range>| known.is_some_and(|k| k.start < range.end && range.start < k.end);
        if overlaps(self.ranges.get(at)) || overlaps(at.checked_sub(1).and_then(|i| self.ranges.get(i))) {
            return Err(AuditError::Overlap);
        }
        self.ranges.insert(at, range);
        self.advance();
        Ok(drawn)
    }

    /// Passes over the leaf that covers the pending offset, as one that says nothing: it takes no draw's place.
    ///
    /// # Errors
    /// As [`Sampling::reveal`].
    pub fn pass(&mut self, range: Range) -> Result<(), AuditError> {
        self.reveal(range)?;
        self.drawn = self.drawn.saturating_sub(1);
        Ok(())
    }

    /// Gives up on the pending offset: nobody revealed its leaf in time.
    ///
    /// # Errors
    /// [`AuditError::Done`].
    pub fn withhold(&mut self) -> Result<DrawnOffset, AuditError> {
        let drawn = self.pending().ok_or(AuditError::Done)?;
        self.advance();
        Ok(drawn)
    }

    /// Leaves that were revealed, and those excluded at the start, by start.
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    fn advance(&mut self) {
        self.drawn = self.drawn.saturating_add(1);
        self.index = self.index.saturating_add(1);
    }

    fn covering(&self, offset: Amount) -> Option<&Range> {
        let after = self.ranges.partition_point(|known| known.start <= offset);
        let known = self.ranges.get(after.checked_sub(1)?)?;
        known.contains(offset).then_some(known)
    }
}

/// Number `index` of a stream, below `total`; none if that is zero. The first 16 bytes of a hash, modulo
/// `total`.
pub(crate) fn below(seed: &Hash, index: u64, total: Amount) -> Option<Amount> {
    let hash = hash_fields(&[b"quern.audit-offset/1", seed.as_ref(), &index.to_be_bytes()]);
    let word = hash
        .0
        .iter()
        .take(16)
        .fold(0_u128, |word, byte| word << 8 | u128::from(*byte));
    word.checked_rem(total.0).map(Amount)
}

/// Every leaf from the start of a span, up to a number: how a new host is audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Walk {
    next: Amount,
    total: Amount,
    left: u64,
}

impl Walk {
    /// Starts a walk over the first `leaves` leaves with an amount.
    pub const fn new(total: Amount, leaves: u64) -> Self {
        Self {
            next: Amount::ZERO,
            total,
            left: leaves,
        }
    }

    /// The offset whose leaf is asked for next; none at the end.
    pub fn pending(&self) -> Option<Amount> {
        (self.left > 0 && self.next < self.total).then_some(self.next)
    }

    /// Takes the place of the next leaf.
    ///
    /// # Errors
    /// [`AuditError::Done`], and [`AuditError::NotDrawn`] for a leaf that does not start where the last one
    /// ended.
    pub fn reveal(&mut self, range: Range) -> Result<(), AuditError> {
        self.pass(range)?;
        self.left = self.left.saturating_sub(1);
        Ok(())
    }

    /// Goes on behind the next leaf, or behind what is given up, without counting it among the first leaves.
    ///
    /// # Errors
    /// As [`Walk::reveal`].
    pub fn pass(&mut self, range: Range) -> Result<(), AuditError> {
        let offset = self.pending().ok_or(AuditError::Done)?;
        if range.start != offset || !range.contains(offset) || range.end > self.total {
            return Err(AuditError::NotDrawn);
        }
        self.next = range.end;
        Ok(())
    }

    /// Ends it where it is.
    pub fn stop(&mut self) {
        self.left = 0;
    }

    /// Where a sampling of the rest begins.
    pub const fn end(&self) -> Amount {
        self.next
    }
}
