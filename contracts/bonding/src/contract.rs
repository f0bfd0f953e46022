//! Entry points.

use cosmwasm_std::{entry_point, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Response};
use quern_interface::bonding::{ExecuteMsg, InstantiateMsg, QueryMsg, Totals};
use quern_interface::sudo::SudoMsg;
use quern_interface::version;

use crate::error::{ContractError, Result};
use crate::state::{Config, CONFIG, PARAMS, SLASH_COUNT, TOTALS};
use crate::{funds, handlers, query as answers};

const NAME: &str = "quern-bonding";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Most judges.
const MAX_JUDGES: usize = 16;

/// Sets the contract up.
///
/// # Errors
/// A parameter that breaks a rule.
#[entry_point]
pub fn instantiate(deps: DepsMut, _env: Env, info: MessageInfo, msg: InstantiateMsg) -> Result<Response> {
    funds::none(&info)?;
    cw2::set_contract_version(deps.storage, NAME, VERSION)?;
    handlers::check_params(&msg.params)?;
    if msg.judges.len() > MAX_JUDGES {
        return Err(ContractError::TooMany(MAX_JUDGES as u32));
    }
    let judges = msg.judges.iter().map(|judge| deps.api.addr_validate(judge));
    let config = Config {
        authority: deps.api.addr_validate(&msg.authority)?,
        registry: deps.api.addr_validate(&msg.registry)?,
        judges: judges.collect::<Result<_, _>>()?,
        rewards: msg
            .rewards
            .map(|rewards| deps.api.addr_validate(&rewards))
            .transpose()?,
    };
    CONFIG.save(deps.storage, &config)?;
    PARAMS.save(deps.storage, &msg.params)?;
    TOTALS.save(deps.storage, &Totals::default())?;
    SLASH_COUNT.save(deps.storage, &0)?;
    Ok(Response::new().add_attribute("action", "instantiate"))
}

/// Handles a message.
///
/// # Errors
/// See [`ContractError`]; nothing changes then.
#[entry_point]
pub fn execute(deps: DepsMut, env: Env, info: MessageInfo, msg: ExecuteMsg) -> Result<Response> {
    match msg {
        ExecuteMsg::Bond { host } => handlers::bond(deps, env, info, host),
        ExecuteMsg::Unbond { host, amount } => handlers::unbond(deps, env, info, host, amount),
        ExecuteMsg::Withdraw { host } => handlers::withdraw(deps, env, info, host),
        ExecuteMsg::Move { from, to, amount } => handlers::move_position(deps, env, info, from, to, amount),
        ExecuteMsg::CancelUnbond { host, bucket, amount } => {
            handlers::cancel_unbond(deps, env, info, host, bucket, amount)
        }
        ExecuteMsg::SetOpen { open } => handlers::set_open(deps, env, info, open),
        ExecuteMsg::SetCommission { rate_bps } => handlers::set_commission(deps, info, rate_bps),
        ExecuteMsg::WithdrawCommission {} => handlers::withdraw_commission(deps, info),
        ExecuteMsg::WithdrawRewards { host, to } => handlers::withdraw_rewards(deps, info, host, to),
        ExecuteMsg::WithdrawHost { host } => handlers::withdraw_host(deps, info, host),
        ExecuteMsg::Slash {
            host,
            offence,
            fraction_bps,
            restitution,
        } => handlers::slash(deps, env, info, (host, offence), fraction_bps, restitution),
        ExecuteMsg::Freeze { host, frozen } => handlers::freeze(deps, env, info, host, frozen),
        ExecuteMsg::UpdateParams(params) => handlers::update_params(deps, info, params),
    }
}

/// Handles what only the application may say.
///
/// # Errors
/// See [`ContractError`]; nothing changes then.
#[entry_point]
pub fn sudo(deps: DepsMut, env: Env, msg: SudoMsg) -> Result<Response> {
    match msg {
        SudoMsg::Misbehavior(evidence) => handlers::misbehavior(deps, env, evidence),
        SudoMsg::EndBlock {} => handlers::end_block(deps),
        SudoMsg::EndEpoch { .. } => handlers::end_epoch(deps),
    }
}

/// Answers a question.
///
/// # Errors
/// See [`ContractError`].
#[entry_point]
pub fn query(deps: Deps, env: Env, msg: QueryMsg) -> Result<Binary> {
    answers::answer(deps, &env, msg)
}

/// Moves to this version: of this contract only, and only from one whose records it reads
/// ([`quern_interface::version::reads`]).
///
/// # Errors
/// `bad_migration`.
#[entry_point]
pub fn migrate(deps: DepsMut, _env: Env, _msg: Empty) -> Result<Response> {
    let stored = cw2::get_contract_version(deps.storage)?;
    if stored.contract != NAME || !version::reads(VERSION, &stored.version) {
        return Err(ContractError::BadMigration {
            name: stored.contract,
            version: stored.version,
        });
    }
    cw2::set_contract_version(deps.storage, NAME, VERSION)?;
    Ok(Response::new().add_attribute("action", "migrate"))
}
