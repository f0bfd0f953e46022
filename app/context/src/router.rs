//! How a module hands a message or a query to the others without depending on them.

use quern_types::{AccAddress, Result};

use crate::Cx;

/// A protobuf message with its type URL, as in `google.protobuf.Any`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyMsg {
    /// For example `/cosmos.bank.v1beta1.MsgSend`.
    pub type_url: String,
    /// Encoded message.
    pub value: Vec<u8>,
}

/// What a message returned. Its events are in the context's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MsgOutput {
    /// The encoded response message.
    pub response: AnyMsg,
}

/// The application's message and query dispatch, as modules see it.
pub trait Router: Send + Sync {
    /// Addresses that must have authorised the message.
    ///
    /// # Errors
    /// `sdk/2` or `sdk/34` for an unknown type or malformed bytes.
    fn signers(&self, msg: &AnyMsg) -> Result<Vec<AccAddress>>;

    /// Checks one message without executing it (the SDK's `ValidateBasic`).
    ///
    /// # Errors
    /// The module's own.
    fn validate(&self, msg: &AnyMsg) -> Result<()> {
        self.signers(msg).map(drop)
    }

    /// Whether the chain executes messages of this type.
    fn serves(&self, type_url: &str) -> bool {
        let _ = type_url;
        false
    }

    /// Validates and executes one message on behalf of its signers, emitting its events into `cx`
    /// without the `message{action}` event that the transaction pipeline adds.
    ///
    /// # Errors
    /// The handler's own; the caller discards the branch.
    fn execute(&self, cx: &Cx, msg: &AnyMsg) -> Result<MsgOutput>;

    /// Answers a query by its gRPC path from the state of `cx`, charging its gas.
    ///
    /// # Errors
    /// `sdk/6` for an unknown path, else the handler's own.
    fn query(&self, cx: &Cx, path: &str, request: &[u8]) -> Result<Vec<u8>>;
}
