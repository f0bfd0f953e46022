//! Which messages a contract may be called with.

use std::collections::{BTreeMap, BTreeSet};

use quern_context::Cx;
use quern_proto::{
    Any,
    cosmwasm::wasm::v1::{AcceptedMessageKeysFilter, AcceptedMessagesFilter},
};
use quern_types::{Result, errors};

use super::decode;
use crate::error::{WASM_DUPLICATE, WASM_EMPTY, WASM_INVALID};

pub(super) const ALL: &str = "/cosmwasm.wasm.v1.AllowAllMessagesFilter";
pub(super) const KEYS: &str = "/cosmwasm.wasm.v1.AcceptedMessageKeysFilter";
pub(super) const MESSAGES: &str = "/cosmwasm.wasm.v1.AcceptedMessagesFilter";

pub(super) enum Filter {
    All,
    Keys(Vec<String>),
    Messages(Vec<Vec<u8>>),
}

pub(super) fn read(any: Option<&Any>) -> Option<Filter> {
    let any = any?;
    match any.type_url.as_str() {
        ALL => Some(Filter::All),
        KEYS => {
            let filter: AcceptedMessageKeysFilter = decode(&any.value).ok()?;
            Some(Filter::Keys(filter.keys))
        }
        MESSAGES => {
            let filter: AcceptedMessagesFilter = decode(&any.value).ok()?;
            Some(Filter::Messages(filter.messages))
        }
        _ => None,
    }
}

impl Filter {
    pub(super) fn validate(&self) -> Result<()> {
        match self {
            Self::All => Ok(()),
            Self::Keys(keys) if keys.is_empty() => Err(WASM_EMPTY.wrap("keys")),
            Self::Keys(keys) => {
                let mut seen = BTreeSet::new();
                for key in keys {
                    if key.is_empty() {
                        return Err(WASM_EMPTY.wrap("key"));
                    }
                    if key.trim() != key {
                        return Err(WASM_INVALID.wrap(format!("key {key:?} contains whitespaces")));
                    }
                    if !seen.insert(key) {
                        return Err(WASM_DUPLICATE.wrap(format!("key {key:?}")));
                    }
                }
                Ok(())
            }
            Self::Messages(messages) if messages.is_empty() => Err(WASM_EMPTY.wrap("messages")),
            Self::Messages(messages) => {
                let mut seen = BTreeSet::new();
                for message in messages {
                    if message.is_empty() {
                        return Err(WASM_EMPTY.wrap("message"));
                    }
                    check_json(message)?;
                    if !seen.insert(message) {
                        return Err(WASM_DUPLICATE.wrap("message"));
                    }
                }
                Ok(())
            }
        }
    }

    pub(super) fn accept(&self, cx: &Cx, msg: &[u8]) -> Result<bool> {
        match self {
            Self::All => check_json(msg).map(|()| true),
            Self::Keys(keys) => {
                // one gas a byte
                let len = u64::try_from(msg.len()).unwrap_or(u64::MAX);
                cx.gas.consume(len, "contract authorization")?;
                check_json(msg).map_err(|e| errors::UNAUTHORIZED.wrap(format!("not an allowed msg: {e}")))?;
                let object = serde_json::from_slice::<BTreeMap<String, serde_json::Value>>(msg);
                let Ok(object) = object else {
                    return Ok(false);
                };
                let mut members = object.keys();
                let only = members.next().filter(|_| members.next().is_none());
                Ok(only.is_some_and(|key| keys.contains(key)))
            }
            Self::Messages(messages) => Ok(messages.iter().any(|allowed| allowed == msg)),
        }
    }
}

fn check_json(bytes: &[u8]) -> Result<()> {
    serde_json::from_slice::<serde_json::Value>(bytes)
        .map(drop)
        .map_err(|_| (&WASM_INVALID).into())
}
