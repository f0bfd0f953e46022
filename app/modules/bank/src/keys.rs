//! State keys of x/bank, as in SDK 0.53.

use quern_types::{AccAddress, Denom};

/// Supply by denomination, decimal text.
pub(crate) const SUPPLY: &[u8] = &[0x00];
/// Denomination metadata.
pub(crate) const METADATA: &[u8] = &[0x01];
/// Balances by address and denomination, decimal text.
pub(crate) const BALANCES: &[u8] = &[0x02];
/// Holders by denomination.
pub(crate) const HOLDERS: &[u8] = &[0x03];
/// Send switches by denomination, one byte.
pub(crate) const SEND_ENABLED: &[u8] = &[0x04];
/// Parameters.
pub(crate) const PARAMS: &[u8] = &[0x05];

pub(crate) fn supply(denom: &Denom) -> Vec<u8> {
    [SUPPLY, denom.as_str().as_bytes()].concat()
}

pub(crate) fn metadata(denom: &str) -> Vec<u8> {
    [METADATA, denom.as_bytes()].concat()
}

pub(crate) fn balances_of(address: &AccAddress) -> Vec<u8> {
    [BALANCES, &address.length_prefixed()].concat()
}

pub(crate) fn balance(address: &AccAddress, denom: &Denom) -> Vec<u8> {
    [balances_of(address).as_slice(), denom.as_str().as_bytes()].concat()
}

/// No denomination holds a zero byte, so it ends the name.
pub(crate) fn holders_of(denom: &Denom) -> Vec<u8> {
    [HOLDERS, denom.as_str().as_bytes(), &[0]].concat()
}

pub(crate) fn holder(denom: &Denom, address: &AccAddress) -> Vec<u8> {
    [holders_of(denom).as_slice(), &address.length_prefixed()].concat()
}

pub(crate) fn send_enabled(denom: &str) -> Vec<u8> {
    [SEND_ENABLED, denom.as_bytes()].concat()
}
