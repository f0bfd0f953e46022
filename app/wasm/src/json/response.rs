//! What a contract answers.

use cosmwasm_std::Binary;
use serde::{Deserialize, Serialize};

use super::{CosmosMsg, nullable};

/// Answer of every entry point that changes state. Exactly one side is set.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContractResult {
    /// Success.
    pub ok: Option<Response>,
    /// The contract's own error text; empty counts as absent.
    #[serde(deserialize_with = "nullable")]
    pub error: String,
}

/// Answer of a smart query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct QueryResult {
    /// Success.
    pub ok: Option<Binary>,
    /// The contract's own error text; empty counts as absent.
    #[serde(deserialize_with = "nullable")]
    pub error: String,
}

/// What a contract wants done after a success.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Response {
    /// Messages to dispatch, in order.
    #[serde(deserialize_with = "nullable")]
    pub messages: Vec<SubMsg>,
    /// Data for the caller.
    pub data: Option<Binary>,
    /// Attributes of the `wasm` event.
    #[serde(deserialize_with = "nullable")]
    pub attributes: Vec<ContractAttribute>,
    /// Further events.
    #[serde(deserialize_with = "nullable")]
    pub events: Vec<ContractEvent>,
}

/// A message and what to do with its outcome.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SubMsg {
    /// Chosen by the contract.
    #[serde(deserialize_with = "nullable")]
    pub id: u64,
    /// The message.
    pub msg: CosmosMsg,
    /// Handed back in the reply.
    #[serde(deserialize_with = "nullable")]
    pub payload: Binary,
    /// Most SDK gas that it may use.
    pub gas_limit: Option<u64>,
    /// When the contract wants a reply; absent is an error at dispatch.
    pub reply_on: Option<ReplyOn>,
}

/// When a contract wants a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyOn {
    /// Whatever the outcome.
    Always,
    /// After failure, which is then caught.
    Error,
    /// After success.
    Success,
    /// Not at all.
    Never,
}

impl ReplyOn {
    /// Whether a failure goes to the contract instead of ending the call.
    pub(crate) fn catches_failure(self) -> bool {
        matches!(self, Self::Always | Self::Error)
    }

    /// Whether a success is told to the contract.
    pub(crate) fn wants_success(self) -> bool {
        matches!(self, Self::Always | Self::Success)
    }
}

/// An event in a contract's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContractEvent {
    /// Type, without the prefix that the chain adds.
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub ty: String,
    /// Attributes in order.
    #[serde(deserialize_with = "nullable")]
    pub attributes: Vec<ContractAttribute>,
}

/// An attribute in a contract's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContractAttribute {
    /// Key.
    #[serde(deserialize_with = "nullable")]
    pub key: String,
    /// Value.
    #[serde(deserialize_with = "nullable")]
    pub value: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_null_and_unknown_fields_are_tolerated() {
        let text = br#"{"ok":{"messages":null,"later":[1],"events":[{"type":"x","attributes":null}]}}"#;
        let result: ContractResult = serde_json::from_slice(text).unwrap();
        let ok = result.ok.unwrap();
        assert!(ok.messages.is_empty() && ok.data.is_none() && ok.events[0].ty == "x");
    }

    #[test]
    fn rubbish_of_any_shape_is_an_error_and_no_panic() {
        let deep = format!(r#"{{"ok":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for text in [
            "",
            "1",
            "{\"ok\":7}",
            "\u{0}",
            "{\"ok\":{\"data\":\"*\"}}",
            deep.as_str(),
        ] {
            assert!(serde_json::from_slice::<ContractResult>(text.as_bytes()).is_err());
        }
    }
}
