//! Parameters.

use cosmwasm_std::{Addr, Deps, DepsMut, MessageInfo, Response};
use quern_interface::settlement::Params;
use quern_interface::BPS;
use quern_protocol::ledger::MAX_SEATS;

use crate::error::{ContractError, Result};
use crate::state::{CONFIG, HORIZON, PARAMS};

/// Most blocks of any period: some 30 years of a block a second.
const MAX_BLOCKS: u64 = 1_000_000_000;
/// Most committees that one block may draw.
const MAX_DRAWS: u32 = 64;

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
    let share = |bps: u32| u128::from(bps) <= BPS;
    let blocks = |count: u64| (1..=MAX_BLOCKS).contains(&count);
    rule(!params.denom.is_empty(), "denom is empty")?;
    rule(!params.min_escrow.is_zero(), "min_escrow is zero")?;
    rule(
        (1..=MAX_SEATS as u32).contains(&params.committee_size),
        "committee_size is not 1 to 8",
    )?;
    rule(
        (1..=MAX_DRAWS).contains(&params.max_draws),
        "max_draws is not 1 to 64",
    )?;
    rule(
        [
            params.draw_delay,
            params.batch_blocks,
            params.lapse_blocks,
            params.appeal_blocks,
            params.max_session_blocks,
        ]
        .into_iter()
        .all(blocks),
        "a period is not 1 to 10^9 blocks",
    )?;
    rule(
        params.lapse_blocks >= params.batch_blocks.saturating_mul(2),
        "lapse_blocks is below 2 batch_blocks",
    )?;
    rule(
        params.max_session_blocks > params.draw_delay,
        "max_session_blocks is not above draw_delay",
    )?;
    rule(
        share(params.max_router_fee_bps) && share(params.burn_bps) && share(params.fault_slash_bps),
        "a share is above 10000",
    )?;
    rule(
        params.audit_bps <= params.burn_bps,
        "audit_bps is above burn_bps, out of which it comes",
    )
}

/// Blocks for which a batch may be needed: from a commit in the block of a session's opening to its pay. A session that
/// ended stays as long.
pub fn horizon(params: &Params) -> u64 {
    params
        .max_session_blocks
        .saturating_add(params.lapse_blocks)
        .saturating_add(params.appeal_blocks)
}

/// Changes parameters; sessions keep those that they were opened under. Attribute: `action`.
pub fn update_params(deps: DepsMut, info: MessageInfo, params: Params) -> Result<Response> {
    if info.sender != CONFIG.load(deps.storage)?.authority {
        return Err(ContractError::Unauthorized("the authority"));
    }
    check_params(&params)?;
    if params.denom != PARAMS.load(deps.storage)?.denom {
        return Err(ContractError::BadParams("the denom cannot change"));
    }
    // batches that sessions of longer terms need stay
    let longest = HORIZON.load(deps.storage)?.max(horizon(&params));
    HORIZON.save(deps.storage, &longest)?;
    PARAMS.save(deps.storage, &params)?;
    Ok(Response::new().add_attribute("action", "update_params"))
}

/// Checks the address of the audits contract.
pub fn validate_audits(deps: Deps, audits: Option<&str>) -> Result<Option<Addr>> {
    Ok(audits.map(|audits| deps.api.addr_validate(audits)).transpose()?)
}

/// Names the audits contract, for sessions that close from now on. Attribute: `action`.
pub fn set_audits(deps: DepsMut, info: MessageInfo, audits: Option<&str>) -> Result<Response> {
    let mut config = CONFIG.load(deps.storage)?;
    if info.sender != config.authority {
        return Err(ContractError::Unauthorized("the authority"));
    }
    config.audits = validate_audits(deps.as_ref(), audits)?;
    CONFIG.save(deps.storage, &config)?;
    Ok(Response::new().add_attribute("action", "set_audits"))
}
