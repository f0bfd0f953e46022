//! What can be wrong.

use std::fmt;

/// Why an epoch could not be computed. The text starts with a stable name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightError {
    /// More hosts than [`crate::MAX_HOSTS`].
    TooManyHosts(usize),
    /// Parameters outside their bounds.
    Params(&'static str),
}

impl fmt::Display for WeightError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyHosts(count) => write!(f, "too_many_hosts: {count}"),
            Self::Params(what) => write!(f, "bad_params: {what}"),
        }
    }
}

impl std::error::Error for WeightError {}
