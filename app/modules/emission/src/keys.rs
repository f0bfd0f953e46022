//! State keys of the emission.

/// The schedule and where it stands.
pub(crate) const SCHEDULE: &[u8] = &[0x00];
