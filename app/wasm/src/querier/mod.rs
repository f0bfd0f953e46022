//! Queries that contracts ask of the chain (wasmd `x/wasm/keeper/query_plugins.go`).

mod bank;
mod distribution;
mod grpc;
mod staking;
mod wasm;

use std::sync::Arc;

use cosmwasm_std::SystemError;
use quern_context::{Cx, Router};
use quern_types::{AccAddress, Error};

use crate::{
    Wasm, errors,
    json::{self, QueryRequest},
    limits, state,
};

/// Why a query has no answer.
pub(crate) enum Refusal {
    /// Told to the contract in full.
    System(SystemError),
    /// Told to the contract by code alone, unless it is a contract's own failure.
    Chain(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Chain(error)
    }
}

pub(crate) type Answer = Result<Vec<u8>, Refusal>;

/// Answers a query of `contract`.
pub(crate) fn answer(
    wasm: &Wasm,
    cx: &Cx,
    router: &Arc<dyn Router>,
    contract: &AccAddress,
    query: &QueryRequest,
) -> Answer {
    // The order in which wasmd looks at the variants.
    if let Some(query) = &query.bank {
        return bank::answer(cx, router, query);
    }
    if query.custom.is_some() {
        return Err(unsupported("custom"));
    }
    if let Some(query) = &query.ibc {
        return ibc(cx, contract, query);
    }
    if let Some(query) = &query.staking {
        return staking::answer(wasm, cx, router.as_ref(), query);
    }
    if let Some(query) = &query.stargate {
        return grpc::as_json(cx, router, query);
    }
    if let Some(query) = &query.grpc {
        return grpc::as_protobuf(cx, router, query);
    }
    if let Some(query) = &query.wasm {
        return wasm::answer(wasm, cx, router, query);
    }
    if let Some(query) = &query.distribution {
        return distribution::answer(wasm, cx, router.as_ref(), query);
    }
    Err(Refusal::System(SystemError::Unknown {}))
}

/// Levels of smart queries that an answer about staking takes: the contract of bonds, and the one of rewards below it.
const STAKING_LEVELS: u32 = 2;

/// Refuses what would not find room on the query stack as a whole. Of two levels the lower might be left out, and the
/// answer tell of less than there is.
fn check_depth(cx: &Cx) -> Result<(), Error> {
    if cx.calls.query_depth.saturating_add(STAKING_LEVELS) > limits::QUERY_DEPTH {
        return Err((&errors::QUERY_STACK).into());
    }
    Ok(())
}

/// IBC without channels.
fn ibc(cx: &Cx, contract: &AccAddress, query: &json::IbcQuery) -> Answer {
    if query.port_id.is_some() {
        let port_id = state::require_contract(cx, contract)?.ibc_port_id;
        return Ok(json::to_vec(&serde_json::json!({ "port_id": port_id }))?);
    }
    if query.list_channels.is_some() {
        return Ok(br#"{"channels":[]}"#.to_vec());
    }
    if query.channel.is_some() {
        return Ok(b"{}".to_vec());
    }
    Err(unsupported("unknown IBCQuery variant"))
}

fn unsupported(kind: impl Into<String>) -> Refusal {
    Refusal::System(SystemError::UnsupportedRequest { kind: kind.into() })
}

/// Reads the address in a query.
fn address(text: &str) -> Result<AccAddress, Refusal> {
    AccAddress::from_bech32(text)
        .map_err(|_| Refusal::Chain(quern_types::errors::INVALID_ADDRESS.wrap(text.to_owned())))
}
