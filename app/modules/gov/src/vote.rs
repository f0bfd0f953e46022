//! Votes.

use prost::Message;
use quern_context::Cx;
use quern_proto::cosmos::gov::v1::{Vote, WeightedVoteOption};
use quern_types::{AccAddress, Error, Result};

use crate::{INACTIVE_PROPOSAL, MODULE, event, keys, options, submit};

/// Takes a vote in place of an earlier one of the same account.
///
/// # Errors
/// `gov/3` unless the proposal is voted on, `gov/7` for a bad vote, `gov/15` for long metadata.
pub(crate) fn add(
    cx: &Cx,
    id: u64,
    voter: &AccAddress,
    vote: Vec<WeightedVoteOption>,
    metadata: String,
) -> Result<()> {
    if !submit::is_open(cx, id)? {
        return Err(INACTIVE_PROPOSAL.wrap(id.to_string()));
    }
    submit::check_metadata_length(&metadata)?;
    options::check(&vote)?;
    cx.emit(event::voted(id, voter, &vote));
    let vote = Vote {
        proposal_id: id,
        voter: voter.to_string(),
        options: vote,
        metadata,
    };
    cx.kv(MODULE).set(&keys::vote(id, voter), vote.encode_to_vec())
}

pub(crate) fn find(cx: &Cx, id: u64, voter: &AccAddress) -> Result<Option<Vote>> {
    let bytes = cx.kv(MODULE).get(&keys::vote(id, voter))?;
    bytes.map(|bytes| decode(&bytes)).transpose()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vote> {
    Vote::decode(bytes).map_err(|e| Error::halt(format!("corrupt vote in state: {e}")))
}

/// The first vote that is left of a proposal, after a key.
pub(crate) fn first(cx: &Cx, id: u64) -> Result<Option<Vote>> {
    let entry = cx.kv(MODULE).prefix(&keys::votes(id)).next();
    entry.map(|entry| decode(&entry?.1)).transpose()
}

/// Removes all votes on a proposal, for gas.
pub(crate) fn delete_all(cx: &Cx, id: u64) -> Result<()> {
    let kv = cx.kv(MODULE);
    let keys = kv
        .prefix(&keys::votes(id))
        .map(|entry| entry.map(|(key, _)| key))
        .collect::<Result<Vec<_>>>()?;
    keys.iter().try_for_each(|key| kv.delete(key))
}

/// Removes one.
pub(crate) fn delete(cx: &Cx, id: u64, voter: &AccAddress) -> Result<()> {
    cx.kv(MODULE).delete(&keys::vote(id, voter))
}

/// Address of a stored vote's voter.
pub(crate) fn voter(vote: &Vote) -> Result<AccAddress> {
    AccAddress::from_bech32(&vote.voter).map_err(Error::halt)
}
