//! Authorizations: accounts that let others act for them (Cosmos SDK x/authz).
//!
//! Owns who may send which messages for whom. `MsgExec` carries messages of others; each is executed for its
//! own signer if that account has granted it to the executing one. Grants that have ended are refused at once
//! and leave the state a few at a time by [`prune`].

mod authorization;
mod dispatch;
mod error;
mod event;
mod genesis;
mod invariants;
mod keys;
mod msg;
mod query;
mod state;

pub use authorization::{AUTHORIZATION_TYPES, HELPER_TYPES};
pub use error::{
    AUTHORIZATION_EXPIRED, GRANTEE_IS_GRANTER, INVALID_EXPIRATION_TIME, NEGATIVE_MAX_TOKENS,
    NO_AUTHORIZATION_FOUND, NO_GRANT_KEY_FOUND, NUMBER_OF_SIGNERS, UNKNOWN_AUTHORIZATION_TYPE,
};
pub use genesis::{export_genesis, init_genesis};
pub use invariants::check_queue;
pub use msg::Msg;
pub use query::query;
pub use state::prune;

/// Name of the module and of its part of the state.
pub const MODULE: &str = "authz";
/// Entries of the queue of ended grants that one block removes at most. One entry holds the grants of one
/// pair that end at the same time: at most one per type of message.
pub const PRUNED_PER_BLOCK: usize = 200;
