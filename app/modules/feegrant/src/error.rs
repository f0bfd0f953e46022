//! Error table of codespace `feegrant`.

use quern_types::Registered;

/// `feegrant/2`
pub static FEE_LIMIT_EXCEEDED: Registered = Registered::new("feegrant", 2, "fee limit exceeded");
/// `feegrant/3`
pub static FEE_LIMIT_EXPIRED: Registered = Registered::new("feegrant", 3, "fee allowance expired");
/// `feegrant/4`
pub static INVALID_DURATION: Registered = Registered::new("feegrant", 4, "invalid duration");
/// `feegrant/5`
pub static NO_ALLOWANCE: Registered = Registered::new("feegrant", 5, "no allowance");
/// `feegrant/6`
pub static NO_MESSAGES: Registered = Registered::new("feegrant", 6, "allowed messages are empty");
/// `feegrant/7`
pub static MESSAGE_NOT_ALLOWED: Registered = Registered::new("feegrant", 7, "message not allowed");
