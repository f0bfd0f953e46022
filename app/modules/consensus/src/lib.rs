//! Consensus parameters kept by the application (Cosmos SDK x/consensus).
//!
//! Owns the parameters that CometBFT got at genesis and every change since. The application reports
//! a change to CometBFT at the end of the block that made it; it holds from the next block on.

mod msg;
mod query;
mod state;
mod validate;

pub use msg::Msg;
pub use query::query;
pub use state::{get, max_bytes, max_gas, set};
pub use tendermint_proto::v0_38::types::ConsensusParams;
pub use validate::validate;

/// Name of the module and of its part of the state.
pub const MODULE: &str = "consensus";
