//! State keys of x/authz. Prefixes as in the SDK; times sort as 12 bytes.

use quern_types::{AccAddress, Timestamp};

/// Grants by granter, grantee and type of message.
pub(crate) const GRANTS: &[u8] = &[0x01];
/// Types of messages by end of the grant, granter and grantee.
pub(crate) const QUEUE: &[u8] = &[0x02];
/// Bytes of a time in a key of the queue.
pub(crate) const TIME_LEN: usize = 12;

pub(crate) fn of_granter(granter: &AccAddress) -> Vec<u8> {
    [GRANTS, &granter.length_prefixed()].concat()
}

pub(crate) fn of_pair(granter: &AccAddress, grantee: &AccAddress) -> Vec<u8> {
    [GRANTS, &pair(granter, grantee)].concat()
}

pub(crate) fn grant(granter: &AccAddress, grantee: &AccAddress, type_url: &str) -> Vec<u8> {
    [GRANTS, &pair(granter, grantee), type_url.as_bytes()].concat()
}

pub(crate) fn queued(at: Timestamp, granter: &AccAddress, grantee: &AccAddress) -> Vec<u8> {
    [QUEUE, &at.sort_key(), &pair(granter, grantee)].concat()
}

/// The end of what ended before `now`.
pub(crate) fn queue_until(now: Timestamp) -> Vec<u8> {
    [QUEUE, &now.sort_key()].concat()
}

fn pair(granter: &AccAddress, grantee: &AccAddress) -> Vec<u8> {
    [granter.length_prefixed(), grantee.length_prefixed()].concat()
}

/// Takes a length-prefixed address off the front of a key.
pub(crate) fn take_address(key: &[u8]) -> Option<(AccAddress, &[u8])> {
    let (len, rest) = key.split_first()?;
    let (address, rest) = rest.split_at_checked(usize::from(*len))?;
    Some((AccAddress::from_bytes(address).ok()?, rest))
}
