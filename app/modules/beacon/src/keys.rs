//! State keys of the beacon.

/// Values by height (u64, big-endian), 32 bytes each.
pub(crate) const BEACONS: &[u8] = &[0x01];
/// Places in the onions by consensus address (20 bytes).
pub(crate) const VALIDATORS: &[u8] = &[0x02];
/// Values to keep (u64, big-endian).
pub(crate) const KEEP_RECENT: &[u8] = &[0x03];
/// Last epoch that has ended (u64, big-endian).
pub(crate) const EPOCH: &[u8] = &[0x04];

pub(crate) fn beacon(height: u64) -> Vec<u8> {
    [BEACONS, &height.to_be_bytes()].concat()
}

pub(crate) fn validator(address: &[u8; 20]) -> Vec<u8> {
    [VALIDATORS, address].concat()
}
