//! Error table of codespace `distribution`, as far as the pool goes.

use quern_types::Registered;

/// `distribution/9`
pub static BAD_DISTRIBUTION: Registered = Registered::new(
    "distribution",
    9,
    "community pool does not have sufficient coins to distribute",
);
/// `gov/13`
pub(crate) static INVALID_SIGNER: Registered = Registered::new(
    "gov",
    13,
    "expected gov account as only signer for proposal message",
);
