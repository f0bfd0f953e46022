//! Entry points of the probe.
use cosmwasm_std::{
    entry_point, from_json, to_json_binary, to_json_vec, BankMsg, Binary, Deps, DepsMut, Empty, Env,
    MessageInfo, Reply, Response, StdError, StdResult, SubMsg, SubMsgResult, WasmMsg,
};

use crate::msg::{ExecuteMsg, InstantiateMsg, LastReply, MigrateMsg, QueryMsg, Stakes, SudoMsg};

const LAST_REPLY: &[u8] = b"last_reply";
/// A reply with this id fails.
const FAIL_IN_REPLY: u64 = u64::MAX;
/// A reply with this id asks for another one like it.
const RECURSE_IN_REPLY: u64 = u64::MAX - 1;
/// A reply whose payload starts so answers with the rest of it as data.
const DATA_MARK: &[u8] = b"data:";

fn data_key(key: &str) -> Vec<u8> {
    [b"data/", key.as_bytes()].concat()
}

/// Answers with the attributes and submessages asked for.
#[entry_point]
pub fn instantiate(deps: DepsMut, _env: Env, _info: MessageInfo, msg: InstantiateMsg) -> StdResult<Response> {
    for (key, value) in &msg.set {
        deps.storage.set(&data_key(key), value.as_bytes());
    }
    Ok(Response::new()
        .add_attributes(msg.attrs)
        .add_submessages(msg.msgs))
}

/// Does what the test asks. The wasm export stands in `rubbish`, which must answer with broken bytes.
pub fn execute(deps: DepsMut, env: Env, _info: MessageInfo, msg: ExecuteMsg) -> StdResult<Response> {
    let response = Response::new();
    match msg {
        ExecuteMsg::Echo { attrs, events, data } => {
            let mut response = response.add_attributes(attrs).add_events(events);
            response.data = data;
            Ok(response)
        }
        ExecuteMsg::BankSend { to, amount } => Ok(response.add_message(BankMsg::Send {
            to_address: to,
            amount,
        })),
        ExecuteMsg::Sub { msgs } => Ok(response.add_submessages(msgs)),
        ExecuteMsg::Set { key, value } => {
            deps.storage.set(&data_key(&key), value.as_bytes());
            Ok(response)
        }
        ExecuteMsg::Fail {} => Err(StdError::msg("probe failed as asked")),
        ExecuteMsg::Panic {} => panic!("probe panicked as asked"),
        ExecuteMsg::Loop {} => run_forever(),
        ExecuteMsg::Recurse { depth } => Ok(match depth.checked_sub(1) {
            Some(depth) => response.add_message(call_self(&env, &ExecuteMsg::Recurse { depth })?),
            None => response.add_attribute("recursed", "done"),
        }),
        ExecuteMsg::QueryRecurse { depth } => {
            let reached: u32 = deps
                .querier
                .query_wasm_smart(&env.contract.address, &QueryMsg::Recurse { depth })?;
            Ok(response.set_data(to_json_binary(&reached)?))
        }
        ExecuteMsg::Ask { request } => {
            Ok(response.set_data(to_json_binary(&deps.querier.raw_query(&request))?))
        }
        ExecuteMsg::BigData { len } => Ok(response.set_data(vec![0; len as usize])),
        ExecuteMsg::BigWrite { len } => {
            deps.storage.set(&data_key("big"), &vec![b'x'; len as usize]);
            Ok(response)
        }
        ExecuteMsg::BadReply {} => Ok(response),
        ExecuteMsg::FailInReply {} => {
            let call = call_self(&env, &ExecuteMsg::Recurse { depth: 0 })?;
            Ok(response.add_submessage(SubMsg::reply_always(call, FAIL_IN_REPLY)))
        }
        ExecuteMsg::RecurseInReply {} => Ok(response.add_submessage(recurse_in_reply(&env)?)),
        ExecuteMsg::Receive { sender, amount, msg } => Ok(response
            .add_attribute("received_from", sender)
            .add_attribute("received", amount)
            .add_attribute("words", msg.to_base64())),
    }
}

fn call_self(env: &Env, msg: &ExecuteMsg) -> StdResult<WasmMsg> {
    Ok(WasmMsg::Execute {
        contract_addr: env.contract.address.to_string(),
        msg: to_json_binary(msg)?,
        funds: vec![],
    })
}

fn recurse_in_reply(env: &Env) -> StdResult<SubMsg> {
    let call = call_self(env, &ExecuteMsg::Recurse { depth: 0 })?;
    Ok(SubMsg::reply_always(call, RECURSE_IN_REPLY))
}

fn run_forever() -> ! {
    let mut counter = 0u64;
    loop {
        counter = core::hint::black_box(counter.wrapping_add(1));
    }
}

