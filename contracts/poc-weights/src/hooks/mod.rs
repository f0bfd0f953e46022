//! What the application calls at a block's end and at an epoch's.

mod end_block;
mod end_epoch;
mod genesis;
mod hosts;
mod prune;
mod score;

pub use end_block::end_block;
pub use end_epoch::end_epoch;

/// Most sprints that count in one epoch; no confirmation is drawn beyond them.
const MAX_SPRINTS: u64 = 64;
/// Most models of a host whose generations an epoch's end asks for.
const MAX_ASKED: usize = 16;
/// Most hosts that an epoch's end looks at: those with the highest bonds.
const MAX_HOSTS: usize = 1_024;
