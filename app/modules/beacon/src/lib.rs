//! The randomness beacon: one 32-byte value per block, which its proposer cannot choose.
//!
//! A validator announces the outermost layer of a hash onion, its *anchor*. Whenever it proposes, the
//! block's first transaction must reveal the anchor's preimage, which becomes the next anchor; the
//! beacon hashes the preimage into the value before. A proposer without a usable anchor reveals nothing
//! and the chain goes on without it. The specification is docs/spec/beacon.md.
//!
//! [`hash`], [`Onion`] and [`tx`] are pure; the rest keeps state. Owns the values of the last blocks
//! and every validator's place in its onion. Invariant: an anchor moves only by its own preimage.

mod advance;
mod anchor;
mod error;
mod event;
mod genesis;
pub mod hash;
mod keys;
mod onion;
mod query;
mod state;
pub mod tx;
mod validators;

pub use advance::{Advance, advance};
pub use error::{MISPLACED, NOT_KEPT};
pub use genesis::{export_genesis, init_genesis};
pub use hash::Hash;
pub use onion::{DEFAULT_LAYERS, Found, MIN_LAYERS, Onion};
pub use query::query;
pub use state::beacon;
pub use validators::{ConsensusAddress, on_validators, usable_anchor};

/// Name of the module and of its part of the state.
pub const MODULE: &str = "beacon";
