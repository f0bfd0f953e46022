//! Messages and answers of the system contracts.
//!
//! Plain serde types without a contract library, so the contracts, `quernd`, the worker and the router use
//! the same ones. Heights, ids and counts are JSON numbers (they stay below 2^53); amounts and prices are
//! strings; hashes, keys and signatures are base64. Unknown fields are refused. Addresses are bech32.

pub mod audits;
pub mod bonding;
pub mod poc_weights;
pub mod pricing;
pub mod registry;
pub mod rewards;
pub mod settlement;
pub mod sudo;
pub mod version;

/// Basis points in one.
pub const BPS: u128 = 10_000;

/// Most entries that one page of a listing holds.
pub const MAX_PAGE: u32 = 100;
/// Entries of a page if the request names no limit.
pub const DEFAULT_PAGE: u32 = 30;
