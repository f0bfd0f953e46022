//! The `rewards` contract: divides what the chain mints among hosts.
//!
//! Messages and answers are those of [`quern_interface::rewards`] and [`quern_interface::sudo`]; what they
//! mean is in `docs/spec/rewards.md`. Arithmetic is in [`activation`], [`division`] and [`vesting`], typed
//! keys in [`state`]. An epoch's end reads the hosts page by page over the following blocks; what a host
//! earned becomes coins that vest when it is next read, or claims.

mod accounts;
pub mod activation;
mod chain;
pub mod contract;
pub mod division;
mod error;
mod funds;
mod handlers;
mod query;
pub mod state;
mod steps;
pub mod vesting;

pub use error::ContractError;
