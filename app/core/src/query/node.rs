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

/// Both hashes are those of the last block's header, whatever height is asked for, as in the SDK: the application's is of the
/// state that the block found.
fn status(shared: &Shared, cx: &Cx) -> wire::StatusResponse {
    let latest = shared.store.latest().map_or(0, |info| info.version);
    let found = shared.store.commit_info(latest.saturating_sub(1)).ok();
    wire::StatusResponse {
        earliest_store_height: shared.store.oldest(),
        height: cx.block.height,
        timestamp: Some(prost_types::Timestamp {
            seconds: cx.block.time.seconds,
            nanos: i32::try_from(cx.block.time.nanos).unwrap_or(0),
        }),
        app_hash: found.map_or_else(Vec::new, |info| info.app_hash.to_vec()),
        validator_hash: shared.next_validators.lock().clone(),
    }
}
