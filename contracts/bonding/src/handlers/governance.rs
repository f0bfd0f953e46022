//! Parameters.

use cosmwasm_std::{DepsMut, MessageInfo, Response};
use quern_interface::bonding::Params;

use crate::error::{ContractError, Result};
use crate::funds;
use crate::hosts::MAX_BUCKETS;
use crate::state::{CONFIG, PARAMS};

/// Most validators that the parameters may ask for: an epoch's end reads twice as many hosts.
const MAX_VALIDATORS: u32 = 100;

/// Whether parameters make sense.
pub fn check_params(params: &Params) -> Result<()> {
    let fraction = |bps: u32| u128::from(bps) <= quern_interface::BPS;
    // What leaves falls into one bucket more than its delay and the longest freeze of it hold.
    let open = params
        .unbonding_blocks
        .saturating_add(params.max_freeze_blocks)
        .div_ceil(params.bucket_blocks.max(1))
        .saturating_add(1);
    let rules = [
        (!params.denom.is_empty(), "denom is empty"),
        (params.bucket_blocks > 0, "bucket_blocks is zero"),
        (params.unbonding_blocks > 0, "unbonding_blocks is zero"),
        (
            open <= MAX_BUCKETS as u64,
            "unbonding_blocks and max_freeze_blocks together must be at most 31 times bucket_blocks",
        ),
        (params.freeze_blocks > 0, "freeze_blocks is zero"),
        (
            params.freeze_blocks <= params.max_freeze_blocks,
            "freeze_blocks is above max_freeze_blocks",
        ),
        (
            fraction(params.min_operator_bps),
            "min_operator_bps is above 10000",
        ),
        (!params.min_validator_bond.is_zero(), "min_validator_bond is zero"),
        (
            (1..=MAX_VALIDATORS).contains(&params.max_validators),
            "max_validators must be 1 to 100",
        ),
        (
            params.max_power_bps > 0 && fraction(params.max_power_bps),
            "max_power_bps must be 1 to 10000",
        ),
        (
            params.double_sign_bps > 0 && fraction(params.double_sign_bps),
            "double_sign_bps must be 1 to 10000",
        ),
        (
            fraction(params.commission_rise_bps),
            "commission_rise_bps is above 10000",
        ),
    ];
    match rules.iter().find(|(kept, _)| !kept) {
        Some((_, broken)) => Err(ContractError::BadParams(broken)),
        None => Ok(()),
    }
}

/// New parameters; the denomination stays. Attributes: `action`.
pub fn update_params(deps: DepsMut, info: MessageInfo, params: Params) -> Result<Response> {
    funds::none(&info)?;
    if CONFIG.load(deps.storage)?.authority != info.sender {
        return Err(ContractError::Unauthorized("governance"));
    }
    check_params(&params)?;
    if PARAMS.load(deps.storage)?.denom != params.denom {
        return Err(ContractError::BadParams("denom cannot change"));
    }
    PARAMS.save(deps.storage, &params)?;
    Ok(Response::new().add_attribute("action", "update_params"))
}
