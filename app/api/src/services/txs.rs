use quern_proto::cosmos::base::abci::v1beta1::TxResponse;
use quern_proto::cosmos::tx::v1beta1::{
    BroadcastMode, BroadcastTxRequest, BroadcastTxResponse, GetTxRequest, GetTxResponse,
};
use tendermint::Hash;
use tendermint::block::Height;
use tendermint_rpc::Client;
use tonic::Status;

use crate::services::tx_response::{decode_tx, tx_response};
use crate::services::{Answer, Node, decode, encode, reason, rpc};

/// CometBFT's refusals before the application sees a transaction, and the `sdk` code for each.
const MEMPOOL_REFUSALS: [(&str, u32); 3] = [
    ("tx already exists in cache", 19),
    ("mempool is full", 20),
    ("tx too large", 21),
];

impl Node {
    pub(super) async fn broadcast_tx(&self, data: &[u8]) -> Answer {
        let request: BroadcastTxRequest = decode(data)?;
        if request.tx_bytes.is_empty() {
            return Err(Status::invalid_argument("invalid empty tx"));
        }
        let hash = hex::encode_upper(sha256(&request.tx_bytes));
        let sent = match request.mode() {
            BroadcastMode::Sync => self.client.broadcast_tx_sync(request.tx_bytes).await.map(|sent| {
                (
                    sent.code.value(),
                    sent.codespace,
                    hex::encode_upper(&sent.data),
                    sent.log,
                )
            }),
            BroadcastMode::Async => self
                .client
                .broadcast_tx_async(request.tx_bytes)
                .await
                .map(|sent| {
                    (
                        sent.code.value(),
                        String::new(),
                        hex::encode_upper(&sent.data),
                        sent.log,
                    )
                }),
            _ => {
                return Err(Status::invalid_argument(
                    "unsupported return type unspecified; supported types: sync, async",
                ));
            }
        };
        let (code, codespace, data, raw_log) = match sent {
            Ok(sent) => sent,
            Err(error) => refusal(&error).ok_or_else(|| rpc(error))?,
        };
        let answer = TxResponse {
            txhash: hash,
            code,
            codespace,
            data,
            raw_log,
            ..TxResponse::default()
        };
        encode(&BroadcastTxResponse {
            tx_response: Some(answer),
        })
    }

    pub(super) async fn get_tx(&self, data: &[u8]) -> Answer {
        let request: GetTxRequest = decode(data)?;
        if request.hash.is_empty() {
            return Err(Status::invalid_argument("tx hash cannot be empty"));
        }
        let hash = hex::decode(&request.hash).map_err(|error| no_hex(&request.hash, error))?;
        let Ok(hash) = <[u8; 32]>::try_from(hash) else {
            return Err(Status::not_found(format!("tx not found: {}", request.hash)));
        };
        let found = self.client.tx(Hash::Sha256(hash), false).await.map_err(|error| {
            if reason(&error).contains("not found") {
                return Status::not_found(format!("tx not found: {}", request.hash));
            }
            rpc(error)
        })?;
        let timestamp = self.block_time(found.height).await?;
        encode(&GetTxResponse {
            tx: Some(decode_tx(&found.tx)?),
            tx_response: Some(tx_response(&found, &timestamp)),
        })
    }

    /// RFC 3339 time of a block, in whole seconds as the SDK tells it with transactions.
    pub(super) async fn block_time(&self, height: Height) -> Result<String, Status> {
        let block = self.client.block(height).await.map_err(rpc)?;
        let seconds = block.block.header.time.unix_timestamp();
        let whole = tendermint::Time::from_unix_timestamp(seconds, 0);
        Ok(whole
            .map_err(|error| Status::internal(error.to_string()))?
            .to_rfc3339())
    }
}

/// What Go says of a text that is no hexadecimal number.
fn no_hex(text: &str, error: hex::FromHexError) -> Status {
    let wrong = text.bytes().find(|byte| !byte.is_ascii_hexdigit());
    Status::invalid_argument(match wrong {
        Some(byte) => format!("encoding/hex: invalid byte: U+{byte:04X} {:?}", char::from(byte)),
        None if error == hex::FromHexError::OddLength => "encoding/hex: odd length hex string".to_owned(),
        None => error.to_string(),
    })
}

fn refusal(error: &tendermint_rpc::Error) -> Option<(u32, String, String, String)> {
    let text = reason(error);
    let lower = text.to_lowercase();
    let (_, code) = MEMPOOL_REFUSALS.iter().find(|(known, _)| lower.contains(known))?;
    Some((*code, "sdk".to_owned(), String::new(), text))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}
