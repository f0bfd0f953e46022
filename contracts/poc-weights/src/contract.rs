//! Entry points.

use cosmwasm_std::{entry_point, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Response};
use quern_interface::poc_weights::{ExecuteMsg, InstantiateMsg, QueryMsg};
use quern_interface::sudo::SudoMsg;
use quern_interface::version;

use crate::error::{ContractError, Result};
use crate::state::{Config, Epoch, CONFIG, EPOCH, LAST_SPRINT, PARAMS};
use crate::{handlers, hooks, query as answers};

const NAME: &str = "quern-poc-weights";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Most judges.
const MAX_JUDGES: usize = 16;

/// Sets the contract up; the first epoch begins with this block.
///
/// # Errors
/// A parameter or a model that breaks a rule.
#[entry_point]
pub fn instantiate(mut deps: DepsMut, env: Env, info: MessageInfo, msg: InstantiateMsg) -> Result<Response> {
    no_funds(&info)?;
    cw2::set_contract_version(deps.storage, NAME, VERSION)?;
    handlers::check_params(&msg.params)?;
    if msg.judges.len() > MAX_JUDGES {
        return Err(ContractError::BadParams("more than 16 judges"));
    }
    let judges = msg.judges.iter().map(|judge| deps.api.addr_validate(judge));
    let config = Config {
        authority: deps.api.addr_validate(&msg.authority)?,
        registry: deps.api.addr_validate(&msg.registry)?,
        bonding: deps.api.addr_validate(&msg.bonding)?,
        judges: judges.collect::<Result<_, _>>()?,
    };
    CONFIG.save(deps.storage, &config)?;
    PARAMS.save(deps.storage, &msg.params)?;
    let epoch = Epoch {
        number: 1,
        start: env.block.height,
        first: 1,
        windows: 0,
    };
    EPOCH.save(deps.storage, &epoch)?;
    LAST_SPRINT.save(deps.storage, &0)?;
    handlers::put_models(&mut deps, msg.models)?;
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
        ExecuteMsg::CommitProof {
            sprint,
            model,
            root,
            count,
        } => handlers::commit(deps, env, info, sprint, model, (root, count)),
        ExecuteMsg::Judge {
            host,
            model,
            sprint,
            clean,
            failed,
        } => handlers::judge(deps, env, info, (sprint, host, model), clean, failed),
        ExecuteMsg::SetModels { models } => handlers::set_models(deps, info, models),
        ExecuteMsg::UpdateParams(params) => handlers::update_params(deps, info, params),
    }
}

/// What the application calls.
///
/// # Errors
/// See [`ContractError`]; nothing changes then.
#[entry_point]
pub fn sudo(deps: DepsMut, env: Env, msg: SudoMsg) -> Result<Response> {
    match msg {
        SudoMsg::EndBlock {} => hooks::end_block(deps, env),
        SudoMsg::EndEpoch { epoch, validators } => hooks::end_epoch(deps, env, epoch, &validators),
        SudoMsg::Misbehavior(_) => Err(ContractError::Unauthorized("the hook of another contract")),
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

fn no_funds(info: &MessageInfo) -> Result<()> {
    if info.funds.is_empty() {
        return Ok(());
    }
    Err(ContractError::WrongFunds)
}
