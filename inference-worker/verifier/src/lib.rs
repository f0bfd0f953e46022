//! Re-execution of an output that somebody else wrote.
//!
//! The verifier feeds prompt and output to its own engine once and compares every written token with what the
//! seeded sampler draws from these logits: [`measure()`]. [`Measured`] is what an auditor commits to; a model's
//! calibration turns it into a score. [`finish_agrees`] rechecks where the output ended. Pure but for the engine; no
//! network, no chain. The numbers are those of `docs/spec/audit.md` and `docs/spec/sampler.md`.

mod finish;
mod measure;

pub use finish::finish_agrees;
pub use measure::{Leaf, Measured, VerifyError, gap_rule, measure, measure_rows, measure_with};
