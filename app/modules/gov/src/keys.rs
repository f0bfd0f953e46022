//! State keys of x/gov. Prefixes as in the SDK up to the constitution; times sort as 12 bytes.

use quern_types::{AccAddress, Timestamp};

/// Proposals by id.
pub(crate) const PROPOSALS: &[u8] = &[0];
/// Proposals in their voting period by its end.
pub(crate) const ACTIVE: &[u8] = &[1];
/// Proposals in their deposit period by its end.
pub(crate) const INACTIVE: &[u8] = &[2];
/// The next proposal's id.
pub(crate) const NEXT_ID: &[u8] = &[3];
/// Deposits by proposal and depositor.
pub(crate) const DEPOSITS: &[u8] = &[16];
/// Votes by proposal and voter.
pub(crate) const VOTES: &[u8] = &[32];
/// Parameters.
pub(crate) const PARAMS: &[u8] = &[48];
/// Constitution.
pub(crate) const CONSTITUTION: &[u8] = &[49];
/// Counts that go on in the next block, by proposal.
pub(crate) const COUNTS: &[u8] = &[64];
/// Proposals whose deposits go back or burn, and which of it.
pub(crate) const PAYOUTS: &[u8] = &[65];
/// Sum of all deposits.
pub(crate) const HELD: &[u8] = &[66];

pub(crate) fn proposal(id: u64) -> Vec<u8> {
    numbered(PROPOSALS, id)
}

pub(crate) fn count(id: u64) -> Vec<u8> {
    numbered(COUNTS, id)
}

pub(crate) fn payout(id: u64) -> Vec<u8> {
    numbered(PAYOUTS, id)
}

pub(crate) fn queued(queue: &[u8], end: Timestamp, id: u64) -> Vec<u8> {
    [queue, &end.sort_key(), &id.to_be_bytes()].concat()
}

/// The key after all that ended by `now`.
pub(crate) fn ended(queue: &[u8], now: Timestamp) -> Vec<u8> {
    [queue, &now.sort_key(), &[u8::MAX; 9]].concat()
}

pub(crate) fn deposits(id: u64) -> Vec<u8> {
    numbered(DEPOSITS, id)
}

pub(crate) fn deposit(id: u64, depositor: &AccAddress) -> Vec<u8> {
    [deposits(id), depositor.length_prefixed()].concat()
}

pub(crate) fn votes(id: u64) -> Vec<u8> {
    numbered(VOTES, id)
}

pub(crate) fn vote(id: u64, voter: &AccAddress) -> Vec<u8> {
    [votes(id), voter.length_prefixed()].concat()
}

/// The number at the end of a key.
pub(crate) fn last_number(key: &[u8]) -> Option<u64> {
    let (_, number) = key.split_last_chunk::<8>()?;
    Some(u64::from_be_bytes(*number))
}

fn numbered(prefix: &[u8], id: u64) -> Vec<u8> {
    [prefix, &id.to_be_bytes()].concat()
}
