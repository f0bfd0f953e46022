//! Error table of codespace `authz`, and of `wasm` where a contract's grant is refused.

use quern_types::Registered;

/// `authz/2`
pub static NO_AUTHORIZATION_FOUND: Registered = Registered::new("authz", 2, "authorization not found");
/// `authz/3`
pub static INVALID_EXPIRATION_TIME: Registered = Registered::new(
    "authz",
    3,
    "expiration time of authorization should be more than current time",
);
/// `authz/4`
pub static UNKNOWN_AUTHORIZATION_TYPE: Registered = Registered::new("authz", 4, "unknown authorization type");
/// `authz/5`
pub static NO_GRANT_KEY_FOUND: Registered = Registered::new("authz", 5, "grant key not found");
/// `authz/6`
pub static AUTHORIZATION_EXPIRED: Registered = Registered::new("authz", 6, "authorization expired");
/// `authz/7`
pub static GRANTEE_IS_GRANTER: Registered =
    Registered::new("authz", 7, "grantee and granter should be different");
/// `authz/9`
pub static NUMBER_OF_SIGNERS: Registered = Registered::new(
    "authz",
    9,
    "authorization can be given to msg with only one signer",
);
/// `authz/12`
pub static NEGATIVE_MAX_TOKENS: Registered = Registered::new("authz", 12, "max tokens should be positive");

/// What the SDK returns without registering it.
pub(crate) static EMPTY_TYPE: Registered = Registered::new("undefined", 1, "msg type cannot be empty");
/// `bank/8`
pub(crate) static DUPLICATE_ENTRY: Registered = Registered::new("bank", 8, "duplicate entry");
/// `wasm/12`
pub(crate) static WASM_EMPTY: Registered = Registered::new("wasm", 12, "empty");
/// `wasm/14`
pub(crate) static WASM_INVALID: Registered = Registered::new("wasm", 14, "invalid");
/// `wasm/15`
pub(crate) static WASM_DUPLICATE: Registered = Registered::new("wasm", 15, "duplicate");
