//! What auditors say and what a stage makes of it.

use crate::{AuditError, StageRule};
use quern_evidence::Score;
use serde::{Deserialize, Serialize};

/// One auditor's word on one leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vote {
    /// Re-executed.
    Score(Score),
    /// The payload could not be fetched, or does not have the hashes of the receipt.
    Unfetchable,
    /// Not judged: what silence on this leaf would say. It has no positions, and nothing is paid for it.
    Abstain,
}

/// The packed form of [`Vote::Unfetchable`].
const UNFETCHABLE: u32 = 0xFF_FFFF;
/// The packed form of [`Vote::Abstain`].
const ABSTAIN: u32 = 0xFF_FFFE;

/// The word of one host on a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatVote {
    /// Its seats.
    pub seats: u32,
    /// Its word; none if it said nothing in time.
    pub vote: Option<Vote>,
}

/// The score of a stage: the highest that at least `needed` seats reach. With scores of 0 and 1 that is the
/// vote. Silence, and a payload that a seat could not fetch, count as clean.
pub fn stage_score(rule: StageRule, votes: &[SeatVote]) -> Score {
    let score = |seat: &SeatVote| match seat.vote {
        Some(Vote::Score(score)) => Some(score),
        _ => None,
    };
    // at most 64 votes: looking at all for each is less code than sorting them
    let reached = |least: &Score| {
        let agree = votes.iter().filter(|seat| score(seat) >= Some(*least));
        agree.fold(0_u32, |sum, seat| sum.saturating_add(seat.seats)) >= rule.needed
    };
    let scores = votes.iter().filter_map(score).filter(reached);
    scores.max().unwrap_or(Score::CLEAN)
}

/// Whether a panel that condemns nothing finds that the payload is missing: so many seats could not fetch it,
/// or fetched one that fails. They count together, as the host chooses whom it serves: without that it would
/// split every panel into two parts of which neither decides.
pub fn unfetchable(rule: StageRule, votes: &[SeatVote]) -> bool {
    let against = |vote: Option<Vote>| match vote {
        Some(Vote::Unfetchable) => true,
        Some(Vote::Score(score)) => score > Score::CLEAN,
        Some(Vote::Abstain) | None => false,
    };
    let seats = votes
        .iter()
        .filter(|seat| against(seat.vote))
        .fold(0_u32, |sum, seat| sum.saturating_add(seat.seats));
    seats >= rule.needed
}

/// The score that enters the evidence: the minimum over the stages that judged the leaf. If one stage keeps
/// the null's bound, so does the minimum, however the stages depend on each other.
pub fn final_score(stages: &[Score]) -> Score {
    stages.iter().copied().min().unwrap_or(Score::CLEAN)
}

/// Votes in the order of the assignment, 3 big-endian bytes each: millionths, `ff ff ff` for unfetchable, or
/// `ff ff fe` for an abstention.
pub fn pack(votes: &[Vote]) -> Vec<u8> {
    votes
        .iter()
        .flat_map(|vote| {
            let [_, a, b, c] = code(*vote).to_be_bytes();
            [a, b, c]
        })
        .collect()
}

/// Reads [`pack`]'s bytes.
///
/// # Errors
/// [`AuditError::Packed`] for another length than 3 bytes a vote or a score above one.
pub fn unpack(bytes: &[u8], count: usize) -> Result<Vec<Vote>, AuditError> {
    if count.checked_mul(3) != Some(bytes.len()) {
        return Err(AuditError::Packed);
    }
    bytes
        .chunks_exact(3)
        .map(|chunk| {
            chunk
                .iter()
                .fold(0_u32, |code, byte| code << 8 | u32::from(*byte))
        })
        .map(|code| match code {
            UNFETCHABLE => Ok(Vote::Unfetchable),
            ABSTAIN => Ok(Vote::Abstain),
            micro => Score::from_micro(micro)
                .map(Vote::Score)
                .map_err(|_| AuditError::Packed),
        })
        .collect()
}

pub(crate) const fn code(vote: Vote) -> u32 {
    match vote {
        Vote::Score(score) => score.micro(),
        Vote::Unfetchable => UNFETCHABLE,
        Vote::Abstain => ABSTAIN,
    }
}
