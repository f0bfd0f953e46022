//! The `poc-weights` contract: sprints of proof of compute, committed work, verdicts on it, weights, and the
//! validators that follow from them.
//!
//! Messages and answers are those of [`quern_interface::poc_weights`]; what they mean is in
//! `docs/spec/proof.md`. Arithmetic is [`quern_weights`], typed keys are in [`state`], what the application
//! calls in `hooks`.

mod chain;
pub mod contract;
mod error;
mod handlers;
mod hooks;
mod query;
pub mod state;

pub use error::ContractError;
