//! The one-shot commands of an operator.

pub mod beacon;
pub mod comet;
pub mod config;
pub mod export;
pub mod genesis;
pub mod invariants;
pub mod prune;
pub mod rollback;
pub mod snapshots;
pub mod state;
pub mod status;
pub mod version;
