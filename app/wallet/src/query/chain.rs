//! Blocks, transactions, raw state and consensus parameters.

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use quern_proto::{
    Any,
    cosmos::{
        base::abci::v1beta1::{SearchTxsResult, TxResponse},
        consensus::v1::{QueryParamsRequest, QueryParamsResponse},
        tx::v1beta1::{AuthInfo, Tx, TxBody, TxRaw},
    },
    type_url,
};
use serde_json::json;
use tendermint_rpc::endpoint::tx;

use crate::{
    Failure, Result,
    failure::usage,
    node::{Node, ask},
};

/// Commands of `quernd query consensus`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ConsensusCommand {
    /// Parameters
    Params,
}

impl ConsensusCommand {
    pub(super) async fn run(self, node: &Node, height: u64) -> Result<String> {
        let Self::Params = self;
        ask::<_, QueryParamsResponse>(
            node,
            "/cosmos.consensus.v1.Query/Params",
            &QueryParamsRequest {},
            height,
        )
        .await
    }
}

/// The SDK's view of a transaction in a block.
pub(crate) async fn tx_response(node: &Node, found: tx::Response) -> Result<TxResponse> {
    let raw = TxRaw::decode(found.tx.as_slice()).map_err(usage)?;
    let tx = Tx {
        body: TxBody::decode(raw.body_bytes.as_slice()).ok(),
        auth_info: AuthInfo::decode(raw.auth_info_bytes.as_slice()).ok(),
        signatures: raw.signatures,
    };
    let block = node.block(Some(found.height.value())).await?;
    let result = found.tx_result;
    Ok(TxResponse {
        height: i64::try_from(found.height.value()).map_err(usage)?,
        txhash: found.hash.to_string(),
        codespace: result.codespace,
        code: result.code.value(),
        data: hex::encode_upper(&result.data),
        raw_log: result.log,
        info: result.info,
        gas_wanted: result.gas_wanted,
        gas_used: result.gas_used,
        tx: Some(Any {
            type_url: type_url::<Tx>(),
            value: tx.encode_to_vec(),
        }),
        timestamp: whole_seconds(block.block.header.time),
        events: result.events.into_iter().map(Into::into).collect(),
        ..Default::default()
    })
}

/// A time as the SDK tells it with transactions.
fn whole_seconds(time: tendermint::Time) -> String {
    let whole = tendermint::Time::from_unix_timestamp(time.unix_timestamp(), 0);
    whole.unwrap_or(time).to_rfc3339()
}

pub(super) async fn tx(node: &Node, hash: &str) -> Result<String> {
    let found = node.tx(hash).await?.ok_or_else(|| Failure::Query {
        codespace: "sdk".into(),
        code: 38,
        log: format!("tx ({hash}) not found in any block of this node"),
    })?;
    crate::json::print(&tx_response(node, found).await?)
}

/// Waits for a transaction as long as a text such as `15s` says.
pub(super) async fn wait_tx(node: &Node, hash: &str, timeout: &str) -> Result<String> {
    let (number, unit) = timeout.split_at(timeout.trim_end_matches(['s', 'm']).len());
    let factor = match unit {
        "s" | "" => Some(1),
        "m" => Some(60),
        _ => None,
    };
    let seconds = number.parse().ok().zip(factor);
    let seconds = seconds.and_then(|(number, factor): (u64, u64)| number.checked_mul(factor));
    let seconds =
        seconds.ok_or_else(|| Failure::Usage(format!("--timeout {timeout:?}: write for example 15s")))?;
    let found = node.wait_for(hash, seconds).await?;
    crate::json::print(&tx_response(node, found).await?)
}

/// Transactions by their events, as the SDK lists them.
pub(super) async fn txs(node: &Node, query: &str, (page, limit): (u32, u8), newest: bool) -> Result<String> {
    if page == 0 || limit == 0 || limit > 100 {
        return Err(Failure::Usage("--page counts from 1, --limit is 1 to 100".into()));
    }
    let found = node.search(query, page, limit, newest).await?;
    let total = u64::from(found.total_count);
    let mut txs = Vec::with_capacity(found.txs.len());
    for tx in found.txs {
        txs.push(tx_response(node, tx).await?);
    }
    crate::json::print(&SearchTxsResult {
        total_count: total,
        count: u64::try_from(txs.len()).map_err(usage)?,
        page_number: page.into(),
        page_total: total.div_ceil(limit.into()),
        limit: limit.into(),
        txs,
    })
}

pub(super) async fn block(node: &Node, block: Option<String>, by_hash: bool) -> Result<String> {
    let found = match (block, by_hash) {
        (Some(hash), true) => node.block_by_hash(&hash).await?,
        (None, true) => return Err(Failure::Usage("--type hash needs the block's hash".into())),
        (Some(height), false) => {
            let height = height
                .parse()
                .map_err(|_| Failure::Usage(format!("{height:?} is no height; a hash needs --type hash")))?;
            node.block(Some(height)).await?
        }
        (None, false) => node.block(None).await?,
    };
    serde_json::to_string(&found).map_err(usage)
}

pub(super) async fn block_results(node: &Node, height: Option<u32>) -> Result<String> {
    serde_json::to_string(&node.block_results(height).await?).map_err(usage)
}

pub(super) async fn store(node: &Node, store: &str, key: &str, height: u64, prove: bool) -> Result<String> {
    let data = hex::decode(key).map_err(|e| Failure::Usage(format!("the key must be hexadecimal: {e}")))?;
    let answer = node
        .raw_query(&format!("/store/{store}/key"), data, height, prove)
        .await?;
    let ops = answer.proof.map(|proof| {
        proof
            .ops
            .iter()
            .map(|op| json!({"type": op.field_type, "key": STANDARD.encode(&op.key), "data": STANDARD.encode(&op.data)}))
            .collect::<Vec<_>>()
    });
    let shown = json!({
        "height": answer.height.to_string(),
        "key": hex::encode(&answer.key),
        "value": STANDARD.encode(&answer.value),
        "proof_ops": ops,
    });
    Ok(shown.to_string())
}
