//! Entry points.

use cosmwasm_std::{entry_point, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Response};
use quern_interface::rewards::{ExecuteMsg, InstantiateMsg, QueryMsg, Totals};
use quern_interface::sudo::SudoMsg;
use quern_interface::version;

use crate::activation::Activation;
use crate::error::{ContractError, Result};
use crate::state::{Config, ACTIVATION, CONFIG, PARAMS, TOTALS, UTILISATION, VESTED_EPOCH};
use crate::{funds, handlers, query as answers};

const NAME: &str = "quern-rewards";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Sets the contract up.
///
/// # Errors
/// A parameter that breaks a rule.
#[entry_point]
pub fn instantiate(deps: DepsMut, _env: Env, info: MessageInfo, msg: InstantiateMsg) -> Result<Response> {
    funds::none(&info)?;
    cw2::set_contract_version(deps.storage, NAME, VERSION)?;
    handlers::check_params(&msg.params)?;
    let config = Config {
        authority: deps.api.addr_validate(&msg.authority)?,
        registry: deps.api.addr_validate(&msg.registry)?,
        bonding: deps.api.addr_validate(&msg.bonding)?,
        settlement: deps.api.addr_validate(&msg.settlement)?,
        weights: deps.api.addr_validate(&msg.weights)?,
        pricing: deps.api.addr_validate(&msg.pricing)?,
        community_pool: deps.api.addr_validate(&msg.community_pool)?,
    };
    CONFIG.save(deps.storage, &config)?;
    PARAMS.save(deps.storage, &msg.params)?;
    TOTALS.save(deps.storage, &Totals::default())?;
    ACTIVATION.save(deps.storage, &Activation::default())?;
    UTILISATION.save(deps.storage, &0)?;
    VESTED_EPOCH.save(deps.storage, &0)?;
    Ok(Response::new().add_attribute("action", "instantiate"))
}

/// Handles a message.
///
/// # Errors
/// See [`ContractError`]; nothing changes then.
#[entry_point]
pub fn execute(deps: DepsMut, _env: Env, info: MessageInfo, msg: ExecuteMsg) -> Result<Response> {
    match msg {
        ExecuteMsg::Claim { host } => handlers::claim(deps, info, host),
        ExecuteMsg::Pay { host, to, amount } => handlers::pay(deps, info, host, to, amount),
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
        SudoMsg::EndEpoch { epoch, .. } => handlers::end_epoch(deps, env, epoch),
        SudoMsg::EndBlock {} => handlers::end_block(deps),
        SudoMsg::Misbehavior(_) => Err(ContractError::NotHandled("misbehavior")),
    }
}

/// Answers a question.
///
/// # Errors
/// See [`ContractError`].
#[entry_point]
pub fn query(deps: Deps, _env: Env, msg: QueryMsg) -> Result<Binary> {
    answers::answer(deps, msg)
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
