//! What worker and router need of the chain, over CometBFT's RPC: heights, contract queries, the beacon, and signed
//! contract calls.
//!
//! Several nodes can be named; a call goes to the next one when a node does not answer, and a node of another chain is
//! never used. [`Chain::execute`] says what became of a transaction and never guesses: it carries a time-out height,
//! so "not included" becomes certain once the chain has passed it.

mod error;
mod execute;
mod key;
mod query;
mod rpc;
mod tx;

pub use error::ChainError;
pub use execute::{Call, Fees, Outcome};
pub use key::{SigningKey, verify};
pub use query::{Account, Answer};
pub use rpc::{Chain, Status};
