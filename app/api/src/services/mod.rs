//! Methods that the application cannot answer alone: they read CometBFT's stores or its mempool, or nothing but the request.

mod blocks;
mod node_info;
mod search;
mod std_tx;
mod tx_codec;
mod tx_response;
mod txs;
mod validators;

use bytes::Bytes;
use prost::Message;
use tendermint_rpc::{Client, HttpClient};
use tonic::Status;

/// Methods that are answered with what CometBFT says, by their gRPC paths.
pub(crate) const METHODS: [&str; 13] = [
    "/cosmos.base.tendermint.v1beta1.Service/ABCIQuery",
    "/cosmos.base.tendermint.v1beta1.Service/GetBlockByHeight",
    "/cosmos.base.tendermint.v1beta1.Service/GetLatestBlock",
    "/cosmos.base.tendermint.v1beta1.Service/GetLatestValidatorSet",
    "/cosmos.base.tendermint.v1beta1.Service/GetNodeInfo",
    "/cosmos.base.tendermint.v1beta1.Service/GetSyncing",
    "/cosmos.base.tendermint.v1beta1.Service/GetValidatorSetByHeight",
    "/cosmos.tx.v1beta1.Service/BroadcastTx",
    "/cosmos.tx.v1beta1.Service/GetBlockWithTxs",
    "/cosmos.tx.v1beta1.Service/GetTx",
    "/cosmos.tx.v1beta1.Service/GetTxsEvent",
    "/cosmos.tx.v1beta1.Service/TxDecode",
    "/cosmos.tx.v1beta1.Service/TxEncode",
];

/// Methods that are answered from the request alone, but only after a while, by their gRPC paths.
pub(crate) const AMINO: [&str; 2] = [
    "/cosmos.tx.v1beta1.Service/TxDecodeAmino",
    "/cosmos.tx.v1beta1.Service/TxEncodeAmino",
];

/// CometBFT behind gRPC.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    client: HttpClient,
}

type Answer = Result<Bytes, Status>;

/// What answers a request by itself.
pub(crate) type Work = fn(&[u8]) -> Answer;

/// How one of [`AMINO`] is answered; `None` for any other path.
///
/// # Errors
/// `InvalidArgument` for a request that is too long to be.
pub(crate) fn amino(path: &str, data: &[u8]) -> Option<Result<Work, Status>> {
    let [decode, encode] = AMINO;
    let work: Work = match path {
        _ if path == decode => std_tx::decode,
        _ if path == encode => std_tx::encode,
        _ => return None,
    };
    Some(std_tx::admit(data).map(|()| work))
}

impl Node {
    pub(crate) const fn new(client: HttpClient) -> Self {
        Self { client }
    }

    /// The answer of one of [`METHODS`]; `None` for a method that the application answers.
    pub(crate) async fn answer(&self, path: &str, data: &[u8]) -> Option<Answer> {
        if let Some(method) = path.strip_prefix("/cosmos.tx.v1beta1.Service/") {
            return match method {
                "BroadcastTx" => Some(self.broadcast_tx(data).await),
                "GetTx" => Some(self.get_tx(data).await),
                "GetTxsEvent" => Some(self.search_txs(data).await),
                "GetBlockWithTxs" => Some(self.block_with_txs(data).await),
                "TxDecode" => Some(tx_codec::tx_decode(data)),
                "TxEncode" => Some(tx_codec::tx_encode(data)),
                _ => None,
            };
        }
        let method = path.strip_prefix("/cosmos.base.tendermint.v1beta1.Service/")?;
        match method {
            "GetNodeInfo" => Some(self.node_info().await),
            "GetSyncing" => Some(self.syncing().await),
            "GetLatestBlock" => Some(self.latest_block().await),
            "GetBlockByHeight" => Some(self.block_by_height(data).await),
            "GetLatestValidatorSet" => Some(self.latest_validators(data).await),
            "GetValidatorSetByHeight" => Some(self.validators_by_height(data).await),
            "ABCIQuery" => Some(self.abci_query(data).await),
            _ => None,
        }
    }

    /// Height of the newest block.
    async fn newest_height(&self) -> Result<tendermint::block::Height, Status> {
        Ok(self
            .client
            .status()
            .await
            .map_err(rpc)?
            .sync_info
            .latest_block_height)
    }

    /// Identifier of the chain.
    pub(crate) async fn chain_id(&self) -> Result<String, Status> {
        Ok(self
            .client
            .status()
            .await
            .map_err(rpc)?
            .node_info
            .network
            .to_string())
    }
}

fn decode<M: Message + Default>(data: &[u8]) -> Result<M, Status> {
    M::decode(data).map_err(|error| Status::invalid_argument(format!("not this method's request: {error}")))
}

fn encode(message: &impl Message) -> Answer {
    Ok(message.encode_to_vec().into())
}

/// Words of CometBFT where the request is at fault.
const CALLERS_FAULT: [&str; 7] = [
    "page should be within",
    "per_page",
    "height must be greater than",
    "must be less than or equal to the current blockchain height",
    "is not available, lowest height is",
    "failed to parse query",
    "got a nil block",
];

/// A failure of CometBFT's RPC.
fn rpc(error: tendermint_rpc::Error) -> Status {
    use tendermint_rpc::error::ErrorDetail;
    let text = reason(&error);
    match error.detail() {
        // The SDK calls these internal errors; what the caller asked for is no failure of the node.
        ErrorDetail::Response(_) if CALLERS_FAULT.iter().any(|known| text.contains(known)) => {
            Status::invalid_argument(text)
        }
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

#[cfg(test)]
mod tests {
    use super::{AMINO, METHODS, Node, amino};
    use tonic::Code;

    #[tokio::test]
    async fn every_method_listed_is_described_and_answered() {
        // Nothing listens on port 1.
        let node = Node::new(tendermint_rpc::HttpClient::new("http://127.0.0.1:1").unwrap());
        for path in METHODS.into_iter().chain(AMINO) {
            let (service, method) = path.trim_start_matches('/').split_once('/').unwrap();
            let service = quern_proto::pool().get_service_by_name(service).unwrap();
            assert!(service.methods().any(|known| known.name() == method), "{path}");
            let answer = match amino(path, &[]) {
                Some(work) => work.unwrap()(&[]),
                None => node.answer(path, &[]).await.unwrap(),
            };
            let code = answer.map_or_else(|status| status.code(), |_| Code::Ok);
            assert!(
                matches!(code, Code::Ok | Code::InvalidArgument | Code::Unavailable),
                "{path}: {code:?}"
            );
        }
    }
}
