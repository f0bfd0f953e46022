use quern_proto::cosmos::base::tendermint::v1beta1::{
    AbciQueryRequest, AbciQueryResponse, GetNodeInfoResponse, GetSyncingResponse, Module, ProofOp, ProofOps,
    VersionInfo,
};
use tendermint::block::Height;
use tendermint::node::info::TxIndexStatus;
use tendermint_proto::v0_38::p2p::{DefaultNodeInfo, DefaultNodeInfoOther, ProtocolVersion};
use tendermint_rpc::Client;
use tonic::Status;

use crate::services::{Answer, Node, decode, encode, rpc};

/// Go modules whose behaviour this node has on the wire: relayers and explorers choose their
/// dialect by them.
const COMPATIBLE: [(&str, &str); 4] = [
    ("github.com/cosmos/cosmos-sdk", "v0.53.6"),
    ("github.com/cosmos/ibc-go/v10", "v10.5.0"),
    ("github.com/CosmWasm/wasmd", "v0.61.14"),
    ("github.com/cometbft/cometbft", "v0.38.26"),
];

/// First parts of the paths that `ABCIQuery` passes on: methods of gRPC are called as such.
const ABCI_PATHS: [&str; 4] = ["app", "store", "p2p", "custom"];

impl Node {
    pub(super) async fn node_info(&self) -> Answer {
        let info = self.client.status().await.map_err(rpc)?.node_info;
        let indexing = match info.other.tx_index {
            TxIndexStatus::On => "on",
            TxIndexStatus::Off => "off",
        };
        let build_deps = COMPATIBLE.map(|(path, version)| Module {
            path: path.to_owned(),
            version: version.to_owned(),
            sum: String::new(),
        });
        encode(&GetNodeInfoResponse {
            default_node_info: Some(DefaultNodeInfo {
                protocol_version: Some(ProtocolVersion {
                    p2p: info.protocol_version.p2p,
                    block: info.protocol_version.block,
                    app: info.protocol_version.app,
                }),
                default_node_id: info.id.to_string(),
                listen_addr: info.listen_addr.as_str().to_owned(),
                network: info.network.to_string(),
                version: info.version.to_string(),
                channels: hex::decode(info.channels.to_string()).unwrap_or_default(),
                moniker: info.moniker.to_string(),
                other: Some(DefaultNodeInfoOther {
                    tx_index: indexing.to_owned(),
                    rpc_address: info.other.rpc_address,
                }),
            }),
            application_version: Some(VersionInfo {
                name: "quern".to_owned(),
                app_name: "quernd".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                cosmos_sdk_version: "v0.53.6".to_owned(),
                build_deps: build_deps.into(),
                ..VersionInfo::default()
            }),
        })
    }

    pub(super) async fn syncing(&self) -> Answer {
        let status = self.client.status().await.map_err(rpc)?;
        encode(&GetSyncingResponse {
            syncing: status.sync_info.catching_up,
        })
    }

    pub(super) async fn abci_query(&self, data: &[u8]) -> Answer {
        let request: AbciQueryRequest = decode(data)?;
        let path = &request.path;
        if path.is_empty() {
            return Err(Status::invalid_argument("empty query path"));
        }
        let first = path.strip_prefix('/').unwrap_or(path).split('/').next();
        if !first.is_some_and(|first| ABCI_PATHS.contains(&first)) {
            return Err(Status::invalid_argument(format!(
                "unsupported ABCI query path: {path}"
            )));
        }
        let height = u64::try_from(request.height)
            .ok()
            .and_then(|height| Height::try_from(height).ok());
        let height = height.ok_or_else(|| Status::invalid_argument("height must not be negative"))?;
        let found = self
            .client
            .abci_query(Some(request.path), request.data, Some(height), request.prove)
            .await
            .map_err(rpc)?;
        let ops = |ops: tendermint::merkle::proof::ProofOps| ProofOps {
            ops: ops
                .ops
                .into_iter()
                .map(|op| ProofOp {
                    r#type: op.field_type,
                    key: op.key,
                    data: op.data,
                })
                .collect(),
        };
        encode(&AbciQueryResponse {
            code: found.code.value(),
            log: found.log,
            info: found.info,
            index: found.index,
            key: found.key,
            value: found.value,
            proof_ops: found.proof.map(ops),
            height: i64::try_from(found.height.value()).unwrap_or(i64::MAX),
            codespace: found.codespace,
        })
    }
}
