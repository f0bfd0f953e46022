//! State keys of x/upgrade, as in the SDK but for the last one.

/// The plan.
pub(crate) const PLAN: &[u8] = &[0x00];
/// Heights of upgrades that were made, by name.
pub(crate) const DONE: &[u8] = &[0x01];
/// Versions of modules, big-endian, by name.
pub(crate) const VERSIONS: &[u8] = &[0x02];
/// Name of the last upgrade that was made.
pub(crate) const LAST: &[u8] = &[0x10];

pub(crate) fn done(name: &str) -> Vec<u8> {
    [DONE, name.as_bytes()].concat()
}

pub(crate) fn version(module: &str) -> Vec<u8> {
    [VERSIONS, module.as_bytes()].concat()
}

/// A big-endian number.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}
