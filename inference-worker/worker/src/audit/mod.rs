//! The worker as an auditor, and as a host that is audited (`docs/spec/audits-contract.md`).
//!
//! - [`look`] sees the round at every block, [`view`] is what it saw;
//! - [`act`] does what the round asks for: [`reveal`] shows this host's drawn leaves ([`span`] finds them), [`report`]
//!   commits, reveals and opens this host's report on others, [`panel`] its ballots;
//! - [`exam`] examines leaves in the meantime: [`fetch`] gets payloads, [`reach`] tells hosts that
//!   withhold them from those that nobody got round to, [`check`] holds them against their receipts,
//!   [`engine`] lends the scheduler's engine for re-execution between requests, [`judge`] turns what came of it into a
//!   vote;
//! - [`kept`] is what the journal keeps, as salts and votes are secret for a while;
//! - [`payload`] gives this host's payloads to who was chosen to judge it; [`desk`] is what the two sides share.
//!
//! Everything is derived from chain state and the journal, so a worker that was stopped goes on where it was.

mod act;
mod check;
mod desk;
mod engine;
mod exam;
mod fetch;
pub(crate) mod judge;
mod kept;
mod look;
mod panel;
mod payload;
mod reach;
mod report;
mod reveal;
mod span;
#[cfg(test)]
pub(crate) mod tests;
mod view;

pub(crate) use act::run;
pub(crate) use check::Replay;
pub(crate) use desk::Desk;
pub(crate) use kept::{Examined, Kept, KeptBallot, KeptReport};
pub(crate) use payload::routes;
pub(crate) use view::View;
