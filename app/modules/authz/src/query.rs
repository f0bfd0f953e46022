//! Queries of `cosmos.authz.v1beta1.Query`.

use quern_context::{Cx, answer, paginate};
use quern_proto::cosmos::authz::v1beta1 as wire;
use quern_types::{AccAddress, Error, Result};

use crate::{MODULE, NO_AUTHORIZATION_FOUND, keys, state};

/// Answers a query of this module; `None` for another's path.
pub fn query(cx: &Cx, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    let method = path.strip_prefix("/cosmos.authz.v1beta1.Query/")?;
    Some(match method {
        "Grants" => answer(request, |r: wire::QueryGrantsRequest| grants(cx, &r)),
        "GranterGrants" => answer(request, |r: wire::QueryGranterGrantsRequest| {
            let granter = AccAddress::from_bech32(&r.granter)?;
            let kv = cx.kv(MODULE).under(&keys::of_granter(&granter));
            let (grants, page) = paginate(&kv, r.pagination.as_ref(), |key, value| {
                let (grantee, _) = keys::take_address(key).ok_or_else(corrupt)?;
                with_parties(value, &granter, &grantee).map(Some)
            })?;
            Ok(wire::QueryGranterGrantsResponse {
                grants,
                pagination: Some(page),
            })
        }),
        // The state is sorted by granter, so this walks all of it, within the gas of a query.
        "GranteeGrants" => answer(request, |r: wire::QueryGranteeGrantsRequest| {
            let grantee = AccAddress::from_bech32(&r.grantee)?;
            let kv = cx.kv(MODULE).under(keys::GRANTS);
            let (grants, page) = paginate(&kv, r.pagination.as_ref(), |key, value| {
                let (granter, rest) = keys::take_address(key).ok_or_else(corrupt)?;
                let (of, _) = keys::take_address(rest).ok_or_else(corrupt)?;
                if of != grantee {
                    return Ok(None);
                }
                with_parties(value, &granter, &grantee).map(Some)
            })?;
            Ok(wire::QueryGranteeGrantsResponse {
                grants,
                pagination: Some(page),
            })
        }),
        _ => return None,
    })
}

fn grants(cx: &Cx, r: &wire::QueryGrantsRequest) -> Result<wire::QueryGrantsResponse> {
    let granter = AccAddress::from_bech32(&r.granter)?;
    let grantee = AccAddress::from_bech32(&r.grantee)?;
    if !r.msg_type_url.is_empty() {
        let grant = state::find(cx, &granter, &grantee, &r.msg_type_url)?.ok_or_else(|| {
            NO_AUTHORIZATION_FOUND.wrap(format!("authorization not found for {} type", r.msg_type_url))
        })?;
        return Ok(wire::QueryGrantsResponse {
            grants: vec![grant],
            pagination: None,
        });
    }
    let kv = cx.kv(MODULE).under(&keys::of_pair(&granter, &grantee));
    let (grants, page) = paginate(&kv, r.pagination.as_ref(), |_, value| {
        state::decode(value).map(Some)
    })?;
    Ok(wire::QueryGrantsResponse {
        grants,
        pagination: Some(page),
    })
}

fn with_parties(
    value: &[u8],
    granter: &AccAddress,
    grantee: &AccAddress,
) -> Result<wire::GrantAuthorization> {
    let grant = state::decode(value)?;
    Ok(wire::GrantAuthorization {
        granter: granter.to_string(),
        grantee: grantee.to_string(),
        authorization: grant.authorization,
        expiration: grant.expiration,
    })
}

fn corrupt() -> Error {
    Error::halt("corrupt key of a grant in state")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_service_is_served() {
        let service = quern_proto::pool()
            .get_service_by_name("cosmos.authz.v1beta1.Query")
            .unwrap();
        let snapshot = quern_store::Snapshot::in_memory(0, Default::default());
        let cx = Cx::new(
            quern_store::Branch::new(snapshot),
            Default::default(),
            quern_context::Mode::Query,
        );
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            assert!(query(&cx, &path, &[]).is_some(), "{path}");
        }
    }
}
