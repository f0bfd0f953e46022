//! An executable model of one session: router, payer, up to eight hosts, a chain and a network between them.
//!
//! The chain divides money with [`quern_protocol::ledger`], the contract's own arithmetic; everything else is
//! the protocol at its plainest. Each party is honest or not, loses what is not durable when it crashes, and
//! may vanish for good. Messages are delayed, lost, doubled and reordered. Tests drive a [`world::World`] with
//! random steps and then ask the [`truth`] whether anyone lost what the protocol promises.
//!
//! Signatures are modelled by [`sign::Key`]: what a key did not sign cannot be made. Tokens cost
//! [`PRICE`] each.

pub mod chain;
pub mod host;
pub mod message;
pub mod router;
pub mod sign;
pub mod step;
pub mod truth;
pub mod world;

/// Index of a host in the committee.
pub type HostId = usize;

/// Tokens of one slice.
pub const SLICE: u64 = 256;
/// nqrn per token.
pub const PRICE: u64 = 3;
/// The Δ of the protocol in blocks.
pub const LAPSE: u64 = 8;
/// Blocks between two batches; Δ is twice that and more.
pub const BATCH: u64 = 3;
/// The W of the protocol in blocks.
pub const APPEAL: u64 = 6;
/// Blocks that a voucher's height may lie behind the chain when a host accepts it.
pub const FRESH: u64 = 1;

/// What tokens cost.
pub const fn cost(tokens: u64) -> u128 {
    tokens as u128 * PRICE as u128
}
