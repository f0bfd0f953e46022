//! Queries of `cosmos.consensus.v1.Query`.

use prost::Message;
use quern_context::Cx;
use quern_proto::cosmos::consensus::v1 as wire;
use quern_types::Result;

/// Answers a query of this module; `None` for another's path.
pub fn query(cx: &Cx, path: &str, _request: &[u8]) -> Option<Result<Vec<u8>>> {
    (path == "/cosmos.consensus.v1.Query/Params").then(|| {
        let params = Some(crate::get(cx)?);
        Ok(wire::QueryParamsResponse { params }.encode_to_vec())
    })
}
