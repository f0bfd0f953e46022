//! Error table of codespace `bank` (SDK 0.53).

use quern_types::Registered;

/// `bank/2`
pub static NO_INPUTS: Registered = Registered::new("bank", 2, "no inputs to send transaction");
/// `bank/3`
pub static NO_OUTPUTS: Registered = Registered::new("bank", 3, "no outputs to send transaction");
/// `bank/4`
pub static INPUT_OUTPUT_MISMATCH: Registered = Registered::new("bank", 4, "sum inputs != sum outputs");
/// `bank/5`
pub static SEND_DISABLED: Registered = Registered::new("bank", 5, "send transactions are disabled");
/// `bank/6`
pub static DENOM_METADATA_NOT_FOUND: Registered =
    Registered::new("bank", 6, "client denom metadata not found");
/// `bank/9`
pub static MULTIPLE_SENDERS: Registered = Registered::new("bank", 9, "multiple senders not allowed");
