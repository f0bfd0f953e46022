//! Error table of codespace `upgrade`.

use quern_types::Registered;

/// `upgrade/3`
pub static NO_PLAN: Registered = Registered::new("upgrade", 3, "upgrade plan not found");
/// `upgrade/6`
pub static INVALID_SIGNER: Registered = Registered::new(
    "upgrade",
    6,
    "expected authority account as only signer for proposal message",
);
