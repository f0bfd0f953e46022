//! What a contract is told about a message that it sent.

use cosmwasm_std::Binary;
use serde::Serialize;

use super::{ContractEvent, is_empty};

/// The argument of `reply`.
#[derive(Debug, Serialize)]
pub struct Reply {
    /// Always zero: wasmd does not fill it.
    pub gas_used: u64,
    /// The contract's own number of the message.
    pub id: u64,
    /// What came of it.
    pub result: SubMsgResult,
    /// As the contract set it.
    #[serde(skip_serializing_if = "is_empty")]
    pub payload: Binary,
}

/// Outcome of a message.
#[derive(Debug, Serialize)]
pub enum SubMsgResult {
    /// Success.
    #[serde(rename = "ok")]
    Ok(SubMsgResponse),
    /// Failure, redacted where its text may differ between nodes.
    #[serde(rename = "error")]
    Err(String),
}

/// What a successful message left.
#[derive(Debug, Default, Serialize)]
pub struct SubMsgResponse {
    /// Its events, for messages to contracts alone.
    pub events: Vec<ContractEvent>,
    /// Its first response.
    #[serde(skip_serializing_if = "is_absent")]
    pub data: Option<Binary>,
    /// All of its responses.
    pub msg_responses: Vec<MsgResponse>,
}

/// An encoded response with its type.
#[derive(Debug, Serialize)]
pub struct MsgResponse {
    /// For example `/cosmos.bank.v1beta1.MsgSendResponse`.
    pub type_url: String,
    /// Encoded response.
    pub value: Binary,
}

fn is_absent(data: &Option<Binary>) -> bool {
    data.as_ref().is_none_or(|d| d.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_wasmvms_bytes() {
        let reply = Reply {
            gas_used: 0,
            id: 9,
            result: SubMsgResult::Ok(SubMsgResponse::default()),
            payload: Binary::default(),
        };
        assert_eq!(
            crate::json::to_vec(&reply).unwrap(),
            br#"{"gas_used":0,"id":9,"result":{"ok":{"events":[],"msg_responses":[]}}}"#
        );
        let failed = Reply {
            result: SubMsgResult::Err("codespace: sdk, code: 5".into()),
            payload: b"p".into(),
            ..reply
        };
        assert_eq!(
            crate::json::to_vec(&failed).unwrap(),
            br#"{"gas_used":0,"id":9,"result":{"error":"codespace: sdk, code: 5"},"payload":"cA=="}"#
        );
    }
}
