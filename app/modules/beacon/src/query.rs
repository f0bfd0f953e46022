//! Queries of `quern.beacon.v1.Query`.

use prost::Message;
use quern_context::Cx;
use quern_proto::quern::beacon::v1 as wire;
use quern_types::{Result, errors};

use crate::beacon;

/// Answers a query of this module; `None` for another's path.
pub fn query(cx: &Cx, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    (path == "/quern.beacon.v1.Query/Beacon").then(|| {
        let request = wire::QueryBeaconRequest::decode(request)
            .map_err(|e| errors::INVALID_REQUEST.wrap(e.to_string()))?;
        let beacon = beacon(cx, request.height)?.to_vec();
        Ok(wire::QueryBeaconResponse { beacon }.encode_to_vec())
    })
}
