//! Events.

use quern_types::{AccAddress, Event};

pub(crate) const USE: &str = "use_feegrant";
pub(crate) const SET: &str = "set_feegrant";
pub(crate) const UPDATE: &str = "update_feegrant";
pub(crate) const REVOKE: &str = "revoke_feegrant";

/// An event about one pair.
pub(crate) fn of_pair(ty: &str, granter: &AccAddress, grantee: &AccAddress) -> Event {
    Event::new(ty).with("granter", granter).with("grantee", grantee)
}

pub(crate) fn prune(pruner: &str) -> Event {
    Event::new("prune_feegrant").with("pruner", pruner)
}
