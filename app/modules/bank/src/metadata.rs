//! Denomination metadata.

use prost::Message;
use quern_context::Cx;
use quern_genesis::{DenomUnit, Metadata};
use quern_proto::cosmos::bank::v1beta1 as wire;
use quern_types::{Error, Result};

use crate::{MODULE, keys};

/// Metadata of a base denomination.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn metadata(cx: &Cx, denom: &str) -> Result<Option<wire::Metadata>> {
    cx.kv(MODULE)
        .get(&keys::metadata(denom))?
        .map(|bytes| decode(&bytes))
        .transpose()
}

pub(crate) fn decode(bytes: &[u8]) -> Result<wire::Metadata> {
    wire::Metadata::decode(bytes).map_err(|e| Error::halt(format!("corrupt metadata in state: {e}")))
}

pub(crate) fn set(cx: &Cx, metadata: &Metadata) -> Result<()> {
    cx.kv(MODULE)
        .set(&keys::metadata(&metadata.base), to_wire(metadata).encode_to_vec())
}

fn to_wire(m: &Metadata) -> wire::Metadata {
    wire::Metadata {
        description: m.description.clone(),
        denom_units: m
            .denom_units
            .iter()
            .map(|u| wire::DenomUnit {
                denom: u.denom.clone(),
                exponent: u.exponent,
                aliases: u.aliases.clone(),
            })
            .collect(),
        base: m.base.clone(),
        display: m.display.clone(),
        name: m.name.clone(),
        symbol: m.symbol.clone(),
        uri: m.uri.clone(),
        uri_hash: m.uri_hash.clone(),
    }
}

pub(crate) fn to_genesis(m: wire::Metadata) -> Metadata {
    Metadata {
        description: m.description,
        denom_units: m
            .denom_units
            .into_iter()
            .map(|u| DenomUnit {
                denom: u.denom,
                exponent: u.exponent,
                aliases: u.aliases,
            })
            .collect(),
        base: m.base,
        display: m.display,
        name: m.name,
        symbol: m.symbol,
        uri: m.uri,
        uri_hash: m.uri_hash,
    }
}
