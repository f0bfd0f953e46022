//! Every integration test of this crate, in one executable: each executable links the contract VM anew, and cargo runs
//! one after the other, where the tests of one share the cores. A new file is named here, as `make check` demands.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

mod attacks;
mod audit_rounds;
mod common;
mod cw20;
mod dispatch;
mod hosts;
mod lifecycle;
mod published;
mod queries;
mod restart;
