//! Addresses that may not receive by message.

use std::{collections::BTreeSet, sync::LazyLock};

use quern_types::{AccAddress, module_address};

/// Module accounts that no user may send to: coins there would be lost or would break accounting.
/// The gov account may receive, as in wasmd's application, and so may `distribution`: its balance is the
/// community pool, without books of its own, and what anybody sends there is in it.
const BLOCKED_MODULES: &[&str] = &[
    "bonded_tokens_pool",
    quern_auth::FEE_COLLECTOR,
    "mint",
    "not_bonded_tokens_pool",
];

static BLOCKED: LazyLock<BTreeSet<AccAddress>> =
    LazyLock::new(|| BLOCKED_MODULES.iter().map(|name| module_address(name)).collect());

/// Whether a message may not send coins to this address.
pub fn is_blocked(address: &AccAddress) -> bool {
    BLOCKED.contains(address)
}
