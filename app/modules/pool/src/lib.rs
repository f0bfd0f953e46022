//! The community pool (part of Cosmos SDK x/distribution).
//!
//! Owns nothing but the coins of the module account `distribution`: its balance is the pool. The rewards'
//! tax and whatever anybody sends there is in it; governance spends it.

mod error;
mod msg;

pub use error::BAD_DISTRIBUTION;
pub use msg::Msg;

use quern_types::{AccAddress, module_address};

/// The module account that holds the pool.
pub const ACCOUNT: &str = "distribution";

/// Address of the pool.
pub fn address() -> AccAddress {
    module_address(ACCOUNT)
}
