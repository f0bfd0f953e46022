//! The validator set that contracts propose, under bounds that no contract can pass.
//!
//! Owns the set that CometBFT will use: what the state holds after block `h` votes from block `h + 2`
//! on. A contract proposes a complete set once per epoch ([`adopt`]) and names validators to remove at
//! once ([`remove`]); [`diff`] turns what a block changed into the updates for CometBFT. The arithmetic
//! of the bounds is in [`bounds`], apart from state. [`count`] notes who signed since the epoch began, which
//! the contract weighs.

pub mod bounds;
mod genesis;
mod keys;
mod presence;
mod query;
mod set;
mod state;

pub use genesis::{export_genesis, init_genesis};
pub use presence::{Address, Presence, count, presence, reset};
pub use query::query;
pub use set::{Key, Powers, consensus_address, diff, total};
pub use state::{adopt, current, key_of, remove};

/// Name of the module and of its part of the state.
pub const MODULE: &str = "validators";
