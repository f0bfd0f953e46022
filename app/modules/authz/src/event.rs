//! Typed events: named by the protobuf message, attributes sorted, values in JSON.

use quern_types::{AccAddress, Event};

pub(crate) fn grant(granter: &AccAddress, grantee: &AccAddress, type_url: &str) -> Event {
    typed("cosmos.authz.v1beta1.EventGrant", granter, grantee, type_url)
}

pub(crate) fn revoke(granter: &AccAddress, grantee: &AccAddress, type_url: &str) -> Event {
    typed("cosmos.authz.v1beta1.EventRevoke", granter, grantee, type_url)
}

fn typed(ty: &str, granter: &AccAddress, grantee: &AccAddress, type_url: &str) -> Event {
    Event::new(ty)
        .with("grantee", format!("\"{grantee}\""))
        .with("granter", format!("\"{granter}\""))
        .with("msg_type_url", serde_json::Value::from(type_url))
}
