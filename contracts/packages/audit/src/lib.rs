//! Audits: which committed leaves are checked, by whom, and what their words are worth.
//!
//! Pure arithmetic and formats for the contract that runs audits, for workers that take part, and for
//! whoever re-checks them. Everything that is drawn follows from a beacon of a later block than what it
//! judges. The full description with test vectors is `docs/spec/audit.md`.

mod auditors;
mod ballot;
mod calibration;
mod draw;
mod error;
mod locate;
mod opening;
mod pay;
mod prover;
mod report;
mod rules;
mod span;
mod votes;

pub use auditors::{
    auditor_seed, choose, eligible, independent, panel, panel_seed, Candidate, Seat, MAX_CANDIDATES,
    MAX_FUNDERS,
};
pub use ballot::{ballot_position, Ballot, OpenedMargin};
pub use calibration::{Bucket, BucketKey, Calibration, MAX_BUCKETS};
pub use draw::{
    backlog_seed, draw_count, leaf_seed, proof_draw_seed, DrawnOffset, Sampling, Walk, MAX_DRAWS,
};
pub use error::AuditError;
pub use locate::{prefix, Reveal};
pub use opening::{checked, opening_offset, opening_seed, Opening};
pub use pay::{forfeit, hiding, pay};
pub use prover::{BatchContents, OwnedReveal};
pub use report::{Finding, Margin, MarginTree, Report, MAX_FINDINGS, MAX_POSITIONS};
pub use rules::{Profile, StageRule, MAX_SEATS};
pub use span::{CommittedBatch, Range, Span, MAX_BATCHES, MAX_TOTAL};
pub use votes::{final_score, pack, stage_score, unfetchable, unpack, SeatVote, Vote};
