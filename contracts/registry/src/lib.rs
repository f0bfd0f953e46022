//! The `registry` contract: who serves what, where, with which keys.
//!
//! Messages and answers are those of [`quern_interface::registry`]; what they mean is in
//! `docs/spec/registry.md`. Arithmetic is in [`math`] and [`text`], typed keys in [`state`], the group's
//! sum tree in [`tree`].

pub mod contract;
mod error;
mod funds;
mod handlers;
mod hosts;
pub mod math;
mod pick;
mod query;
pub mod state;
pub mod text;
pub mod tree;

pub use error::ContractError;
