//! The `bonding` contract: coins behind hosts.
//!
//! Messages and answers are those of [`quern_interface::bonding`] and [`quern_interface::sudo`]; what they
//! mean is in `docs/spec/bonding.md`. Arithmetic is in [`math`] and [`power`], typed keys in [`state`].

pub mod contract;
mod error;
mod freeze;
mod funds;
mod handlers;
mod hosts;
pub mod math;
pub mod power;
mod query;
mod registry;
mod slashing;
pub mod state;

pub use error::ContractError;
