//! New coins: an amount per epoch that decays until a hard cap, minted for the rewards contract.
//!
//! Owns how much was ever minted and what the next epoch brings. [`emit`] is the only caller of the
//! bank's mint, so the total supply is what genesis gave out, plus what this module says it minted, less
//! what was burned. Invariant: never more than the cap is minted. The arithmetic is in [`mod@schedule`],
//! apart from state.

mod event;
mod genesis;
mod keys;
mod mint;
mod query;
pub mod schedule;
mod state;

pub use genesis::{export_genesis, init_genesis};
pub use mint::emit;
pub use query::query;
pub use schedule::Schedule;
pub use state::schedule;

/// Name of the module and of its part of the state.
pub const MODULE: &str = "emission";

/// The module account that new coins come from, as in the Cosmos SDK.
pub const MINT: &str = "mint";
