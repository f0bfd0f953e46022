//! Every test of the real node, in one executable: cargo runs executables one after the other, where the tests of one
//! share the cores, and these wait most of the time. A new file is named here, as `make check` demands.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

mod beacon;
mod cold_signing;
mod cosmovisor;
mod crash;
mod documented;
mod joining;
mod lifecycle;
mod network;
mod operations;
mod refusals;
mod remote_signer;
mod support;
mod upgrade;
mod wal;
