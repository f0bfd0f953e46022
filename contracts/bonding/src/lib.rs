//! The `bonding` contract: coins behind hosts.
//!
//! Messages and answers are those of [`quern_interface::bonding`] and [`quern_interface::sudo`]; what they
//! mean is in `docs/spec/bonding.md`. Arithmetic is in [`math`], [`power`] and [`sharing`], typed keys in [`state`].

pub mod contract;
mod error;
mod freeze;
mod funds;
mod handlers;
mod hosts;
mod income;
pub mod math;
pub mod power;
mod query;
mod registry;
pub mod sharing;
mod slashing;
pub mod state;

pub use error::ContractError;
