//! Every integration test of this contract, in one executable: each executable links the contracts anew, and cargo runs
//! one after the other. A new file is named here, as `make check` demands.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

mod attacks;
mod backlog;
mod ballots;
mod common;
mod giving_up;
mod histories;
mod migration;
mod models;
mod proofs;
mod rounds;
