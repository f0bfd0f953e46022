//! Queries of `cosmos.upgrade.v1beta1.Query`.

use quern_context::{Cx, answer};
use quern_proto::cosmos::upgrade::v1beta1 as wire;
use quern_types::{Result, errors};

use crate::{plan, versions};

/// Answers a query of this module; `None` for another's path.
#[allow(deprecated)] // one method is, and answers nothing
pub fn query(cx: &Cx, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    Some(match path.strip_prefix("/cosmos.upgrade.v1beta1.Query/")? {
        "CurrentPlan" => answer(request, |_: wire::QueryCurrentPlanRequest| {
            let mut plan = plan::current(cx)?;
            // a field of old that the SDK always writes
            if let Some(plan) = &mut plan {
                plan.time.get_or_insert(prost_types::Timestamp {
                    seconds: quern_proto::time::ZERO.seconds,
                    nanos: 0,
                });
            }
            Ok(wire::QueryCurrentPlanResponse { plan })
        }),
        "AppliedPlan" => answer(request, |r: wire::QueryAppliedPlanRequest| {
            let height = plan::done(cx, &r.name)?.unwrap_or(0);
            Ok(wire::QueryAppliedPlanResponse {
                height: i64::try_from(height).unwrap_or(i64::MAX),
            })
        }),
        "UpgradedConsensusState" => answer(request, |_: wire::QueryUpgradedConsensusStateRequest| {
            Ok(wire::QueryUpgradedConsensusStateResponse::default())
        }),
        "ModuleVersions" => answer(request, |r: wire::QueryModuleVersionsRequest| {
            let mut module_versions = versions::all(cx)?;
            if !r.module_name.is_empty() {
                module_versions.retain(|v| v.name == r.module_name);
                if module_versions.is_empty() {
                    return Err(errors::KEY_NOT_FOUND.wrap(format!(
                        "x/upgrade: QueryModuleVersions module {} not found",
                        r.module_name
                    )));
                }
            }
            Ok(wire::QueryModuleVersionsResponse { module_versions })
        }),
        "Authority" => answer(request, |_: wire::QueryAuthorityRequest| {
            Ok(wire::QueryAuthorityResponse {
                address: quern_auth::authority(),
            })
        }),
        _ => return None,
    })
}
