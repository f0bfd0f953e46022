//! State keys of the validator set.

/// Validators by consensus address.
pub(crate) const VALIDATORS: &[u8] = &[0x01];
/// Votes of the running epoch.
pub(crate) const PRESENCE: &[u8] = &[0x02];

pub(crate) fn validator(address: &[u8; 20]) -> Vec<u8> {
    [VALIDATORS, address].concat()
}
