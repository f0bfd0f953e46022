//! Calls of existing contracts: execute, sudo, reply, query.

use std::sync::Arc;

use quern_context::{Cx, Router};
use quern_types::{AccAddress, Coins, Event, Result};

use super::{
    Wasm,
    call::{Call, Entry},
    code_store, funds,
};
use crate::{
    dispatch, errors, gas,
    json::{self, MessageInfo, Reply, WireCoin},
    limits, state,
};

/// Data that a contract hands to its caller; absent differs from empty where replies override it.
pub(crate) type Data = Option<Vec<u8>>;

/// Runs `execute` of a contract.
pub(crate) fn execute(
    wasm: &Wasm,
    cx: &Cx,
    router: &Arc<dyn Router>,
    contract: &AccAddress,
    sender: &AccAddress,
    msg: &[u8],
    coins: &Coins,
) -> Result<Data> {
    let (info, code) = state::instance(cx, contract)?;
    let call = Call {
        wasm,
        cx,
        router,
        contract,
        checksum: code_store::checksum(&code.code_hash)?,
    };
    call.charge_setup(
        state::is_pinned(cx, info.code_id)?,
        "Loading CosmWasm module: execute",
    )?;
    funds::deposit(cx, sender, contract, coins)?;
    let sender = json::to_vec(&MessageInfo {
        sender: sender.to_string(),
        funds: WireCoin::list(coins),
    })?;
    let response = call.run(&Entry::Execute { info: sender, msg }, &errors::EXECUTE_FAILED)?;
    cx.emit(Event::new("execute").with("_contract_address", contract));
    dispatch::handle(wasm, cx, router, contract, &info.ibc_port_id, response)
}

/// Runs `sudo` of a contract.
pub(crate) fn sudo(
    wasm: &Wasm,
    cx: &Cx,
    router: &Arc<dyn Router>,
    contract: &AccAddress,
    msg: &[u8],
) -> Result<Data> {
    let (info, code) = state::instance(cx, contract)?;
    let call = Call {
        wasm,
        cx,
        router,
        contract,
        checksum: code_store::checksum(&code.code_hash)?,
    };
    call.charge_setup(
        state::is_pinned(cx, info.code_id)?,
        "Loading CosmWasm module: sudo",
    )?;
    let response = call.run(&Entry::Sudo { msg }, &errors::EXECUTE_FAILED)?;
    cx.emit(Event::new("sudo").with("_contract_address", contract));
    dispatch::handle(wasm, cx, router, contract, &info.ibc_port_id, response)
        .map_err(|e| dispatch::context(e, cx, "dispatch"))
}

/// Runs `reply` of a contract.
pub(crate) fn reply(
    wasm: &Wasm,
    cx: &Cx,
    router: &Arc<dyn Router>,
    contract: &AccAddress,
    reply: &Reply,
) -> Result<Data> {
    let (info, code) = state::instance(cx, contract)?;
    let call = Call {
        wasm,
        cx,
        router,
        contract,
        checksum: code_store::checksum(&code.code_hash)?,
    };
    cx.gas
        .consume(gas::reply(reply), "Loading CosmWasm module: reply")?;
    let reply = json::to_vec(reply)?;
    let response = call.run(&Entry::Reply { reply }, &errors::EXECUTE_FAILED)?;
    cx.emit(Event::new("reply").with("_contract_address", contract));
    dispatch::handle(wasm, cx, router, contract, &info.ibc_port_id, response)
        .map_err(|e| dispatch::context(e, cx, "dispatch"))
}

/// Asks a contract.
pub(crate) fn smart_query(
    wasm: &Wasm,
    cx: &Cx,
    router: &Arc<dyn Router>,
    contract: &AccAddress,
    msg: &[u8],
) -> Result<Vec<u8>> {
    let mut cx = cx.clone();
    cx.calls.query_depth = cx.calls.query_depth.saturating_add(1);
    if cx.calls.query_depth > limits::QUERY_DEPTH {
        return Err((&errors::QUERY_STACK).into());
    }
    let (info, code) = state::instance(&cx, contract)?;
    let call = Call {
        wasm,
        cx: &cx,
        router,
        contract,
        checksum: code_store::checksum(&code.code_hash)?,
    };
    call.charge_setup(
        state::is_pinned(&cx, info.code_id)?,
        "Loading CosmWasm module: query",
    )?;
    call.ask(msg)
}
