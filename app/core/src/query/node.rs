//! `cosmos.base.node.v1beta1.Service`: how this node is set up.

use prost::Message;
use quern_context::Cx;
use quern_proto::cosmos::base::node::v1beta1 as wire;
use quern_store::Pruning;
use quern_types::Result;

use crate::app::Shared;

pub(super) fn answer(shared: &Shared, cx: &Cx, path: &str, _request: &[u8]) -> Option<Result<Vec<u8>>> {
    match path.strip_prefix("/cosmos.base.node.v1beta1.Service/")? {
        "Config" => Some(Ok(config(shared).encode_to_vec())),
        "Status" => Some(Ok(status(shared, cx).encode_to_vec())),
        _ => None,
    }
}

fn config(shared: &Shared) -> wire::ConfigResponse {
    wire::ConfigResponse {
        minimum_gas_price: shared.options.min_gas_prices.to_string(),
        pruning_keep_recent: match shared.options.pruning {
            Pruning::Nothing => "0".to_owned(),
            Pruning::KeepRecent(versions) => versions.to_string(),
        },
        pruning_interval: "1".to_owned(),
        halt_height: shared.options.halt.height,
    }
}

fn status(shared: &Shared, cx: &Cx) -> wire::StatusResponse {
    let latest = shared.store.latest();
    wire::StatusResponse {
        earliest_store_height: shared.store.oldest(),
        height: latest.as_ref().map_or(0, |info| info.version),
        timestamp: Some(prost_types::Timestamp {
            seconds: cx.block.time.seconds,
            nanos: i32::try_from(cx.block.time.nanos).unwrap_or(0),
        }),
        app_hash: latest.map_or_else(Vec::new, |info| info.app_hash.to_vec()),
        validator_hash: Vec::new(),
    }
}
