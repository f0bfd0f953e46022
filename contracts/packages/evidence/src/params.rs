//! Constants of the test, the same for every process of a network.

use crate::EvidenceError;
use serde::{Deserialize, Serialize};

/// Most that `processes / alpha` may be: keeps every product inside 128 bits (see [`crate::Process`]).
pub const MAX_THRESHOLD: u64 = 10_000_000_000;

/// Parameters; governance changes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// `1 / alpha`: an honest host is ever convicted with probability at most alpha.
    pub alpha_inverse: u64,
    /// The n of the protocol: processes that share a host's alpha. For the bound to be exact it must be
    /// the most that one host can have at any time, one per model and one over all models; see the
    /// specification for hosts that change models.
    pub processes: u32,
    /// A restart is funded before every so-many-th entry, the first included.
    pub restart_every: u32,
    /// Wealth from which unbonding and settlement of the host freeze and audits become denser.
    pub freeze_at: u64,
}

impl Params {
    /// The shipped defaults: alpha = 10^-6, two processes, restarts every 64 entries, freeze at 30.
    pub const DEFAULT: Self = Self {
        alpha_inverse: 1_000_000,
        processes: 2,
        restart_every: 64,
        freeze_at: 30,
    };

    /// Checks the bounds.
    ///
    /// # Errors
    /// [`EvidenceError::Params`] names the first value out of bounds.
    pub fn validate(&self) -> Result<(), EvidenceError> {
        let bad = |what| Err(EvidenceError::Params(what));
        if self.alpha_inverse < 2 {
            return bad("alpha_inverse must be at least 2");
        }
        if self.processes == 0 {
            return bad("processes must be at least 1");
        }
        if self.threshold() > MAX_THRESHOLD {
            return bad("alpha_inverse times processes must be at most 10^10");
        }
        if self.restart_every == 0 {
            return bad("restart_every must be at least 1");
        }
        if self.freeze_at < 2 || self.freeze_at > self.threshold() {
            return bad("freeze_at must be from 2 to alpha_inverse times processes");
        }
        Ok(())
    }

    /// `n / alpha`: the wealth that convicts.
    pub const fn threshold(&self) -> u64 {
        self.alpha_inverse.saturating_mul(self.processes as u64)
    }
}

impl Default for Params {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_would_break_the_bound_or_overflow_are_refused() {
        assert_eq!(Params::DEFAULT.validate(), Ok(()));
        let edits: [fn(&mut Params); 7] = [
            |p| p.alpha_inverse = 1,
            |p| p.processes = 0,
            |p| p.alpha_inverse = u64::MAX,
            |p| p.processes = u32::MAX,
            |p| p.restart_every = 0,
            |p| p.freeze_at = 1,
            |p| p.freeze_at = 2_000_001,
        ];
        for edit in edits {
            let mut params = Params::DEFAULT;
            edit(&mut params);
            assert!(params.validate().is_err(), "{params:?}");
        }
    }
}
