//! Queries of `quern.beacon.v1.Query`.

use quern_context::{Cx, answer};
use quern_proto::quern::beacon::v1 as wire;
use quern_types::Result;

use crate::beacon;

/// Answers a query of this module; `None` for another's path.
pub fn query(cx: &Cx, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    (path == "/quern.beacon.v1.Query/Beacon").then(|| {
        answer(request, |r: wire::QueryBeaconRequest| {
            let beacon = beacon(cx, r.height)?.to_vec();
            Ok(wire::QueryBeaconResponse { beacon })
        })
    })
}
