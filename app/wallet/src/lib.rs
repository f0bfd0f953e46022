//! Keyring, transaction building and chain queries of the command line.
//!
//! `quernd` mounts [`KeysCommand`], [`TxCommand`], [`QueryCommand`] and the commands of [`trace`] and hands each its home directory.
//! The chain is reached only through CometBFT's RPC, so any node serves. Each command returns what to print;
//! a [`Failure`] carries the process's exit code.

mod amount;
mod failure;
mod json;
mod key_bytes;
mod keyring;
mod keys;
mod mnemonic;
mod node;
mod output;
mod password;
mod public_key;
mod qrn;
mod query;
mod system;
mod table;
pub mod trace;
mod tx;

pub use failure::{Failure, Result};
pub use keyring::{KeyFile, Keyring};
pub use keys::KeysCommand;
pub use mnemonic::{DEFAULT_PATH, SigningKey, new_mnemonic};
pub use output::Format;
pub use password::PasswordFlags;
pub use qrn::coins;
pub use query::QueryCommand;
pub use tx::TxCommand;
pub use tx::gentx::{Gentx, GentxArgs, GentxGround, read_gentx};
