//! Drafts in the steps of requests: see [`quern_engine::draft`].
//!
//! Each is a row more, which costs little in a step of few rows and much in one of many; so the engine says how many
//! rows a step may have, and those of tokens and prompts come first. Outputs, log-probabilities and what a meter is
//! asked are the same with and without: tokens are drawn one after the other, each from the row it would have alone.

use super::{Active, Loop};
use quern_engine::draft::{Drawn, Tried, draw_rows};
use quern_engine::{Engine, Logits};

/// Whether a request appends a token that was drawn.
fn draws(request: &Active, piece: &[u32]) -> bool {
    request.next.is_some() && !piece.is_empty()
}

/// Drafts for the requests that draw from the step in which `pieces` are appended, no more than `rows` in all.
pub(super) fn propose(active: &mut [Active], pieces: &[Vec<u32>], mut rows: usize) -> Vec<Vec<u32>> {
    let mut drafts = vec![Vec::new(); active.len()];
    let requests = active.iter().zip(pieces);
    let mut left = requests.filter(|(request, piece)| draws(request, piece)).count();
    for ((request, piece), drafts) in active.iter_mut().zip(pieces).zip(&mut drafts) {
        if rows == 0 {
            break;
        }
        if draws(request, piece) {
            *drafts = request.drafts(rows.div_ceil(left.max(1)));
            rows = rows.saturating_sub(drafts.len());
            left = left.saturating_sub(1);
        }
    }
    drafts
}

impl Loop {
    /// Draws the next token of a request from its row of a step, and then one from the row of each draft for as long as
    /// the draft is the token that was drawn before. False when the request is over.
    pub(super) fn draw(
        &self,
        engine: &mut impl Engine,
        request: &mut Active,
        logits: &Logits,
        row: usize,
        drafts: &[u32],
    ) -> bool {
        let Tried {
            right,
            refused,
            goes_on,
        } = draw_rows(drafts, |draft| {
            if draft > 0 && !request.may_go_on() {
                return Drawn::Nothing;
            }
            let goes_on = self.advance(request, logits.row(row + draft).unwrap_or_default());
            request.next.filter(|_| goes_on).map_or(Drawn::Last, Drawn::Token)
        });
        if drafts.is_empty() {
            return goes_on;
        }
        self.metrics.drafted_tokens.inc_by(drafts.len() as u64);
        self.metrics.accepted_tokens.inc_by(right as u64);
        request.drafter.learn(right, refused);
        // Also of a request that is over: its pages serve the next turn. The last token is not appended.
        match engine.keep(request.slot, right) {
            Ok(()) => goes_on,
            Err(error) if goes_on => self.fail(request, &error.to_string()),
            Err(_) => false,
        }
    }
}
