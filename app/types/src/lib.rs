//! Domain types and error tables shared by every crate of the node.
//!
//! No I/O, no storage, no async. Wire types never appear here: they are converted at the edge,
//! in the crate that speaks that wire.

mod address;
mod address_memo;
mod bech32_text;
mod coin;
mod denom;
mod error;
mod event;
mod time;

pub mod errors;

pub use address::{
    AccAddress, BECH32_ACCOUNT, BECH32_CONSENSUS, BECH32_VALIDATOR, consensus_bech32, consensus_from_bech32,
    contract_address, module_address, module_sub_address,
};
pub use coin::{Amount, Coin, Coins, coins_fault, is_beyond_supply, is_zero_amount};
pub use denom::Denom;
pub use error::{Error, Registered, Result};
pub use event::{Attribute, Event};
pub use time::Timestamp;

/// Base unit of the native coin. 1 QRN = 10^9 nqrn.
pub const BASE_DENOM: &str = "nqrn";
/// Display unit of the native coin.
pub const DISPLAY_DENOM: &str = "QRN";
/// Decimal places between [`BASE_DENOM`] and [`DISPLAY_DENOM`].
pub const DISPLAY_EXPONENT: u32 = 9;
