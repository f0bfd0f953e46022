//! Every message that the chain executes, and which module it belongs to.

use std::{collections::BTreeSet, sync::LazyLock};

use quern_context::AnyMsg;
use quern_types::{AccAddress, Result, errors};

/// A decoded message. Dispatch is one exhaustive `match`: no module is asked whether it is meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// x/auth
    Auth(quern_auth::Msg),
    /// x/authz
    Authz(quern_authz::Msg),
    /// x/bank
    Bank(quern_bank::Msg),
    /// x/consensus
    Consensus(quern_consensus::Msg),
    /// x/feegrant
    Feegrant(quern_feegrant::Msg),
    /// x/gov
    Gov(quern_gov::Msg),
    /// x/staking, x/distribution and x/slashing over the chain's own contracts
    Staking(quern_staking::Msg),
    /// The community pool's part of x/distribution
    Pool(quern_pool::Msg),
    /// x/upgrade
    Upgrade(quern_upgrade::Msg),
    /// x/auth/vesting
    Vesting(quern_vesting::Msg),
    /// x/wasm
    Wasm(quern_wasm::Msg),
}

static MESSAGES: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    [
        quern_auth::Msg::TYPE_URLS,
        quern_authz::Msg::TYPE_URLS,
        quern_bank::Msg::TYPE_URLS,
        quern_consensus::Msg::TYPE_URLS,
        quern_feegrant::Msg::TYPE_URLS,
        quern_gov::Msg::TYPE_URLS,
        quern_staking::Msg::TYPE_URLS,
        quern_pool::Msg::TYPE_URLS,
        quern_upgrade::Msg::TYPE_URLS,
        quern_vesting::Msg::TYPE_URLS,
        quern_wasm::Msg::TYPE_URLS,
    ]
    .concat()
    .into_iter()
    .collect()
});

/// What else an `Any` inside a transaction may be: keys, authorizations, allowances and
/// contents of older proposals.
static OTHERS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    [
        quern_auth::PubKey::TYPE_URLS,
        quern_authz::AUTHORIZATION_TYPES,
        quern_authz::HELPER_TYPES,
        quern_feegrant::ALLOWANCE_TYPES,
        quern_gov::CONTENT_TYPES,
    ]
    .concat()
    .into_iter()
    .collect()
});

/// Deepest nesting of messages within messages, and how many one message may hold in all (the SDK's
/// `MaxUnpackAnyRecursionDepth` and `MaxUnpackAnySubCalls`).
const MAX_DEPTH: u32 = 10;
const MAX_CALLS: u32 = 100;

/// Whether an `Any` inside a transaction may be of this type.
pub(crate) fn is_registered(type_url: &str) -> bool {
    is_message(type_url) || OTHERS.contains(type_url)
}

/// Whether the chain executes messages of this type.
pub(crate) fn is_message(type_url: &str) -> bool {
    MESSAGES.contains(type_url)
}

impl Msg {
    /// Decodes a message, and checks that those inside it decode.
    ///
    /// # Errors
    /// `sdk/2` for a type that the chain does not serve, bytes that are no such message, or too many messages
    /// inside.
    pub fn decode(any: &AnyMsg) -> Result<Self> {
        let mut calls = MAX_CALLS;
        Self::decode_within(&any.type_url, &any.value, MAX_DEPTH, &mut calls)
    }

    fn decode_within(url: &str, value: &[u8], depth: u32, calls: &mut u32) -> Result<Self> {
        let limit = |text: &'static str| move || errors::TX_DECODE.wrap(text);
        let depth = depth.checked_sub(1).ok_or_else(limit("max depth exceeded"))?;
        *calls = calls.checked_sub(1).ok_or_else(limit("call limit exceeded"))?;
        #[cfg(test)]
        crate::faulty::decode(value);
        let decoded = None
            .or_else(|| quern_auth::Msg::decode(url, value).map(|m| m.map(Self::Auth)))
            .or_else(|| quern_authz::Msg::decode(url, value).map(|m| m.map(Self::Authz)))
            .or_else(|| quern_bank::Msg::decode(url, value).map(|m| m.map(Self::Bank)))
            .or_else(|| quern_consensus::Msg::decode(url, value).map(|m| m.map(Self::Consensus)))
            .or_else(|| quern_feegrant::Msg::decode(url, value).map(|m| m.map(Self::Feegrant)))
            .or_else(|| quern_staking::Msg::decode(url, value).map(|m| m.map(Self::Staking)))
            .or_else(|| quern_gov::Msg::decode(url, value).map(|m| m.map(Self::Gov)))
            .or_else(|| quern_pool::Msg::decode(url, value).map(|m| m.map(Self::Pool)))
            .or_else(|| quern_upgrade::Msg::decode(url, value).map(|m| m.map(Self::Upgrade)))
            .or_else(|| quern_vesting::Msg::decode(url, value).map(|m| m.map(Self::Vesting)))
            .or_else(|| quern_wasm::Msg::decode(url, value).map(|m| m.map(Self::Wasm)));
        let decoded = decoded
            .unwrap_or_else(|| Err(errors::TX_DECODE.wrap(format!("unable to resolve type URL {url}"))))?;
        let inner = match &decoded {
            Self::Authz(msg) => msg.inner(),
            Self::Gov(msg) => msg.inner(),
            _ => &[],
        };
        for inner in inner {
            Self::decode_within(&inner.type_url, &inner.value, depth, calls)?;
        }
        Ok(decoded)
    }

