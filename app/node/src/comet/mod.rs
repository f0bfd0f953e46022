//! The CometBFT program beside us: where it is, which version, and its one-shot commands.

pub mod files;
mod locate;
mod program;
pub mod wal;

pub use locate::locate;
pub use program::{Comet, MIN_VERSION, command};
