//! System contracts: their addresses by name, the epoch, and the calls that the chain makes of them.
//!
//! Owns the list of contracts that genesis instantiated for the chain itself, and the parameters of the
//! calls at a block's borders. [`Host::call`] is the only way from the chain into such a contract: with
//! a gas limit of its own, on a fork, so that a contract that loops, panics or answers rubbish costs its
//! own call and nothing else.

mod answer;
mod call;
mod error;
mod genesis;
mod install;
mod keys;
mod params;
mod query;
mod state;

pub use answer::{read_proposed, read_removals};
pub use call::Host;
pub use error::{BAD_ANSWER, INSTALL};
pub use genesis::{export_genesis, init_genesis};
pub use install::install;
pub use params::{Params, params};
pub use quern_interface::sudo::{Misbehavior, SudoMsg};
pub use query::query;
pub use state::{address, contracts, epoch, set_epoch, validator_source};

/// Name of the module and of its part of the state.
pub const MODULE: &str = "system";

/// The contract that keeps hosts, models and routers.
pub const REGISTRY: &str = "registry";
/// The contract that keeps bonds.
pub const BONDING: &str = "bonding";
/// The contract that keeps sessions and escrows.
pub const SETTLEMENT: &str = "settlement";
/// The contract that judges served work and proofs.
pub const AUDITS: &str = "audits";
/// The contract that turns proofs of compute into weights and proposes validators.
pub const POC_WEIGHTS: &str = "poc-weights";
/// The contract that sets prices by demand.
pub const PRICING: &str = "pricing";
/// The contract that gives out the emission.
pub const REWARDS: &str = "rewards";
