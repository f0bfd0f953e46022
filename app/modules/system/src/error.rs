//! Error table of codespace `system`.

use quern_types::Registered;

/// `system/2`
pub static BAD_ANSWER: Registered = Registered::new("system", 2, "unreadable answer of a system contract");
/// `system/3`
pub static INSTALL: Registered = Registered::new("system", 3, "cannot install a system contract");
