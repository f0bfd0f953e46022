//! Entry points.

use cosmwasm_std::{entry_point, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Response};
use quern_interface::registry::{ExecuteMsg, InstantiateMsg, QueryMsg};
use quern_interface::version;
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::state::{Config, CONFIG, PARAMS};
use crate::{funds, handlers, query as answers};

const NAME: &str = "quern-registry";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Most judges and most models at launch.
const MAX_LIST: usize = 16;

/// Sets the contract up.
///
/// # Errors
/// A parameter or a model that breaks a rule.
#[entry_point]
pub fn instantiate(deps: DepsMut, env: Env, info: MessageInfo, msg: InstantiateMsg) -> Result<Response> {
    funds::expect(&info, Amount::ZERO, "")?;
    cw2::set_contract_version(deps.storage, NAME, VERSION)?;
    handlers::check_params(&msg.params)?;
    if msg.judges.len() > MAX_LIST || msg.models.len() > MAX_LIST {
        return Err(ContractError::TooMany(MAX_LIST as u32));
    }
    let judges = msg.judges.iter().map(|judge| deps.api.addr_validate(judge));
    let config = Config {
        authority: deps.api.addr_validate(&msg.authority)?,
        bonding: deps.api.addr_validate(&msg.bonding)?,
        judges: judges.collect::<Result<_, _>>()?,
    };
    CONFIG.save(deps.storage, &config)?;
    PARAMS.save(deps.storage, &msg.params)?;
    for model in &msg.models {
        handlers::launch(deps.storage, env.block.height, model)?;
    }
    Ok(Response::new().add_attribute("action", "instantiate"))
}

/// Handles a message.
///
/// # Errors
/// See [`ContractError`]; nothing changes then.
#[entry_point]
pub fn execute(deps: DepsMut, env: Env, info: MessageInfo, msg: ExecuteMsg) -> Result<Response> {
    match msg {
        ExecuteMsg::RegisterHost(details) => handlers::register(deps, env, info, details),
        ExecuteMsg::UpdateHost(update) => handlers::update(deps, info, update),
        ExecuteMsg::RotateWarmKey { warm_key } => handlers::rotate_warm_key(deps, env, info, warm_key),
        ExecuteMsg::SetBeaconAnchor { anchor } => handlers::set_beacon_anchor(deps, info, anchor),
        ExecuteMsg::SetOffers { offers } => handlers::set_offers(deps, info, offers),
        ExecuteMsg::DeclareMaintenance { from, to } => handlers::declare(deps, env, info, from, to),
        ExecuteMsg::RetireHost {} => handlers::retire(deps, info),
        ExecuteMsg::Requalify { model } => handlers::requalify(deps, env, info, model),
        ExecuteMsg::RegisterRouter(details) => handlers::register_router(deps, info, details),
        ExecuteMsg::UpdateRouter(details) => handlers::update_router(deps, info, details),
        ExecuteMsg::RetireRouter {} => handlers::retire_router(deps, info),
        ExecuteMsg::SetBond { host, bond } => handlers::set_bond(deps, info, host, bond),
        ExecuteMsg::Tombstone { host } => handlers::tombstone(deps, info, host),
        ExecuteMsg::Convict { host, model } => handlers::convict(deps, env, info, host, model),
        ExecuteMsg::PutModel(model) => handlers::put_model(deps, env, info, model),
        ExecuteMsg::SetModelState { model, state } => handlers::set_model_state(deps, info, model, state),
        ExecuteMsg::UpdateParams(params) => handlers::update_params(deps, info, params),
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
