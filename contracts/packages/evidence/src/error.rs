//! What can be wrong.

use std::fmt;

/// Why evidence was not taken. The text starts with a stable name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceError {
    /// A score above one.
    Score(u32),
    /// A null of zero, or of one and more.
    Null(u32),
    /// An entry without leaves.
    EmptyEntry,
    /// More leaves in one round than [`crate::MAX_ROUND_LEAVES`].
    TooManyLeaves(usize),
    /// A leaf twice in one round.
    DuplicateLeaf(quern_protocol::Hash),
    /// More models than processes share a host's alpha.
    TooManyModels(usize),
    /// Parameters outside their bounds.
    Params(&'static str),
    /// A state that no history leads to.
    CorruptState,
}

impl fmt::Display for EvidenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Score(micro) => write!(f, "bad_score: {micro} millionths is more than one"),
            Self::Null(micro) => write!(f, "bad_null: {micro} millionths is not between zero and one"),
            Self::EmptyEntry => f.write_str("empty_entry: an entry needs a leaf"),
            Self::TooManyLeaves(count) => write!(f, "too_many_leaves: {count} in one round"),
            Self::DuplicateLeaf(id) => write!(f, "duplicate_leaf: {id} is twice in one round"),
            Self::TooManyModels(count) => {
                write!(f, "too_many_models: {count} and one over all share one alpha")
            }
            Self::Params(what) => write!(f, "bad_params: {what}"),
            Self::CorruptState => f.write_str("corrupt_state: no history leads to this state"),
        }
    }
}

impl std::error::Error for EvidenceError {}
