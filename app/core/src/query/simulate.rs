//! Gas estimation: runs a transaction on a throwaway branch of the mempool's state.

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use quern_context::Mode;
use quern_proto::cosmos::{
    base::abci::v1beta1::{GasInfo, Result as TxResult, TxMsgData},
    tx::v1beta1::{SimulateRequest, SimulateResponse, TxRaw},
};
use quern_types::{Result, errors};

use super::status::grpc_error;
use crate::{
    app::Shared,
    block::to_abci_event,
    execute::{Depth, Outcome},
};

/// `cosmos.tx.v1beta1.Service/Simulate`.
pub(super) fn grpc(shared: &Shared, data: &[u8]) -> Result<Vec<u8>> {
    let request = SimulateRequest::decode(data).map_err(|e| errors::INVALID_REQUEST.wrap(e.to_string()))?;
    let bytes = tx_bytes(request)
        .ok_or_else(|| grpc_error(&errors::INVALID_REQUEST.wrap("empty txBytes is not allowed")))?;
    let outcome = run(shared, &bytes)?;
    if let Some(error) = &outcome.error {
        let text = format!(
            "rpc error: code = Unknown desc = {error} with gas used: '{}'",
            outcome.gas_used
        );
        return Err(errors::UNKNOWN_REQUEST.wrap(text));
    }
    let gas_info = GasInfo {
        gas_wanted: outcome.gas_wanted,
        gas_used: outcome.gas_used,
    };
    let responses = TxMsgData::decode(outcome.data.as_slice())
        .unwrap_or_default()
        .msg_responses;
    #[allow(deprecated)] // older clients still read `data`
    let result = TxResult {
        data: outcome.data,
        events: outcome.events.into_iter().map(to_abci_event).collect(),
        msg_responses: responses,
        ..Default::default()
    };
    Ok(SimulateResponse {
        gas_info: Some(gas_info),
        result: Some(result),
    }
    .encode_to_vec())
}

/// cosmpy still sends the deprecated `tx`; it is encoded again.
#[allow(deprecated)]
fn tx_bytes(request: SimulateRequest) -> Option<Vec<u8>> {
    if !request.tx_bytes.is_empty() {
        return Some(request.tx_bytes);
    }
    let tx = request.tx?;
    let raw = TxRaw {
        body_bytes: tx.body.map(|body| body.encode_to_vec()).unwrap_or_default(),
        auth_info_bytes: tx.auth_info.map(|info| info.encode_to_vec()).unwrap_or_default(),
        signatures: tx.signatures,
    };
    Some(raw.encode_to_vec())
}

/// `/app/simulate`: the same in the SDK's JSON.
pub(super) fn json(shared: &Shared, data: &[u8]) -> Result<Vec<u8>> {
    let outcome = run(shared, data)?;
    if let Some(error) = outcome.error {
        return Err(error.wrap("failed to simulate tx"));
    }
    let events = outcome
        .events
        .iter()
        .map(|event| {
            let attributes = event
                .attributes
                .iter()
                .map(|a| serde_json::json!({"key": a.key, "value": a.value, "index": true}))
                .collect::<Vec<_>>();
            serde_json::json!({"type": event.ty, "attributes": attributes})
        })
        .collect::<Vec<_>>();
    let answer = serde_json::json!({
        "gas_info": {"gas_wanted": outcome.gas_wanted.to_string(), "gas_used": outcome.gas_used.to_string()},
        "result": {"data": STANDARD.encode(&outcome.data), "log": "", "events": events},
    });
    Ok(answer.to_string().into_bytes())
}

fn run(shared: &Shared, bytes: &[u8]) -> Result<Outcome> {
    let check = shared.check.lock().clone();
    let cx = check.cx(Mode::Simulate).fork();
    // What may be asked of a query may be asked of an estimate.
    let max_gas = match (check.max_gas, shared.options.query_gas_limit) {
        (Some(block), Some(query)) => Some(block.min(query)),
        (block, query) => block.or(query),
    };
    shared.executor(max_gas).run(&cx, bytes, Depth::Messages)
}
