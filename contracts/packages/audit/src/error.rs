//! What can be wrong.

use std::fmt;

/// Why something about an audit was refused. The text starts with a stable name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditError {
    /// A list is longer than its bound.
    TooMany(&'static str),
    /// A list is not sorted, or holds something twice.
    Unsorted(&'static str),
    /// Amounts or weights that do not fit.
    Overflow,
    /// A proof does not lead to the committed root.
    NotInRoot,
    /// A receipt and its session leaf contradict each other, or the host.
    Mismatch(&'static str),
    /// No such batch in the span.
    UnknownBatch(u64),
    /// The leaf does not cover the drawn offset.
    NotDrawn,
    /// The leaf overlaps one that was drawn already.
    Overlap,
    /// Nothing is left to draw.
    Done,
    /// Nobody may audit this host.
    NoAuditor,
    /// Parameters outside their bounds.
    Params(&'static str),
    /// Bytes that are no packed votes.
    Packed,
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(what) => write!(f, "too_many: {what}"),
            Self::Unsorted(what) => write!(f, "unsorted: {what} must rise and not repeat"),
            Self::Overflow => f.write_str("overflow: a sum does not fit"),
            Self::NotInRoot => f.write_str("not_in_root: the proof does not lead to the committed root"),
            Self::Mismatch(what) => write!(f, "mismatch: {what}"),
            Self::UnknownBatch(sequence) => write!(f, "unknown_batch: {sequence} is not in this round"),
            Self::NotDrawn => f.write_str("not_drawn: the leaf does not cover the drawn offset"),
            Self::Overlap => f.write_str("overlap: the leaf overlaps one that was drawn"),
            Self::Done => f.write_str("done: nothing is left to draw"),
            Self::NoAuditor => f.write_str("no_auditor: nobody may audit this host"),
            Self::Params(what) => write!(f, "bad_params: {what}"),
            Self::Packed => f.write_str("bad_packed: the bytes are no packed votes"),
        }
    }
}

impl std::error::Error for AuditError {}
