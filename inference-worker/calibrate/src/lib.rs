//! What an auditor sees of honest hosts, and of hosts that cheat, measured on a model; and the thresholds and the null
//! that follow. `docs/spec/calibration.md` says how to run it and what came out for the packaged model.

pub mod block;
pub mod corpus;
pub mod dice;
pub mod host;
pub mod kept;
pub mod report;
pub mod round;
pub mod task;
pub mod variants;
