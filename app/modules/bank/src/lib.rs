//! Balances, supply, transfers and denomination metadata (Cosmos SDK x/bank).
//!
//! Owns every balance. Invariant: for each denomination the supply equals the sum of balances, and
//! no zero balance is stored. Coins move only through [`send_coins`], [`mint`] and [`burn`], each of
//! which emits the events that exchanges reconcile by.

mod blocked;
mod delegate;
mod error;
mod event;
mod genesis;
mod keys;
mod metadata;
mod msg;
mod params;
mod query;
mod state;
mod supply;
mod transfer;

pub use blocked::is_blocked;
pub use delegate::track_delegation;
pub use error::{DENOM_METADATA_NOT_FOUND, INPUT_OUTPUT_MISMATCH, NO_INPUTS, NO_OUTPUTS, SEND_DISABLED};
pub use genesis::{check_supply, export_genesis, init_genesis};
pub use metadata::metadata;
pub use msg::Msg;
pub use params::{check_send_enabled, default_send_enabled};
pub use query::query;
pub use state::{all_balances, balance, spendable};
pub use supply::{burn, mint, supply};
pub use transfer::send_coins;

/// Name of the module and of its part of the state.
pub const MODULE: &str = "bank";
