//! The node: `quernd init`, `start` and their kin, as a library for the binary and for tests.
//!
//! `quernd start` is a supervisor of two processes over one home directory, the application
//! (this same binary with `--app-only`) and CometBFT. Neither outlives the supervisor, and the
//! crash of either restarts both.

pub mod cli;
pub mod comet;
pub mod commands;
pub mod config;
pub mod devnet;
pub mod exit;
pub mod hints;
pub mod home;
pub mod init;
pub mod onion;
pub mod output;
mod program;
pub mod start;

pub use program::program;
