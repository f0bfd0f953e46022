//! The `settlement` contract: sessions, batches, claims, faults, pay.
//!
//! Messages and answers are those of [`quern_interface::settlement`]; what they mean is in
//! `docs/spec/session.md` and its neighbours. Arithmetic is [`quern_protocol::ledger`], typed keys are in
//! [`state`], proofs of faults in [`faults`].

mod chain;
mod completion;
pub mod contract;
mod demand;
mod earned;
mod error;
pub mod faults;
mod funds;
mod handlers;
mod query;
mod restitution;
mod sessions;
pub mod state;

pub use error::ContractError;