    /// Addresses that must sign, in order.
    ///
    /// # Errors
    /// `sdk/7` for a malformed address.
    pub fn signers(&self) -> Result<Vec<AccAddress>> {
        match self {
            Self::Auth(msg) => msg.signers(),
            Self::Authz(msg) => msg.signers(),
            Self::Bank(msg) => msg.signers(),
            Self::Consensus(msg) => msg.signers(),
            Self::Feegrant(msg) => msg.signers(),
            Self::Gov(msg) => msg.signers(),
            Self::Staking(msg) => msg.signers(),
            Self::Pool(msg) => msg.signers(),
            Self::Upgrade(msg) => msg.signers(),
            Self::Vesting(msg) => msg.signers(),
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
            Self::Authz(msg) => msg.validate(),
            // Checked when they are executed, as in the SDK.
            Self::Bank(_) => Ok(()),
            Self::Consensus(msg) => msg.validate(),
            Self::Feegrant(msg) => msg.validate(),
            Self::Gov(msg) => msg.validate(),
            Self::Staking(msg) => msg.validate(),
            Self::Pool(msg) => msg.validate(),
            Self::Upgrade(msg) => msg.validate(),
            Self::Vesting(msg) => msg.validate(),
            Self::Wasm(msg) => msg.validate(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_registered_message_is_decoded_by_its_module() {
        for url in MESSAGES.iter() {
            let any = AnyMsg {
                type_url: (*url).to_owned(),
                value: Vec::new(),
            };
            assert!(Msg::decode(&any).is_ok(), "{url}");
        }
        let other = AnyMsg {
            type_url: "/cosmos.group.v1.MsgVote".into(),
            value: Vec::new(),
        };
        assert!(Msg::decode(&other).is_err());
    }

    #[test]
    fn messages_within_messages_end_somewhere() {
        use prost::Message;
        let wrap = |inner: Vec<quern_proto::Any>| quern_proto::Any {
            type_url: "/cosmos.authz.v1beta1.MsgExec".into(),
            value: quern_proto::cosmos::authz::v1beta1::MsgExec {
                grantee: String::new(),
                msgs: inner,
            }
            .encode_to_vec(),
        };
        let decode = |any: quern_proto::Any| {
            Msg::decode(&AnyMsg {
                type_url: any.type_url,
                value: any.value,
            })
        };
        let deep = |n| (0..n).fold(wrap(vec![]), |inner, _| wrap(vec![inner]));
        assert!(decode(deep(9)).is_ok());
        assert!(decode(deep(10)).is_err());
        let wide = |n| wrap((0..n).map(|_| wrap(vec![])).collect());
        assert!(decode(wide(99)).is_ok());
        assert!(decode(wide(100)).is_err());
    }

    #[test]
    fn every_message_has_the_amino_name_that_wallets_sign() {
        // the SDK gave them none; they are signed under their types
        const WITHOUT: [&str; 2] = [
            "/cosmos.feegrant.v1beta1.MsgPruneAllowances",
            "/cosmos.gov.v1.MsgCancelProposal",
        ];
        for url in MESSAGES.iter().filter(|url| !WITHOUT.contains(*url)) {
            let name = quern_proto::amino::name(url.trim_start_matches('/'));
            assert!(
                name.is_some_and(|n| n.starts_with("cosmos-sdk/") || n.starts_with("wasm/")),
                "{url}"
            );
        }
    }

    #[test]
    fn of_every_type_served_wasmd_signed_a_document_that_this_chain_signs_too() {
        // the encoder of the SDK has no way to write its list of inline JSON: a grant with one is signed in DIRECT
        const NEVER: [&str; 1] = ["/cosmwasm.wasm.v1.AcceptedMessagesFilter"];
        fn types(found: &mut BTreeSet<String>, value: &serde_json::Value) {
            match value {
                serde_json::Value::Object(members) => members.iter().for_each(|(key, value)| match value {
                    serde_json::Value::String(url) if key == "@type" => {
                        found.insert(url.clone());
                    }
                    value => types(found, value),
                }),
                serde_json::Value::Array(items) => items.iter().for_each(|item| types(found, item)),
                _ => {}
            }
        }
        let read = |text| serde_json::from_str::<Vec<serde_json::Value>>(text).unwrap();
        let cases = read(include_str!("../../proto/tests/vectors/generate/cases.json"));
        let vectors = read(include_str!("../../proto/tests/vectors/amino.json"));
        assert_eq!(cases.len(), vectors.len());
        let mut signed = BTreeSet::new();
        for (case, vector) in cases.iter().zip(&vectors) {
            assert_eq!(
                case["name"], vector["name"],
                "run app/proto/tests/vectors/generate/run.sh"
            );
            if !vector["doc"].as_str().unwrap().starts_with("ERROR") {
                types(&mut signed, case);
            }
        }
        let served = MESSAGES.iter().chain(OTHERS.iter());
        let missing = served.filter(|url| !signed.contains(**url)).collect::<Vec<_>>();
        assert_eq!(missing, NEVER.iter().collect::<Vec<_>>());
    }
}
