//! Messages that create vesting accounts (Cosmos SDK x/auth/vesting).
//!
//! Owns no state: the accounts are x/auth's, which also says what they lock.

mod msg;
mod parse;

pub use msg::Msg;
