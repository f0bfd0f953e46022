//! The step of one block.

use quern_context::Cx;
use quern_types::{Event, Result};

use crate::{Hash, event, hash, state, tx, validators};

/// What a block did to the beacon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The block's value.
    pub beacon: Hash,
    /// Whether the block's first transaction revealed a preimage; it is executed then.
    pub revealed: bool,
    /// `beacon{height, beacon, revealed, proposer}`.
    pub event: Event,
}

/// Computes the value of the block of `cx` before anything else of the block runs. Total: a block without
/// the reveal that its proposer owes, or with one that fits no anchor, counts as one without.
///
/// # Errors
/// A halt.
pub fn advance(cx: &Cx, first_tx: Option<&[u8]>) -> Result<Advance> {
    let preimage = match first_tx.and_then(tx::decode) {
        Some(preimage) if peel(cx, &preimage)? => Some(preimage),
        _ => None,
    };
    let height = cx.block.height;
    let beacon = hash::next(&state::before(cx, height)?, preimage.as_ref());
    state::set(cx, height, &beacon)?;
    let revealed = preimage.is_some();
    Ok(Advance {
        beacon,
        revealed,
        event: event::beacon(height, &beacon, revealed, &cx.block.proposer),
    })
}

fn peel(cx: &Cx, preimage: &Hash) -> Result<bool> {
    let Ok(proposer) = cx.block.proposer.as_slice().try_into() else {
        return Ok(false);
    };
    let mut place = validators::place(cx, &proposer)?;
    if !place.reveal(preimage, state::epoch(cx)?) {
        return Ok(false);
    }
    validators::set_place(cx, &proposer, &place)?;
    Ok(true)
}
