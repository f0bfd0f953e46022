//! Parameters and calibrations.

use cosmwasm_std::{DepsMut, MessageInfo, Order, Response, Storage};
use quern_audit::{Calibration, MAX_CANDIDATES};
use quern_interface::audits::Params;
use quern_interface::BPS;

use crate::error::{ContractError, Result};
use crate::say;
use crate::state::{CALIBRATIONS, CONFIG, NEXT_CALIBRATIONS, NEXT_PARAMS, PARAMS};
use crate::table::Cell;

/// Most blocks of a round: keeps the sum of its batches below the bound of a draw.
const MAX_ROUND: u64 = 65_536;
/// Most leaves of one host's draw in a round.
const MAX_DRAWS: u32 = 256;
/// Most answers of one sprint and model.
const MAX_PROOF_DRAWS: u32 = 16;
/// Most first leaves of a host.
const MAX_FIRST: u64 = 256;
/// Most steps of one call.
const MAX_STEPS: u32 = 64;
/// Most positions to open.
const MAX_OPENINGS: u32 = 64;
/// Most processes of a host, so that a conviction over all models stays bounded.
const MAX_PROCESSES: u32 = 17;

/// Refuses parameters under which the contract could not work.
///
/// # Errors
/// `bad_params`.
pub fn check_params(params: &Params) -> Result<()> {
    let rule = |holds: bool, text| {
        if holds {
            Ok(())
        } else {
            Err(ContractError::BadParams(text))
        }
    };
    rule(!params.denom.is_empty(), "denom is empty")?;
    rule(
        (1..=MAX_ROUND).contains(&params.round_blocks),
        "round_blocks is not 1 to 65536",
    )?;
    let phases = [
        params.draw_delay,
        params.reveal_blocks,
        params.commit_blocks,
        params.vote_blocks,
        params.panel_blocks,
    ];
    rule(phases.iter().all(|blocks| *blocks > 0), "a phase has no blocks")?;
    rule(
        duration(params).is_some_and(|blocks| blocks <= params.round_blocks),
        "a round's audit takes longer than a round",
    )?;
    rule(params.max_draws <= MAX_DRAWS, "max_draws is above 256")?;
    rule(params.max_draws > 0, "max_draws is zero")?;
    rule(params.proof_draws <= MAX_PROOF_DRAWS, "proof_draws is above 16")?;
    rule(!params.mean_capture.is_zero(), "mean_capture is zero")?;
    rule(
        (1..=MAX_CANDIDATES as u32).contains(&params.max_candidates),
        "max_candidates is not 1 to 1024",
    )?;
    rule((1..=MAX_STEPS).contains(&params.steps), "steps is not 1 to 64")?;
    rule(
        (1..=MAX_OPENINGS).contains(&params.openings),
        "openings is not 1 to 64",
    )?;
    rule(
        params.rates.first_leaves <= MAX_FIRST,
        "first_leaves is above 256",
    )?;
    rule(
        params.evidence.processes <= MAX_PROCESSES,
        "processes is above 17",
    )?;
    rule(
        u128::from(params.leaf_pay_bps) <= BPS,
        "leaf_pay_bps is above 10000",
    )?;
    params.profile.validate()?;
    params.evidence.validate()?;
    Ok(params.rates.validate()?)
}

/// Blocks that the phases wait for: five beacons, and their own.
fn duration(params: &Params) -> Option<u64> {
    let delays = params.draw_delay.checked_mul(5)?;
    let panels = params.panel_blocks.checked_mul(2)?;
    let votes = params.vote_blocks.checked_mul(3)?;
    [params.reveal_blocks, params.commit_blocks, votes, panels]
        .iter()
        .try_fold(delays, |sum, blocks| sum.checked_add(*blocks))
}

/// Refuses a calibration out of bounds, or one of more models than processes share alpha.
pub fn check_calibration(storage: &dyn Storage, model: &str, calibration: &Calibration) -> Result<()> {
    calibration.validate()?;
    let mut models = vec![model.to_owned()];
    for map in [CALIBRATIONS, NEXT_CALIBRATIONS] {
        for name in map.keys(storage, None, None, Order::Ascending) {
            let name = name?;
            if !models.contains(&name) {
                models.push(name);
            }
        }
    }
    let params = NEXT_PARAMS.may_load(storage)?;
    let params = params.map_or_else(|| PARAMS.load(storage), Ok)?;
    if models.len() >= params.evidence.processes as usize {
        return Err(ContractError::BadParams(
            "evidence.processes must be above the number of models",
        ));
    }
    Ok(())
}

/// Sets a model's calibration from the next round on. Attributes: `action`, `model`.
pub fn set_calibration(
    deps: DepsMut,
    info: MessageInfo,
    model: String,
    calibration: Calibration,
) -> Result<Response> {
    only_authority(&deps, &info)?;
    check_calibration(deps.storage, &model, &calibration)?;
    NEXT_CALIBRATIONS.save(deps.storage, &model, &calibration)?;
    Ok(say::answer("set_calibration", &[("model", model.to_string())]))
}

/// Changes parameters from the next round on. Attribute: `action`.
pub fn update_params(deps: DepsMut, info: MessageInfo, params: Params) -> Result<Response> {
    only_authority(&deps, &info)?;
    check_params(&params)?;
    let old = PARAMS.load(deps.storage)?;
    if params.denom != old.denom {
        return Err(ContractError::BadParams("the denom cannot change"));
    }
    // the bound of honest hosts is the sum over their processes, which must not be cut short
    if params.evidence.processes < old.evidence.processes {
        return Err(ContractError::BadParams("processes cannot fall"));
    }
    NEXT_PARAMS.save(deps.storage, &params)?;
    Ok(say::answer("update_params", &[]))
}

fn only_authority(deps: &DepsMut, info: &MessageInfo) -> Result<()> {
    if info.sender == CONFIG.read(deps.storage)?.authority {
        return Ok(());
    }
    Err(ContractError::Unauthorized("the authority"))
}
