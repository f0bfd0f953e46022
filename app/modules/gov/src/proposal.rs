//! Proposals in the state, and the queues that end their periods.

use prost::Message;
use quern_context::Cx;
use quern_proto::cosmos::gov::v1::{Proposal, ProposalStatus};
use quern_store::Order;
use quern_types::{AccAddress, Error, Result, Timestamp, module_address};

use crate::{MODULE, convert, error::KEY_NOT_FOUND, keys, params};

/// Address of governance.
pub(crate) fn governance() -> AccAddress {
    module_address(quern_auth::GOV)
}

/// A proposal, if there is one.
pub(crate) fn find(cx: &Cx, id: u64) -> Result<Option<Proposal>> {
    let bytes = cx.kv(MODULE).get(&keys::proposal(id))?;
    bytes.map(|bytes| decode(&bytes)).transpose()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Proposal> {
    Proposal::decode(bytes).map_err(|e| Error::halt(format!("corrupt proposal in state: {e}")))
}

/// A proposal that must be there.
///
/// # Errors
/// `undefined/1`.
pub(crate) fn get(cx: &Cx, id: u64) -> Result<Proposal> {
    find(cx, id)?.ok_or_else(|| {
        Error::unregistered(format!(
            "{KEY_NOT_FOUND}: key '{id}' of type github.com/cosmos/gogoproto/cosmos.gov.v1.Proposal"
        ))
    })
}

pub(crate) fn set(cx: &Cx, proposal: &Proposal) -> Result<()> {
    cx.kv(MODULE)
        .set(&keys::proposal(proposal.id), proposal.encode_to_vec())
}

/// Takes the next id.
pub(crate) fn take_id(cx: &Cx) -> Result<u64> {
    let id = next_id(cx)?;
    let next = id
        .checked_add(1)
        .ok_or_else(|| Error::halt("proposal ids exhausted"))?;
    set_next_id(cx, next)?;
    Ok(id)
}

pub(crate) fn next_id(cx: &Cx) -> Result<u64> {
    match cx.kv(MODULE).get(keys::NEXT_ID)? {
        None => Ok(1),
        Some(bytes) => keys::last_number(&bytes).ok_or_else(|| Error::halt("corrupt proposal id in state")),
    }
}

pub(crate) fn set_next_id(cx: &Cx, id: u64) -> Result<()> {
    cx.kv(MODULE).set(keys::NEXT_ID, id.to_be_bytes())
}

pub(crate) fn is(proposal: &Proposal, status: ProposalStatus) -> bool {
    proposal.status == i32::from(status)
}

/// Puts a proposal that awaits deposits or votes into the queue of its period.
pub(crate) fn enqueue(cx: &Cx, proposal: &Proposal) -> Result<()> {
    match queue_key(proposal)? {
        Some(key) => cx.kv(MODULE).set(&key, proposal.id.to_be_bytes()),
        None => Ok(()),
    }
}

/// Takes it out again.
pub(crate) fn dequeue(cx: &Cx, proposal: &Proposal) -> Result<()> {
    match queue_key(proposal)? {
        Some(key) => cx.kv(MODULE).delete(&key),
        None => Ok(()),
    }
}

pub(crate) fn queue_key(proposal: &Proposal) -> Result<Option<Vec<u8>>> {
    let (queue, end) = if is(proposal, ProposalStatus::DepositPeriod) {
        (keys::INACTIVE, &proposal.deposit_end_time)
    } else if is(proposal, ProposalStatus::VotingPeriod) {
        (keys::ACTIVE, &proposal.voting_end_time)
    } else {
        return Ok(None);
    };
    let end = convert::stored_time(end.as_ref())?;
    Ok(Some(keys::queued(queue, end, proposal.id)))
}

/// Ids of proposals whose period in a queue has ended by now, at most so many, earliest first.
pub(crate) fn ended(cx: &Cx, queue: &[u8], now: Timestamp, limit: usize) -> Result<Vec<u64>> {
    cx.kv(MODULE)
        .range(Some(queue), Some(&keys::ended(queue, now)), Order::Ascending)
        .take(limit)
        .map(|entry| {
            let (key, _) = entry?;
            keys::last_number(&key).ok_or_else(|| Error::halt("corrupt key in a queue of proposals"))
        })
        .collect()
}

/// Removes a proposal and its place in a queue.
pub(crate) fn delete(cx: &Cx, proposal: &Proposal) -> Result<()> {
    dequeue(cx, proposal)?;
    cx.kv(MODULE).delete(&keys::proposal(proposal.id))
}

/// Begins the voting period.
pub(crate) fn activate(cx: &Cx, proposal: &mut Proposal) -> Result<()> {
    dequeue(cx, proposal)?;
    let params = params::get(cx)?;
    let start = cx.block.time;
    let period = if proposal.expedited {
        params.expedited_voting_period
    } else {
        params.voting_period
    };
    let end = convert::after(start, period.as_ref())?;
    proposal.voting_start_time = Some(quern_proto::time::to_wire(start)?);
    proposal.voting_end_time = Some(quern_proto::time::to_wire(end)?);
    proposal.status = ProposalStatus::VotingPeriod.into();
    set(cx, proposal)?;
    enqueue(cx, proposal)
}
