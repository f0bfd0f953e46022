//! The `pricing` contract: what a token of each model costs.
//!
//! Messages and answers are those of [`quern_interface::pricing`]; the rule is in `docs/spec/pricing.md`.
//! Arithmetic is [`math`], typed keys are in [`state`], what happens at a block's end in `update`,
//! prices in US dollars in [`quote`].

mod chain;
pub mod contract;
mod error;
pub mod math;
mod params;
mod query;
pub mod quote;
pub mod state;
mod update;

pub use error::ContractError;
