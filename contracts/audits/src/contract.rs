//! Entry points.

use cosmwasm_std::{
    entry_point, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Reply, Response, SubMsgResult,
};
use quern_interface::audits::{ExecuteMsg, InstantiateMsg, QueryMsg, Totals};
use quern_interface::sudo::SudoMsg;
use quern_interface::version;

use crate::error::{ContractError, Result};
use crate::state::{Config, Round, CALIBRATIONS, CONFIG, PARAMS, ROUND, TOTALS};
use crate::table::Cell;
use crate::{funds, handlers, query as answers, steps};

const NAME: &str = "quern-audits";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Sets the contract up; the first round begins with this block.
///
/// # Errors
/// A parameter or a calibration that breaks a rule.
#[entry_point]
pub fn instantiate(deps: DepsMut, env: Env, info: MessageInfo, msg: InstantiateMsg) -> Result<Response> {
    funds::none(&info)?;
    cw2::set_contract_version(deps.storage, NAME, VERSION)?;
    handlers::check_params(&msg.params)?;
    let config = Config {
        authority: deps.api.addr_validate(&msg.authority)?,
        registry: deps.api.addr_validate(&msg.registry)?,
        bonding: deps.api.addr_validate(&msg.bonding)?,
        settlement: deps.api.addr_validate(&msg.settlement)?,
        poc_weights: msg
            .poc_weights
            .map(|address| deps.api.addr_validate(&address))
            .transpose()?,
    };
    CONFIG.write(deps.storage, &config)?;
    PARAMS.save(deps.storage, &msg.params)?;
    for (model, calibration) in &msg.calibrations {
        handlers::check_calibration(deps.storage, model, calibration)?;
        CALIBRATIONS.save(deps.storage, model, calibration)?;
    }
    let round = Round::begin(1, env.block.height, msg.params.round_blocks);
    ROUND.write(deps.storage, &round)?;
    TOTALS.write(deps.storage, &Totals::default())?;
    Ok(Response::new().add_attribute("action", "instantiate"))
}

/// Handles a message.
///
/// # Errors
/// See [`ContractError`]; nothing changes then.
#[entry_point]
pub fn execute(deps: DepsMut, env: Env, info: MessageInfo, msg: ExecuteMsg) -> Result<Response> {
    if !matches!(msg, ExecuteMsg::Fund {}) {
        funds::none(&info)?;
    }
    match msg {
        ExecuteMsg::Advance { steps } => {
            let most = PARAMS.load(deps.storage)?.steps;
            let done = steps::run(deps, env, steps.min(most))?;
            Ok(done.add_attribute("action", "advance"))
        }
        ExecuteMsg::Reveal { round, host, leaf } => handlers::reveal(deps, env, round, host, &leaf),
        ExecuteMsg::RevealProof { round, host, proof } => {
            handlers::reveal_proof(deps, env, round, host, &proof)
        }
        ExecuteMsg::GiveUp {
            round,
            host,
            source,
            end,
        } => handlers::give_up(deps, env, info, round, host, (&source, end)),
        ExecuteMsg::CommitReport {
            round,
            auditor,
            root,
            findings,
        } => handlers::commit_report(deps, env, info, round, auditor, (root, findings)),
        ExecuteMsg::RevealVotes {
            round,
            auditor,
            from,
            votes,
        } => handlers::reveal_votes(deps, env, info, round, auditor, (from, votes)),
        ExecuteMsg::Open {
            round,
            auditor,
            opening,
        } => handlers::open(deps, env, info, round, auditor, &opening),
        ExecuteMsg::CommitBallot {
            round,
            auditor,
            leaf,
            commitment,
        } => handlers::commit_ballot(deps, env, info, round, auditor, (leaf, commitment)),
        ExecuteMsg::PanelVote {
            round,
            auditor,
            leaf,
            ballot,
        } => handlers::reveal_ballot(deps, env, info, round, auditor, (leaf, &ballot)),
        ExecuteMsg::Fund {} => handlers::fund(deps, info),
        ExecuteMsg::Withdraw {} => handlers::withdraw(deps, info),
        ExecuteMsg::SetCalibration { model, calibration } => {
            handlers::set_calibration(deps, info, model, calibration)
        }
        ExecuteMsg::UpdateParams(params) => handlers::update_params(deps, info, params),
    }
}

/// What the application calls: the block's end works on the round.
///
/// # Errors
/// Any other call, or storage.
#[entry_point]
pub fn sudo(deps: DepsMut, env: Env, msg: SudoMsg) -> Result<Response> {
    match msg {
        SudoMsg::EndBlock {} => {
            let most = PARAMS.load(deps.storage)?.steps;
            steps::run(deps, env, most)
        }
        SudoMsg::Misbehavior(_) | SudoMsg::EndEpoch { .. } => {
            Err(ContractError::Unauthorized("the hook of another contract"))
        }
    }
}

/// That another contract refused what it was told: noted, as the round must go on.
///
/// # Errors
/// An answer that this contract did not ask for.
#[entry_point]
pub fn reply(deps: DepsMut, _env: Env, reply: Reply) -> Result<Response> {
    match (reply.id, reply.result) {
        (id @ (steps::TOLD | steps::FROZEN | steps::THAWED), SubMsgResult::Err(error)) => {
            if id != steps::TOLD {
                steps::not_changed(deps.storage, &reply.payload, id == steps::THAWED)?;
            }
            Ok(Response::new().add_attribute("refused", error))
        }
        _ => Err(ContractError::BadAnswer("no such reply was asked for")),
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
