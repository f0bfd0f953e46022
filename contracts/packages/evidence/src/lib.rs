//! Evidence against a host: an e-process over its audited leaves.
//!
//! Each process is a bet against the hypothesis that the host is honest. Its wealth is a nonnegative
//! supermartingale from 1 for an honest host, so it ever reaches `n / alpha` with probability at most
//! `alpha / n`, at every moment and for every history (Ville's inequality). The full description with test
//! vectors is `docs/spec/evidence.md`.
//!
//! Integers only; every step rounds the wealth down. The `calibration` feature adds floating-point tools
//! that choose constants; no contract links it.

#[cfg(any(test, feature = "calibration"))]
pub mod calibration;
mod entry;
mod error;
mod host;
mod params;
mod process;
mod rate;
mod score;
mod wealth;

pub use entry::{entries, Entry, Leaf, MAX_ROUND_LEAVES};
pub use error::EvidenceError;
pub use host::{Convictions, HostEvidence};
pub use params::{Params, MAX_THRESHOLD};
pub use process::{Process, Status, STAKES};
pub use rate::{rate, Rate, RateParams};
pub use score::{Null, Score, MICRO};
pub use wealth::Wealth;
