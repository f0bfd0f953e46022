use prost::Message;
use quern_proto::cosmos::tx::v1beta1::{
    Tx, TxDecodeRequest, TxDecodeResponse, TxEncodeRequest, TxEncodeResponse, TxRaw,
};
use tonic::Status;

use crate::services::{Answer, decode, encode};

/// The bytes of a transaction, taken apart.
pub(super) fn tx_decode(data: &[u8]) -> Answer {
    let request: TxDecodeRequest = decode(data)?;
    if request.tx_bytes.is_empty() {
        return Err(Status::invalid_argument("invalid empty tx bytes"));
    }
    let mut tx = Tx::decode(request.tx_bytes.as_slice())
        .map_err(|error| Status::invalid_argument(format!("tx parse error: {error}")))?;
    // An empty one is not written.
    tx.body.get_or_insert_default();
    encode(&TxDecodeResponse { tx: Some(tx) })
}

/// A transaction as the bytes that are broadcast.
pub(super) fn tx_encode(data: &[u8]) -> Answer {
    let request: TxEncodeRequest = decode(data)?;
    let tx = request
        .tx
        .ok_or_else(|| Status::invalid_argument("invalid empty tx"))?;
    let raw = TxRaw {
        body_bytes: tx.body.map(|body| body.encode_to_vec()).unwrap_or_default(),
        auth_info_bytes: tx.auth_info.map(|info| info.encode_to_vec()).unwrap_or_default(),
        signatures: tx.signatures,
    };
    encode(&TxEncodeResponse {
        tx_bytes: raw.encode_to_vec(),
    })
}
