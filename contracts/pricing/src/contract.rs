//! Entry points.

use cosmwasm_std::{entry_point, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Response};
use quern_interface::pricing::{ExecuteMsg, InstantiateMsg, QueryMsg};
use quern_interface::sudo::SudoMsg;
use quern_interface::version;

use crate::error::{ContractError, Result};
use crate::state::{Config, CONFIG, PARAMS};
use crate::{params, query as answers, quote, update};

const NAME: &str = "quern-pricing";
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn no_funds(info: &MessageInfo) -> Result<()> {
    if info.funds.is_empty() {
        Ok(())
    } else {
        Err(ContractError::WrongFunds)
    }
}

/// Sets the contract up.
///
/// # Errors
/// A parameter that breaks a rule.
#[entry_point]
pub fn instantiate(mut deps: DepsMut, _env: Env, info: MessageInfo, msg: InstantiateMsg) -> Result<Response> {
    no_funds(&info)?;
    cw2::set_contract_version(deps.storage, NAME, VERSION)?;
    params::check(&msg.params)?;
    let config = Config {
        authority: deps.api.addr_validate(&msg.authority)?,
        registry: deps.api.addr_validate(&msg.registry)?,
        settlement: deps.api.addr_validate(&msg.settlement)?,
        poc_weights: msg
            .poc_weights
            .map(|address| deps.api.addr_validate(&address))
            .transpose()?,
    };
    CONFIG.save(deps.storage, &config)?;
    quote::set(deps.branch(), &msg.params.quote)?;
    PARAMS.save(deps.storage, &msg.params)?;
    Ok(Response::new().add_attribute("action", "instantiate"))
}

/// Handles a message.
///
/// # Errors
/// See [`ContractError`]; nothing changes then.
#[entry_point]
pub fn execute(deps: DepsMut, env: Env, info: MessageInfo, msg: ExecuteMsg) -> Result<Response> {
    no_funds(&info)?;
    match msg {
        ExecuteMsg::UpdateParams(params) => params::update(deps, info, params),
        ExecuteMsg::PostQuote { usd } => quote::post(deps, &env, info, usd),
    }
}

/// What the application calls: the block's end updates prices.
///
/// # Errors
/// Any other call, or storage.
#[entry_point]
pub fn sudo(deps: DepsMut, env: Env, msg: SudoMsg) -> Result<Response> {
    match msg {
        SudoMsg::EndBlock {} => update::end_block(deps, &env),
        SudoMsg::Misbehavior(_) | SudoMsg::EndEpoch { .. } => {
            Err(ContractError::Unauthorized("the hook of another contract"))
        }
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
