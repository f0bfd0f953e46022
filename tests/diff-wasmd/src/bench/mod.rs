//! This chain beside wasmd on the same machine in the same run: applications alone behind a socket, nodes end to end,
//! queries, and replay. Writes rows into `target/bench`, each part into a file of its own.
#![allow(
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    reason = "a benchmark measures time, and its figures are for people"
)]

mod accounts;
mod alone;
mod homes;
mod http;
mod limits;
mod load;
mod node;
mod round;
mod rows;
mod throughput;

use crate::generate::Artifacts;
use crate::wasmd::Program;

pub use accounts::{account, people};
pub use homes::Plan;
pub use node::Node;
pub use throughput::serve_noop;

/// What can be measured.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Applications alone.
    Alone,
    /// Throughput through CometBFT.
    EndToEnd,
    /// Queries and replay at the chain's limits.
    Limits,
}

/// Runs the parts, all where none is named. `seconds` is the length of a round end to end.
pub fn run(program: &Program, artifacts: &Artifacts, rounds: usize, seconds: f64, parts: &[Part]) {
    let wanted = |part| parts.is_empty() || parts.contains(&part);
    if wanted(Part::Alone) {
        alone::run(program, artifacts, rounds);
    }
    if wanted(Part::EndToEnd) {
        let rows = throughput::run(program, artifacts, rounds, seconds);
        rows::write("wasmd-end-to-end", &rows);
    }
    if wanted(Part::Limits) {
        rows::write("wasmd-limits", &limits::run(program, rounds));
    }
}
