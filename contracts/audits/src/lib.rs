//! The `audits` contract: rounds of draws, reports, panels, evidence, verdicts and pay.
//!
//! Messages and answers are those of [`quern_interface::audits`]; what they mean is in
//! `docs/spec/audits-contract.md`. Arithmetic is [`quern_audit`] and [`quern_evidence`], typed keys are in
//! [`state`], the work of a round in [`steps`].

mod assign;
mod case;
mod chain;
pub mod contract;
mod error;
mod funds;
mod handlers;
mod query;
mod say;
pub mod state;
pub mod steps;
mod table;
mod window;

pub use error::ContractError;
