//! Queries of `cosmos.feegrant.v1beta1.Query`.

use quern_context::{Cx, answer, paginate};
use quern_proto::cosmos::feegrant::v1beta1 as wire;
use quern_types::{AccAddress, Result, errors};

use crate::{MODULE, keys, state};

/// Answers a query of this module; `None` for another's path.
pub fn query(cx: &Cx, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    let method = path.strip_prefix("/cosmos.feegrant.v1beta1.Query/")?;
    Some(match method {
        "Allowance" => answer(request, |r: wire::QueryAllowanceRequest| {
            let granter = AccAddress::from_bech32(&r.granter)?;
            let grantee = AccAddress::from_bech32(&r.grantee)?;
            let allowance = state::find(cx, &granter, &grantee)?;
            Ok(wire::QueryAllowanceResponse {
                allowance: Some(allowance.ok_or_else(|| errors::NOT_FOUND.wrap("fee-grant not found"))?),
            })
        }),
        "Allowances" => answer(request, |r: wire::QueryAllowancesRequest| {
            let grantee = AccAddress::from_bech32(&r.grantee)?;
            let kv = cx.kv(MODULE).under(&keys::of_grantee(&grantee));
            let (allowances, page) = paginate(&kv, r.pagination.as_ref(), |_, value| {
                state::decode(value).map(Some)
            })?;
            Ok(wire::QueryAllowancesResponse {
                allowances,
                pagination: Some(page),
            })
        }),
        // The state is sorted by grantee, so this walks all of it, within the gas of a query.
        "AllowancesByGranter" => answer(request, |r: wire::QueryAllowancesByGranterRequest| {
            let granter = AccAddress::from_bech32(&r.granter)?.to_string();
            let kv = cx.kv(MODULE).under(keys::ALLOWANCES);
            let (allowances, page) = paginate(&kv, r.pagination.as_ref(), |_, value| {
                Ok(Some(state::decode(value)?).filter(|grant| grant.granter == granter))
            })?;
            Ok(wire::QueryAllowancesByGranterResponse {
                allowances,
                pagination: Some(page),
            })
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_service_is_served() {
        let service = quern_proto::pool()
            .get_service_by_name("cosmos.feegrant.v1beta1.Query")
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
