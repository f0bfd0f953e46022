//! When panels are drawn, commit and reveal.

use quern_interface::audits::{Params, Phase};

use crate::state::Round;

/// Heights of the panels of a phase.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The phase.
    pub phase: Phase,
    /// First height at which no ballot is committed any more.
    pub commit_until: u64,
    /// Height whose beacon draws the positions.
    pub position_at: u64,
    /// First height at which no ballot is revealed any more.
    pub reveal_until: u64,
}

impl Window {
    /// Of the phase under way.
    pub const fn of(round: &Round, params: &Params) -> Self {
        let delay = params.draw_delay;
        let commit_until = round
            .since
            .saturating_add(delay)
            .saturating_add(params.panel_blocks);
        // the last commitment is in the block before, so that this many blocks lie between
        let position_at = commit_until.saturating_add(delay).saturating_sub(1);
        Self {
            phase: round.phase,
            commit_until,
            position_at,
            reveal_until: position_at.saturating_add(1).saturating_add(params.vote_blocks),
        }
    }

    /// Whether ballots are revealed at a height: the beacon of a block is known in the next.
    pub const fn reveals(&self, height: u64) -> bool {
        height > self.position_at && height < self.reveal_until
    }
}
