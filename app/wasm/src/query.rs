//! Queries of `cosmwasm.wasm.v1.Query` (wasmd `x/wasm/keeper/querier.go`).

use std::sync::Arc;

use quern_context::{Cx, GasMeter, Router, paginate};
use quern_proto::{
    cosmos::base::query::v1beta1::PageRequest,
    cosmwasm::wasm::v1::{self as wire, CodeInfo, CodeInfoResponse},
};
use quern_types::{AccAddress, Error, Result, errors as sdk};

use crate::{Wasm, address, errors, gas, json, keeper, keys, limits, state};

/// Answers a query of this module; `None` for another's path.
pub(crate) fn answer(
    wasm: &Wasm,
    cx: &Cx,
    router: &Arc<dyn Router>,
    path: &str,
    request: &[u8],
) -> Option<Result<Vec<u8>>> {
    Some(match path.strip_prefix("/cosmwasm.wasm.v1.Query/")? {
        "ContractInfo" => quern_context::answer(request, |r| contract_info(cx, r)),
        "ContractHistory" => quern_context::answer(request, |r| contract_history(cx, r)),
        "ContractsByCode" => quern_context::answer(request, |r| contracts_by_code(cx, r)),
        "ContractsByCreator" => quern_context::answer(request, |r| contracts_by_creator(cx, r)),
        "AllContractState" => quern_context::answer(request, |r| all_state(cx, r)),
        "RawContractState" => quern_context::answer(request, |r| raw_state(cx, r)),
        "SmartContractState" => quern_context::answer(request, |r| smart(wasm, cx, router, r)),
        "Code" => quern_context::answer(request, |r| code(wasm, cx, r)),
        "Codes" => quern_context::answer(request, |r| codes(cx, r)),
        "CodeInfo" => quern_context::answer(request, |r| code_info(cx, r)),
        "PinnedCodes" => quern_context::answer(request, |r| pinned_codes(cx, r)),
        "Params" => quern_context::answer(request, |_: wire::QueryParamsRequest| {
            let params = Some(state::params(cx)?);
            Ok(wire::QueryParamsResponse { params })
        }),
        "WasmLimitsConfig" => quern_context::answer(request, |_: wire::QueryWasmLimitsConfigRequest| {
            // No limit differs from the VM's default, which wasmd writes as an empty object.
            let config = "{}".to_owned();
            Ok(wire::QueryWasmLimitsConfigResponse { config })
        }),
        "BuildAddress" => quern_context::answer(request, |r| build_address(cx, r)),
        _ => return None,
    })
}

/// The page asked for. Counting and skipping would cost without bound, so they are refused.
fn page(asked: Option<PageRequest>) -> Result<PageRequest> {
    let mut page = asked.unwrap_or_default();
    if page.offset != 0 || page.count_total {
        return Err(sdk::INVALID_REQUEST.wrap("offset and count queries not supported"));
    }
    if page.limit == 0 || page.limit > limits::PAGE {
        page.limit = limits::PAGE;
    }
    Ok(page)
}

fn contract_info(cx: &Cx, r: wire::QueryContractInfoRequest) -> Result<wire::QueryContractInfoResponse> {
    let contract = AccAddress::from_bech32(&r.address)?;
    let info = state::require_contract(cx, &contract)?;
    Ok(wire::QueryContractInfoResponse {
        address: contract.to_string(),
        contract_info: Some(info),
    })
}

fn contract_history(
    cx: &Cx,
    r: wire::QueryContractHistoryRequest,
) -> Result<wire::QueryContractHistoryResponse> {
    let contract = AccAddress::from_bech32(&r.address)?;
    let kv = cx.kv(keys::STORE).under(&keys::history(&contract));
    let (entries, pagination) = paginate(&kv, Some(&page(r.pagination)?), |key, value| {
        (key.len() == 8).then(|| state::decode(value)).transpose()
    })?;
    Ok(wire::QueryContractHistoryResponse {
        entries,
        pagination: Some(pagination),
    })
}

/// The contract that an index key ends with.
fn indexed(key: &[u8]) -> Result<Option<String>> {
    let bytes = key.get(keys::POSITION_BYTES..).unwrap_or_default();
    Ok(Some(AccAddress::from_bytes(bytes)?.to_string()))
}

fn contracts_by_code(
    cx: &Cx,
    r: wire::QueryContractsByCodeRequest,
) -> Result<wire::QueryContractsByCodeResponse> {
    require_code_id(r.code_id)?;
    let kv = cx.kv(keys::STORE).under(&keys::by_code(r.code_id));
    let (contracts, pagination) = paginate(&kv, Some(&page(r.pagination)?), |key, _| indexed(key))?;
    Ok(wire::QueryContractsByCodeResponse {
        contracts,
        pagination: Some(pagination),
    })
}

fn contracts_by_creator(
    cx: &Cx,
    r: wire::QueryContractsByCreatorRequest,
) -> Result<wire::QueryContractsByCreatorResponse> {
    let page = page(r.pagination)?;
    let creator = AccAddress::from_bech32(&r.creator_address)?;
    let kv = cx.kv(keys::STORE).under(&keys::by_creator(&creator));
    let (contract_addresses, pagination) = paginate(&kv, Some(&page), |key, _| indexed(key))?;
    Ok(wire::QueryContractsByCreatorResponse {
        contract_addresses,
        pagination: Some(pagination),
    })
}

