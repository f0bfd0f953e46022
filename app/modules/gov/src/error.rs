//! Error table of codespace `gov` (SDK 0.53).

use quern_types::Registered;

/// `gov/3`
pub static INACTIVE_PROPOSAL: Registered = Registered::new("gov", 3, "inactive proposal");
/// `gov/5`
pub static INVALID_PROPOSAL_CONTENT: Registered = Registered::new("gov", 5, "invalid proposal content");
/// `gov/7`
pub static INVALID_VOTE: Registered = Registered::new("gov", 7, "invalid vote option");
/// `gov/9`
pub static NO_PROPOSAL_HANDLER: Registered = Registered::new("gov", 9, "no handler exists for proposal type");
/// `gov/10`
pub(crate) static UNROUTABLE_PROPOSAL_MSG: Registered =
    Registered::new("gov", 10, "proposal message not recognized by router");
/// `gov/11`
pub static NO_PROPOSAL_MSGS: Registered = Registered::new("gov", 11, "no messages proposed");
/// `gov/12`
pub static INVALID_PROPOSAL_MSG: Registered = Registered::new("gov", 12, "invalid proposal message");
/// `gov/13`
pub static INVALID_SIGNER: Registered = Registered::new(
    "gov",
    13,
    "expected gov account as only signer for proposal message",
);
/// `gov/15`
pub static METADATA_TOO_LONG: Registered = Registered::new("gov", 15, "metadata too long");
/// `gov/16`
pub static MIN_DEPOSIT_TOO_SMALL: Registered = Registered::new("gov", 16, "minimum deposit is too small");
/// `gov/18`
pub static INVALID_PROPOSER: Registered = Registered::new("gov", 18, "invalid proposer");
/// `gov/20`
pub static VOTING_PERIOD_ENDED: Registered = Registered::new("gov", 20, "voting period already ended");
/// `gov/21`
pub static INVALID_PROPOSAL: Registered = Registered::new("gov", 21, "invalid proposal");
/// `gov/22`
pub static SUMMARY_TOO_LONG: Registered = Registered::new("gov", 22, "summary too long");
/// `gov/23`
pub static INVALID_DEPOSIT_DENOM: Registered = Registered::new("gov", 23, "invalid deposit denom");

/// What the SDK's collections say of a key that is not there; they register no code.
pub(crate) const KEY_NOT_FOUND: &str = "collections: not found";
