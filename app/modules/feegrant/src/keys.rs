//! State keys of x/feegrant. Prefixes as in the SDK; times sort as 12 bytes.

use quern_types::{AccAddress, Timestamp};

/// Allowances by grantee and granter.
pub(crate) const ALLOWANCES: &[u8] = &[0x00];
/// Allowances by the time of their end.
pub(crate) const QUEUE: &[u8] = &[0x01];
/// Bytes of a time in a key of the queue.
pub(crate) const TIME_LEN: usize = 12;

pub(crate) fn of_grantee(grantee: &AccAddress) -> Vec<u8> {
    [ALLOWANCES, &grantee.length_prefixed()].concat()
}

pub(crate) fn allowance(granter: &AccAddress, grantee: &AccAddress) -> Vec<u8> {
    [ALLOWANCES, &pair(granter, grantee)].concat()
}

pub(crate) fn queued(at: Timestamp, granter: &AccAddress, grantee: &AccAddress) -> Vec<u8> {
    [QUEUE, &at.sort_key(), &pair(granter, grantee)].concat()
}

/// The end of what ended before `now`.
pub(crate) fn queue_until(now: Timestamp) -> Vec<u8> {
    [QUEUE, &now.sort_key()].concat()
}

fn pair(granter: &AccAddress, grantee: &AccAddress) -> Vec<u8> {
    [grantee.length_prefixed(), granter.length_prefixed()].concat()
}