fn all_state(cx: &Cx, r: wire::QueryAllContractStateRequest) -> Result<wire::QueryAllContractStateResponse> {
    let contract = existing(cx, &r.address)?;
    let kv = cx.kv(keys::STORE).under(&keys::contract_state(&contract));
    let (models, pagination) = paginate(&kv, Some(&page(r.pagination)?), |key, value| {
        Ok(Some(wire::Model {
            key: key.to_vec(),
            value: value.to_vec(),
        }))
    })?;
    Ok(wire::QueryAllContractStateResponse {
        models,
        pagination: Some(pagination),
    })
}

fn raw_state(cx: &Cx, r: wire::QueryRawContractStateRequest) -> Result<wire::QueryRawContractStateResponse> {
    let contract = existing(cx, &r.address)?;
    let key = [keys::contract_state(&contract), r.query_data].concat();
    let data = cx.kv(keys::STORE).get(&key)?.unwrap_or_default();
    Ok(wire::QueryRawContractStateResponse { data })
}

fn existing(cx: &Cx, text: &str) -> Result<AccAddress> {
    let contract = AccAddress::from_bech32(text)?;
    if !state::has_contract(cx, &contract)? {
        return Err(state::no_such_contract(&contract));
    }
    Ok(contract)
}

fn smart(
    wasm: &Wasm,
    cx: &Cx,
    router: &Arc<dyn Router>,
    r: wire::QuerySmartContractStateRequest,
) -> Result<wire::QuerySmartContractStateResponse> {
    if !json::is_valid(&r.query_data) {
        return Err(sdk::INVALID_REQUEST.wrap("invalid query data"));
    }
    let contract = AccAddress::from_bech32(&r.address)?;
    let limit = cx.gas.remaining().min(limits::QUERY_GAS);
    let inner = cx.with_gas(GasMeter::limited(limit));
    let data = keeper::smart_query(wasm, &inner, router, &contract, &r.query_data);
    // The limit is of one question: messages, and queries that ask many, pay for each.
    cx.gas.consume(inner.gas.consumed(), "smart query")?;
    Ok(wire::QuerySmartContractStateResponse { data: data? })
}

fn require_code_id(id: u64) -> Result<()> {
    if id == 0 {
        return Err(errors::INVALID.wrap("code id"));
    }
    Ok(())
}

fn describe(code_id: u64, info: CodeInfo) -> CodeInfoResponse {
    CodeInfoResponse {
        code_id,
        creator: info.creator,
        data_hash: info.code_hash,
        instantiate_permission: info.instantiate_config,
    }
}

fn code(wasm: &Wasm, cx: &Cx, r: wire::QueryCodeRequest) -> Result<wire::QueryCodeResponse> {
    require_code_id(r.code_id)?;
    let info = state::require_code(cx, r.code_id)?;
    let data = wasm.load_code(&info.code_hash)?;
    Ok(wire::QueryCodeResponse {
        code_info: Some(describe(r.code_id, info)),
        data,
    })
}

fn codes(cx: &Cx, r: wire::QueryCodesRequest) -> Result<wire::QueryCodesResponse> {
    let kv = cx.kv(keys::STORE).under(&[keys::CODE]);
    let (code_infos, pagination) = paginate(&kv, Some(&page(r.pagination)?), |key, value| {
        let id = keys::id_of(key).unwrap_or_default();
        Ok(Some(describe(id, state::decode(value)?)))
    })?;
    Ok(wire::QueryCodesResponse {
        code_infos,
        pagination: Some(pagination),
    })
}

fn code_info(cx: &Cx, r: wire::QueryCodeInfoRequest) -> Result<wire::QueryCodeInfoResponse> {
    require_code_id(r.code_id)?;
    let info = state::require_code(cx, r.code_id)?;
    Ok(wire::QueryCodeInfoResponse {
        code_id: r.code_id,
        creator: info.creator,
        checksum: info.code_hash,
        instantiate_permission: info.instantiate_config,
    })
}

fn pinned_codes(cx: &Cx, r: wire::QueryPinnedCodesRequest) -> Result<wire::QueryPinnedCodesResponse> {
    let kv = cx.kv(keys::STORE).under(&[keys::PINNED]);
    let (code_ids, pagination) = paginate(&kv, Some(&page(r.pagination)?), |key, _| Ok(keys::id_of(key)))?;
    Ok(wire::QueryPinnedCodesResponse {
        code_ids,
        pagination: Some(pagination),
    })
}

fn build_address(cx: &Cx, r: wire::QueryBuildAddressRequest) -> Result<wire::QueryBuildAddressResponse> {
    cx.gas.consume(gas::BUILD_ADDRESS, "build address")?;
    let bad = |what: &str, why: &dyn std::fmt::Display| -> Error {
        sdk::INVALID_REQUEST.wrap(format!("invalid {what}: {why}"))
    };
    let checksum = hex::decode(&r.code_hash).map_err(|e| bad("code hash", &e))?;
    if checksum.len() != 32 {
        return Err(bad("code hash", &"must have 32 bytes"));
    }
    let creator = AccAddress::from_bech32(&r.creator_address).map_err(|e| bad("creator address", &e))?;
    let salt = hex::decode(&r.salt).map_err(|e| bad("salt", &e))?;
    if salt.is_empty() || salt.len() > limits::SALT_BYTES {
        return Err(bad("salt", &"must have 1 to 64 bytes"));
    }
    if !r.init_args.is_empty() && !json::is_valid(&r.init_args) {
        return Err((&errors::INVALID).into());
    }
    let address = address::predictable(&checksum, &creator, &salt, &r.init_args)?.to_string();
    Ok(wire::QueryBuildAddressResponse { address })
}
