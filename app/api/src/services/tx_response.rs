use prost::Message;
use quern_proto::cosmos::base::abci::v1beta1::TxResponse;
use quern_proto::cosmos::tx::v1beta1::Tx;
use tendermint_rpc::endpoint::tx::Response;
use tonic::Status;

/// A transaction as gRPC clients read it, with the time of its block.
pub(super) fn tx_response(found: &Response, timestamp: &str) -> TxResponse {
    let result = &found.tx_result;
    TxResponse {
        height: i64::try_from(found.height.value()).unwrap_or(i64::MAX),
        txhash: found.hash.to_string(),
        codespace: result.codespace.clone(),
        code: result.code.value(),
        data: hex::encode_upper(&result.data),
        raw_log: result.log.clone(),
        logs: Vec::new(),
        info: result.info.clone(),
        gas_wanted: result.gas_wanted,
        gas_used: result.gas_used,
        // `Tx` and the `TxRaw` on the wire have the same bytes.
        tx: Some(prost_types::Any {
            type_url: "/cosmos.tx.v1beta1.Tx".to_owned(),
            value: found.tx.clone(),
        }),
        timestamp: timestamp.to_owned(),
        events: result.events.iter().cloned().map(Into::into).collect(),
    }
}

/// The bytes of a transaction in a block, decoded.
pub(super) fn decode_tx(bytes: &[u8]) -> Result<Tx, Status> {
    Tx::decode(bytes).map_err(|error| Status::unknown(format!("the transaction does not decode: {error}")))
}
