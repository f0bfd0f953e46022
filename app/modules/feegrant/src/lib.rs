//! Allowances: accounts that pay the fees of others (Cosmos SDK x/feegrant).
//!
//! Owns what each granter lets each grantee spend on fees. The ante handler draws on it by
//! [`use_granted_fees`]; expired allowances leave the state a few at a time by [`prune`].

mod allowance;
mod error;
mod event;
mod genesis;
mod invariants;
mod keys;
mod msg;
mod query;
mod state;
mod wire;

pub use error::{
    FEE_LIMIT_EXCEEDED, FEE_LIMIT_EXPIRED, INVALID_DURATION, MESSAGE_NOT_ALLOWED, NO_ALLOWANCE, NO_MESSAGES,
};
pub use genesis::{export_genesis, init_genesis};
pub use invariants::check_queue;
pub use msg::Msg;
pub use query::query;
pub use state::{prune, use_granted_fees};
pub use wire::TYPE_URLS as ALLOWANCE_TYPES;

/// Name of the module and of its part of the state.
pub const MODULE: &str = "feegrant";
/// Expired allowances that one block removes at most.
pub const PRUNED_PER_BLOCK: usize = 200;
