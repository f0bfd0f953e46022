//! Every integration test of this contract, in one executable: each executable links the contracts anew, and cargo runs
//! one after the other. A new file is named here, as `make check` demands.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

mod agrees_with_the_model;
mod attacks;
mod bounds;
mod common;
mod convictions;
mod demand;
mod ended;
mod faults;
mod fees;
mod judges;
mod migration;
mod misses;
mod queue;
mod sessions;
