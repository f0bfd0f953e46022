//! Every integration test of this crate, in one executable: each executable links the contract VM anew, and cargo runs
//! one after the other, where the tests of one share the cores. A new file is named here, as `make check` demands.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at a surprise"
)]

mod allowances;
mod authorizations;
mod beacon;
mod completions;
mod contract_stakes;
mod contracts;
mod emission;
mod estimates;
mod gen_txs;
mod golden_errors;
mod governance;
mod governed_contracts;
mod governed_parameters;
mod invariants;
mod jail;
mod memories;
mod mutants;
mod mutations;
mod native_stack;
mod proof_of_compute;
mod queries_and_proofs;
mod real_contracts;
mod redelegations;
mod refusals;
mod restarts;
mod rewards;
mod signing;
mod staking;
mod staking_events;
mod staking_views;
mod state_sync;
mod support;
mod system_contracts;
mod transfers_and_fees;
mod upgrades;
mod vested_stakes;
mod vesting;
