//! Entry points.

use cosmwasm_std::{entry_point, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Reply, Response};
use quern_interface::settlement::{ExecuteMsg, InstantiateMsg, QueryMsg, Totals};
use quern_interface::sudo::SudoMsg;
use quern_interface::version;

use crate::error::{ContractError, Result};
use crate::state::{Config, CONFIG, HORIZON, LAST_FAULT, LAST_SESSION, PARAMS, TOTALS, WAITING};
use crate::{funds, handlers, query as answers};

const NAME: &str = "quern-settlement";
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
        price_source: deps.api.addr_validate(&msg.price_source)?,
        audits: handlers::validate_audits(deps.as_ref(), msg.audits.as_deref())?,
        judges: handlers::validate_judges(deps.as_ref(), &msg.judges)?,
    };
    CONFIG.save(deps.storage, &config)?;
    HORIZON.save(deps.storage, &handlers::horizon(&msg.params))?;
    PARAMS.save(deps.storage, &msg.params)?;
    LAST_SESSION.save(deps.storage, &0)?;
    WAITING.save(deps.storage, &0)?;
    LAST_FAULT.save(deps.storage, &0)?;
    TOTALS.save(deps.storage, &Totals::default())?;
    Ok(Response::new().add_attribute("action", "instantiate"))
}

/// Handles a message.
///
/// # Errors
/// See [`ContractError`]; nothing changes then.
#[entry_point]
pub fn execute(deps: DepsMut, env: Env, info: MessageInfo, msg: ExecuteMsg) -> Result<Response> {
    if !matches!(msg, ExecuteMsg::OpenSession { .. } | ExecuteMsg::FundRouter {}) {
        funds::none(&info)?;
    }
    match msg {
        ExecuteMsg::OpenSession {
            model,
            max_price,
            router,
            router_fee_bps,
            session_key,
            agent,
            signed_by,
            blocks,
            consent,
            max_fee,
        } => {
            let asked = handlers::Asked {
                model,
                max_price,
                router,
                router_fee_bps,
                session_key,
                agent,
                signed_by,
                blocks,
                consent,
                max_fee,
            };
            handlers::open(deps, env, info, asked)
        }
        ExecuteMsg::CloseSession { session } => handlers::close_session(deps, env, info, session),
        ExecuteMsg::CommitBatch {
            sequence,
            root,
            sessions,
            models,
        } => {
            let given = handlers::Given {
                sequence,
                root,
                sessions,
                models,
            };
            handlers::commit(deps, env, info, given)
        }
        ExecuteMsg::Settle {
            host,
            voucher,
            signature,
            leaf,
            batch,
            proof,
        } => {
            let claim = handlers::Claim {
                host,
                voucher,
                signature,
                leaf,
                batch,
                proof,
            };
            handlers::settle(deps, env, claim)
        }
        ExecuteMsg::PresentRelease { release, signature } => {
            handlers::present_release(deps, env, release, signature)
        }
        ExecuteMsg::Rebalance {
            session,
            from,
            to,
            amount,
        } => handlers::rebalance(deps, env, info, session, (from, to), amount),
        ExecuteMsg::ExecuteRebalance { session, from } => {
            handlers::execute_rebalance(deps, env, session, from)
        }
        ExecuteMsg::Close { session } => handlers::close(deps, env, session),
        ExecuteMsg::ClaimRefund { to } => handlers::claim_refund(deps, info, &to),
        ExecuteMsg::NoteMisses { session, misses } => {
            handlers::note_misses(deps, env, info, session, &misses)
        }
        ExecuteMsg::ProveFault { host, fault } => handlers::prove_fault(deps, env, info, host, &fault),
        ExecuteMsg::Convict {
            host,
            model,
            generation,
            slash,
        } => handlers::convict(deps, env, info, (host, model), generation, slash),
        ExecuteMsg::Freeze { host, frozen } => handlers::freeze(deps, info, host, frozen),
        ExecuteMsg::Forfeit { host, amount } => handlers::forfeit(deps, info, host, amount),
        ExecuteMsg::SetJudges { judges } => handlers::set_judges(deps, info, judges),
        ExecuteMsg::SetAudits { audits } => handlers::set_audits(deps, info, audits.as_deref()),
        ExecuteMsg::FundRouter {} => handlers::fund_router(deps, info),
        ExecuteMsg::DefundRouter { amount } => handlers::defund_router(deps, info, amount),
        ExecuteMsg::UpdateParams(params) => handlers::update_params(deps, info, params),
    }
}

/// What the application calls: the block's end draws committees.
///
/// # Errors
/// Any other call, or storage.
#[entry_point]
pub fn sudo(deps: DepsMut, env: Env, msg: SudoMsg) -> Result<Response> {
    match msg {
        SudoMsg::EndBlock {} => handlers::end_block(deps, env),
        SudoMsg::Misbehavior(_) | SudoMsg::EndEpoch { .. } => {
            Err(ContractError::Unauthorized("the hook of another contract"))
        }
    }
}

/// What came of a payment or of a slash.
///
/// # Errors
/// An answer that this contract did not ask for.
#[entry_point]
pub fn reply(deps: DepsMut, env: Env, reply: Reply) -> Result<Response> {
    handlers::reply(deps, env, reply)
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
