//! Methods that the application cannot answer alone: they read CometBFT's stores or its mempool.

mod blocks;
mod node_info;
mod search;
mod tx_response;
mod txs;

use bytes::Bytes;
use prost::Message;
use tendermint_rpc::HttpClient;
use tonic::Status;

/// Services that reflection names.
pub(crate) const SERVED: [&str; 8] = [
    "cosmos.auth.v1beta1.Query",
    "cosmos.bank.v1beta1.Query",
    "cosmos.base.node.v1beta1.Service",
    "cosmos.base.tendermint.v1beta1.Service",
    "cosmos.consensus.v1.Query",
    "cosmos.tx.v1beta1.Service",
    "cosmwasm.wasm.v1.Query",
    "grpc.reflection.v1.ServerReflection",
];

/// CometBFT behind gRPC.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    client: HttpClient,
}

type Answer = Result<Bytes, Status>;

impl Node {
    pub(crate) const fn new(client: HttpClient) -> Self {
        Self { client }
    }

    /// The answer of a method that needs CometBFT; `None` for one that the application answers.
    pub(crate) async fn answer(&self, path: &str, data: &[u8]) -> Option<Answer> {
        let method = path.strip_prefix("/cosmos.tx.v1beta1.Service/");
        match method {
            Some("BroadcastTx") => return Some(self.broadcast_tx(data).await),
            Some("GetTx") => return Some(self.get_tx(data).await),
            Some("GetTxsEvent") => return Some(self.search_txs(data).await),
            Some("GetBlockWithTxs") => return Some(self.block_with_txs(data).await),
            _ => {}
        }
        let method = path.strip_prefix("/cosmos.base.tendermint.v1beta1.Service/")?;
        match method {
            "GetNodeInfo" => Some(self.node_info().await),
            "GetSyncing" => Some(self.syncing().await),
            "GetLatestBlock" => Some(self.latest_block().await),
            "GetBlockByHeight" => Some(self.block_by_height(data).await),
            "ABCIQuery" => Some(self.abci_query(data).await),
            _ => None,
        }
    }
}

fn decode<M: Message + Default>(data: &[u8]) -> Result<M, Status> {
    M::decode(data).map_err(|error| Status::invalid_argument(format!("not this method's request: {error}")))
}

fn encode(message: &impl Message) -> Answer {
    Ok(message.encode_to_vec().into())
}

/// A failure of CometBFT's RPC.
fn rpc(error: tendermint_rpc::Error) -> Status {
    use tendermint_rpc::error::ErrorDetail;
    let text = reason(&error);
    match error.detail() {
        ErrorDetail::Response(_) => Status::unknown(text),
        _ => Status::unavailable(format!("CometBFT's RPC cannot be reached: {text}")),
    }
}

/// CometBFT's own words, without the client's frame around them.
fn reason(error: &tendermint_rpc::Error) -> String {
    use tendermint_rpc::error::ErrorDetail;
    match error.detail() {
        ErrorDetail::Response(detail) => detail
            .source
            .data()
            .unwrap_or_else(|| detail.source.message())
            .to_owned(),
        detail => detail.to_string(),
    }
}
