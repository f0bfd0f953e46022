//! Tests drive the same application object that the node serves, block by block, without a network.
//!
//! ```no_run
//! # fn open() -> impl tendermint_abci::Application { #[derive(Clone)] struct A; impl tendermint_abci::Application for A {} A }
//! use quern_testkit::{Chain, Genesis, User, bank_send};
//!
//! let (alice, bob) = (User::new("alice"), User::new("bob"));
//! let mut chain = Chain::start(open(), Genesis::new().fund(&alice, "1000000nqrn"));
//! let tx = chain.tx(&alice).message(bank_send(&alice, &bob, "5nqrn")).fee("100nqrn").sign(&alice);
//! let block = chain.block([tx]);
//! assert_eq!(block.tx_results[0].code, 0);
//! assert_eq!(chain.balance(&bob, "nqrn"), 5);
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helper fails by panicking

mod chain;
mod genesis;
mod mangle;
mod message;
mod tx;
mod user;

pub use chain::{Chain, QueryError};
pub use genesis::Genesis;
pub use mangle::Mangle;
pub use message::{any, bank_send, coins};
pub use tx::TxBuilder;
pub use user::User;

/// Chain id of every test chain.
pub const CHAIN_ID: &str = "quern-test-1";
/// Unix second of genesis; block `n` is at this plus `n`.
pub const GENESIS_TIME: i64 = 1_767_225_600;
