//! State keys of the system contracts.

/// Parameters.
pub(crate) const PARAMS: &[u8] = &[0x00];
/// Number of the current epoch, big-endian.
pub(crate) const EPOCH: &[u8] = &[0x01];
/// Addresses by name.
pub(crate) const CONTRACTS: &[u8] = &[0x02];

pub(crate) fn contract(name: &str) -> Vec<u8> {
    [CONTRACTS, name.as_bytes()].concat()
}
