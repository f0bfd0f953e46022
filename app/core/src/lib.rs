//! The application: transaction pipeline, ordered hooks, block execution and query routing.
//!
//! [`App`] implements `tendermint_abci::Application`; everything below it is synchronous. A
//! transaction goes `tx` (decode, strictly) → `ante` (who pays, who signed) → `execute` (messages
//! on an inner branch, so that a failed message still pays its fee). A block goes `block`
//! (begin hooks → transactions → end hooks → app hash). Only [`App`] acts on a halt.

mod ante;
mod app;
mod application;
mod block;
mod decimal;
mod electorate;
mod execute;
mod export;
#[cfg(test)]
mod faulty;
mod guard;
mod hooks;
mod invariants;
mod msg;
mod options;
mod query;
mod release;
mod rewards;
mod router;
mod stakes;
mod statesync;
mod system;
mod tx;
mod upgrades;

pub use app::App;
pub use decimal::GasPrices;
pub use msg::Msg;
pub use options::{Halt, OpenError, Options, Reveals};
pub use quern_upgrade::{Handler, Handlers, Upgrade};
pub use release::{Answer, Release};
pub use statesync::Snapshots;
