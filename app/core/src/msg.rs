//! Every message that the chain executes, and which module it belongs to.

use std::{collections::BTreeSet, sync::LazyLock};

use quern_context::AnyMsg;
use quern_types::{AccAddress, Result, errors};

/// A decoded message. Dispatch is one exhaustive `match`: no module is asked whether it is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// x/auth
    Auth(quern_auth::Msg),
    /// x/bank
    Bank(quern_bank::Msg),
    /// x/consensus
    Consensus(quern_consensus::Msg),
    /// x/wasm
    Wasm(quern_wasm::Msg),
}

/// Types that an `Any` inside a transaction may carry besides messages: public keys.
const KEY_TYPES: &[&str] = &[
    "/cosmos.crypto.ed25519.PubKey",
    "/cosmos.crypto.multisig.LegacyAminoPubKey",
    "/cosmos.crypto.secp256k1.PubKey",
];

static REGISTERED: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    [
        quern_auth::Msg::TYPE_URLS,
        quern_bank::Msg::TYPE_URLS,
        quern_consensus::Msg::TYPE_URLS,
        quern_wasm::Msg::TYPE_URLS,
        KEY_TYPES,
    ]
    .concat()
    .into_iter()
    .collect()
});

/// Whether an `Any` inside a transaction may be of this type.
pub(crate) fn is_registered(type_url: &str) -> bool {
    REGISTERED.contains(type_url)
}

impl Msg {
    /// Decodes a message.
    ///
    /// # Errors
    /// `sdk/2` for a type that the chain does not serve, or bytes that are no such message.
    pub fn decode(any: &AnyMsg) -> Result<Self> {
        let (url, value) = (any.type_url.as_str(), any.value.as_slice());
        let decoded = None
            .or_else(|| quern_auth::Msg::decode(url, value).map(|m| m.map(Self::Auth)))
            .or_else(|| quern_bank::Msg::decode(url, value).map(|m| m.map(Self::Bank)))
            .or_else(|| quern_consensus::Msg::decode(url, value).map(|m| m.map(Self::Consensus)))
            .or_else(|| quern_wasm::Msg::decode(url, value).map(|m| m.map(Self::Wasm)));
        decoded.unwrap_or_else(|| Err(errors::TX_DECODE.wrap(format!("unable to resolve type URL {url}"))))
    }

    /// Addresses that must sign, in order.
    ///
    /// # Errors
    /// `sdk/7` for a malformed address.
    pub fn signers(&self) -> Result<Vec<AccAddress>> {
        match self {
            Self::Auth(msg) => msg.signers(),
            Self::Bank(msg) => msg.signers(),
            Self::Consensus(msg) => msg.signers(),
            Self::Wasm(msg) => msg.signers(),
        }
    }

    /// Stateless checks (the SDK's `ValidateBasic`).
    ///
    /// # Errors
    /// The module's own.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Auth(msg) => msg.validate(),
            Self::Bank(msg) => msg.validate(),
            Self::Consensus(msg) => msg.validate(),
            Self::Wasm(msg) => msg.validate(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_registered_message_is_decoded_by_its_module() {
        for url in REGISTERED.iter().filter(|url| !KEY_TYPES.contains(url)) {
            let any = AnyMsg {
                type_url: (*url).to_owned(),
                value: Vec::new(),
            };
            assert!(Msg::decode(&any).is_ok(), "{url}");
        }
        let other = AnyMsg {
            type_url: "/cosmos.gov.v1.MsgVote".into(),
            value: Vec::new(),
        };
        assert!(Msg::decode(&other).is_err());
    }
}
