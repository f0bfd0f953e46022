//! Parameters.

use cosmwasm_std::{DepsMut, MessageInfo, Response};
use quern_interface::pricing::{Params, RATE_ONE};

use crate::error::{ContractError, Result};
use crate::math::{Rule, MOST, ONE};
use crate::quote;
use crate::state::{CONFIG, PARAMS};

/// Longest period, in blocks, and longest block, in milliseconds.
const MAX_PERIOD: u64 = 1_000_000;
/// Most blocks of any span: some 30 years of a block a second.
const MAX_BLOCKS: u64 = 1_000_000_000;
/// Most models of one block.
const MAX_UPDATES: u32 = 16;

/// Refuses parameters under which the contract could not work.
///
/// # Errors
/// `bad_params`.
pub fn check(params: &Params) -> Result<()> {
    let rule = |holds: bool, text| {
        if holds {
            Ok(())
        } else {
            Err(ContractError::BadParams(text))
        }
    };
    rule(
        (1..=MAX_PERIOD).contains(&params.period_blocks),
        "period_blocks is not 1 to 10^6",
    )?;
    rule(
        (1..=MAX_UPDATES).contains(&params.max_updates),
        "max_updates is not 1 to 16",
    )?;
    rule(
        (params.period_blocks..=MAX_BLOCKS).contains(&params.keep_blocks),
        "keep_blocks is not period_blocks to 10^9",
    )?;
    rule(
        (1..=MAX_PERIOD).contains(&params.block_ms),
        "block_ms is not 1 to 10^6",
    )?;
    rule(
        (1..=RATE_ONE).contains(&params.smoothing),
        "smoothing is not above 0 and at most 1",
    )?;
    rule(
        params.low <= params.high && rate(params.high) < MOST,
        "low is above high, or high not below 2",
    )?;
    rule(
        (1..=RATE_ONE).contains(&params.steepness),
        "steepness is not above 0 and at most 1",
    )?;
    rule(
        (1..=RATE_ONE / 2).contains(&params.max_step),
        "max_step is not above 0 and at most a half",
    )?;
    quote::check(&params.quote)
}

/// Millionths in units of 10^-18.
fn rate(millionths: u32) -> u128 {
    ONE / u128::from(RATE_ONE) * u128::from(millionths)
}

/// The rule of these parameters.
pub fn rule(params: &Params) -> Rule {
    Rule {
        smoothing: rate(params.smoothing),
        low: rate(params.low),
        high: rate(params.high),
        steepness: rate(params.steepness),
        max_step: rate(params.max_step),
    }
}

/// Changes parameters, from the next update on. Attribute: `action`.
pub fn update(mut deps: DepsMut, info: MessageInfo, params: Params) -> Result<Response> {
    if info.sender != CONFIG.load(deps.storage)?.authority {
        return Err(ContractError::Unauthorized("the authority"));
    }
    check(&params)?;
    if params.keep_blocks < PARAMS.load(deps.storage)?.keep_blocks {
        return Err(ContractError::BadParams(
            "keep_blocks cannot fall, as vouchers of open sessions need their prices",
        ));
    }
    quote::set(deps.branch(), &params.quote)?;
    PARAMS.save(deps.storage, &params)?;
    Ok(Response::new().add_attribute("action", "update_params"))
}
