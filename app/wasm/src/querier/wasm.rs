//! Queries of other contracts.

use std::sync::Arc;

use cosmwasm_std::{HexBinary, SystemError};
use quern_context::{Cx, Router};
use quern_store::Order;
use quern_types::{AccAddress, Error, errors as sdk};

use super::{Answer, Refusal, address, unsupported};
use crate::{
    Wasm, errors,
    iterate::Entries,
    json::{self, CodeInfoAnswer, ContractInfoAnswer, RawRange, RawRangeAnswer, WasmQuery},
    keeper, keys, state,
};

pub(super) fn answer(wasm: &Wasm, cx: &Cx, router: &Arc<dyn Router>, query: &WasmQuery) -> Answer {
    if let Some(smart) = &query.smart {
        let contract = address(&smart.contract_addr)?;
        if !json::is_valid(&smart.msg) {
            return Err(errors::INVALID.wrap("json msg").into());
        }
        return keeper::smart_query(wasm, cx, router, &contract, &smart.msg)
            .map_err(|e| named(e, &contract.to_string()));
    }
    if let Some(raw) = &query.raw {
        let contract = address(&raw.contract_addr)?;
        let Some(key) = &raw.key else {
            return Ok(Vec::new());
        };
        let key = [keys::contract_state(&contract).as_slice(), key.as_slice()].concat();
        return Ok(cx.kv(keys::STORE).get(&key)?.unwrap_or_default());
    }
    if let Some(query) = &query.contract_info {
        return contract_info(cx, &query.contract_addr);
    }
    if let Some(query) = &query.code_info {
        return code_info(cx, query.code_id);
    }
    if let Some(range) = &query.raw_range {
        return raw_range(cx, range);
    }
    Err(unsupported("unknown WasmQuery variant"))
}

/// A missing contract or code is told to the asking contract by name.
fn named(error: Error, contract: &str) -> Refusal {
    if error.is(&errors::NO_SUCH_CONTRACT) {
        return no_such_contract(contract);
    }
    Refusal::Chain(error)
}

fn no_such_contract(addr: &str) -> Refusal {
    Refusal::System(SystemError::NoSuchContract { addr: addr.into() })
}

fn contract_info(cx: &Cx, text: &str) -> Answer {
    let contract = address(text)?;
    let info = state::contract(cx, &contract)?.ok_or_else(|| no_such_contract(text))?;
    let pinned = state::is_pinned(cx, info.code_id)?;
    Ok(json::to_vec(&ContractInfoAnswer {
        code_id: info.code_id,
        creator: info.creator,
        admin: info.admin,
        pinned,
        ibc_port: info.ibc_port_id,
        ibc2_port: info.ibc2_port_id,
    })?)
}

fn code_info(cx: &Cx, code_id: u64) -> Answer {
    if code_id == 0 {
        return Err(errors::EMPTY.wrap("code id").into());
    }
    let Some(info) = state::code(cx, code_id)? else {
        return Err(Refusal::System(SystemError::NoSuchCode { code_id }));
    };
    Ok(json::to_vec(&CodeInfoAnswer {
        code_id,
        creator: info.creator,
        checksum: HexBinary::from(info.code_hash),
    })?)
}

fn raw_range(cx: &Cx, range: &RawRange) -> Answer {
    let contract: AccAddress = address(&range.contract_addr)?;
    let order = match range.order.as_str() {
        "ascending" => Order::Ascending,
        "descending" => Order::Descending,
        other => return Err(sdk::INVALID_REQUEST.wrap(format!("unknown order {other}")).into()),
    };
    let prefix = keys::contract_state(&contract);
    let (start, end) = (range.start.as_deref(), range.end.as_deref());
    let mut entries = Entries::open(cx, &prefix, start, end, order)?;
    let mut data = Vec::new();
    while data.len() < usize::from(range.limit) {
        let Some((key, value)) = entries.step()? else {
            break;
        };
        data.push((key.into(), value.into()));
    }
    let next_key = entries.peek_key().map(Into::into);
    Ok(json::to_vec(&RawRangeAnswer { data, next_key })?)
}
