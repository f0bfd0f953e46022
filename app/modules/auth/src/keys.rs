//! State keys of x/auth, as in SDK 0.53.

use quern_types::AccAddress;

/// Parameters.
pub(crate) const PARAMS: &[u8] = &[0x00];
/// Accounts by address.
pub(crate) const ACCOUNTS: &[u8] = &[0x01];
/// Next account number, big-endian.
pub(crate) const NEXT_NUMBER: &[u8] = &[0x02];
/// Addresses by account number.
pub(crate) const BY_NUMBER: &[u8] = b"accountNumber";

pub(crate) fn account(address: &AccAddress) -> Vec<u8> {
    [ACCOUNTS, address.as_bytes()].concat()
}

pub(crate) fn by_number(number: u64) -> Vec<u8> {
    [BY_NUMBER, &number.to_be_bytes()].concat()
}
