//! State keys of the facade.

use quern_types::AccAddress;

/// Heights and times that the pace of blocks is taken from.
pub(crate) const PACE: &[u8] = &[0x00];
/// What is paid out by itself, by height, delegator and host.
pub(crate) const COMPLETIONS: &[u8] = &[0x01];
/// First evidence against each validator, by consensus address.
pub(crate) const EVIDENCE: &[u8] = &[0x02];
/// Where rewards go, by delegator.
pub(crate) const WITHDRAW_ADDRESSES: &[u8] = &[0x03];
/// What validators say of themselves beside their hosts' records, by host.
pub(crate) const DESCRIPTIONS: &[u8] = &[0x04];
/// Bytes of a height in a key.
pub(crate) const HEIGHT_LEN: usize = 8;

pub(crate) fn completion(height: u64, delegator: &AccAddress, host: &AccAddress) -> Vec<u8> {
    [
        COMPLETIONS,
        &height.to_be_bytes(),
        &delegator.length_prefixed(),
        &host.length_prefixed(),
    ]
    .concat()
}

/// The end of what is due by `height`.
pub(crate) fn completions_after(height: u64) -> Vec<u8> {
    [COMPLETIONS, &height.saturating_add(1).to_be_bytes()].concat()
}

pub(crate) fn evidence(address: &[u8; 20]) -> Vec<u8> {
    [EVIDENCE, address].concat()
}

pub(crate) fn description(host: &AccAddress) -> Vec<u8> {
    [DESCRIPTIONS, &host.length_prefixed()].concat()
}

pub(crate) fn withdraw_address(delegator: &AccAddress) -> Vec<u8> {
    [WITHDRAW_ADDRESSES, &delegator.length_prefixed()].concat()
}
