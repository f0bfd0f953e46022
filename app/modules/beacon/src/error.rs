//! Error table of codespace `beacon`.

use quern_types::Registered;

/// `beacon/2`
pub static MISPLACED: Registered = Registered::new(
    "beacon",
    2,
    "a beacon transaction is valid only as the first of its proposer's own block",
);
/// `beacon/3`
pub static NOT_KEPT: Registered = Registered::new("beacon", 3, "no beacon is kept for this height");
