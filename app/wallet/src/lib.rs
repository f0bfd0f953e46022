//! Keyring, transaction building and chain queries of the command line.
//!
//! `quernd` mounts [`KeysCommand`], [`TxCommand`] and [`QueryCommand`] and hands each its home directory.
//! The chain is reached only through CometBFT's RPC, so any node serves. Each command returns what to print;
//! a [`Failure`] carries the process's exit code.

mod amount;
mod failure;
mod json;
mod keyring;
mod keys;
mod mnemonic;
mod node;
mod output;
mod password;
mod query;
mod tx;

pub use failure::{Failure, Result};
pub use keyring::{KeyFile, Keyring};
pub use keys::KeysCommand;
pub use mnemonic::{DEFAULT_PATH, SigningKey, new_mnemonic};
pub use output::Format;
pub use query::QueryCommand;
pub use tx::TxCommand;