/// Keeps the reply for [`QueryMsg::LastReply`].
#[entry_point]
pub fn reply(deps: DepsMut, env: Env, reply: Reply) -> StdResult<Response> {
    if reply.id == FAIL_IN_REPLY {
        return Err(StdError::msg("probe failed in reply as asked"));
    }
    if reply.id == RECURSE_IN_REPLY {
        return Ok(Response::new().add_submessage(recurse_in_reply(&env)?));
    }
    let mut response = Response::new().add_attribute("reply_id", reply.id.to_string());
    response.data = reply.payload.strip_prefix(DATA_MARK).map(Binary::from);
    let mut last = LastReply {
        id: reply.id,
        payload: reply.payload,
        gas_used: reply.gas_used,
        success: reply.result.is_ok(),
        error: None,
        data: None,
        msg_responses: vec![],
        events: vec![],
    };
    match reply.result {
        SubMsgResult::Err(error) => last.error = Some(error),
        SubMsgResult::Ok(result) => {
            last.events = result.events;
            last.msg_responses = result
                .msg_responses
                .into_iter()
                .map(|r| (r.type_url, r.value))
                .collect();
            #[allow(deprecated)] // Older contracts read it, so the host must fill it.
            {
                last.data = result.data;
            }
        }
    }
    deps.storage.set(LAST_REPLY, &to_json_vec(&last)?);
    Ok(response)
}

/// Notes the migration.
#[entry_point]
pub fn migrate(deps: DepsMut, _env: Env, msg: MigrateMsg) -> StdResult<Response> {
    deps.storage.set(&data_key("migrated"), msg.note.as_bytes());
    Ok(Response::new().add_attribute("migrated", msg.note))
}

/// Does what the chain asks.
#[entry_point]
pub fn sudo(deps: DepsMut, _env: Env, msg: SudoMsg) -> StdResult<Response> {
    match &msg {
        SudoMsg::Set { key, value } => {
            deps.storage.set(&data_key(key), value.as_bytes());
            Ok(Response::new().add_attribute("sudo", key))
        }
        SudoMsg::Fail {} => Err(StdError::msg("probe failed in sudo as asked")),
        SudoMsg::EndBlock {} => play(deps, "end_block", &msg),
        SudoMsg::EndEpoch { .. } => play(deps, "end_epoch", &msg),
        SudoMsg::Misbehavior { .. } => play(deps, "misbehavior", &msg),
    }
}

/// Plays a hook's script.
fn play(deps: DepsMut, hook: &str, msg: &SudoMsg) -> StdResult<Response> {
    let script = deps.storage.get(&data_key(hook)).unwrap_or_default();
    deps.storage
        .set(&data_key(&["seen/", hook].concat()), &to_json_vec(msg)?);
    match script.as_slice() {
        b"fail" => Err(StdError::msg("probe failed in sudo as asked")),
        b"panic" => panic!("probe panicked as asked"),
        b"loop" => run_forever(),
        b"" => Ok(Response::new()),
        data => Ok(Response::new().set_data(data)),
    }
}

/// Reads what the test asks.
#[entry_point]
pub fn query(deps: Deps<Empty>, env: Env, msg: QueryMsg) -> StdResult<Binary> {
    match msg {
        QueryMsg::Get { key } => {
            let value = deps
                .storage
                .get(&data_key(&key))
                .map(String::from_utf8)
                .transpose();
            to_json_binary(&value.map_err(|_| StdError::msg("the stored value is not text"))?)
        }
        QueryMsg::Env {} => to_json_binary(&env),
        QueryMsg::Recurse { depth } => {
            let reached: u32 = match depth.checked_sub(1) {
                Some(depth) => {
                    let below: u32 = deps
                        .querier
                        .query_wasm_smart(&env.contract.address, &QueryMsg::Recurse { depth })?;
                    below + 1
                }
                None => 0,
            };
            to_json_binary(&reached)
        }
        QueryMsg::LastReply {} => {
            let last: Option<LastReply> = deps.storage.get(LAST_REPLY).map(from_json).transpose()?;
            to_json_binary(&last)
        }
        QueryMsg::Chain { request } => to_json_binary(&deps.querier.raw_query(&request)),
        QueryMsg::Stakes { delegator, validator } => {
            let querier = deps.querier;
            to_json_binary(&Stakes {
                bonded_denom: querier.query_bonded_denom()?,
                all_validators: querier.query_all_validators()?,
                validator: querier.query_validator(&validator)?,
                all_delegations: querier.query_all_delegations(&delegator)?,
                delegation: querier.query_delegation(&delegator, &validator)?,
                withdraw_address: querier.query_delegator_withdraw_address(&delegator)?,
                rewards: querier.query_delegation_rewards(&delegator, &validator).ok(),
                total_rewards: querier.query_delegation_total_rewards(&delegator)?,
                delegator_validators: querier.query_delegator_validators(&delegator)?,
            })
        }
        QueryMsg::Loop {} => run_forever(),
    }
}
