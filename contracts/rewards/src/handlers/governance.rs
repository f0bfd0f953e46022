//! Parameters.

use cosmwasm_std::{DepsMut, MessageInfo, Response};
use quern_interface::rewards::Params;
use quern_interface::BPS;

use crate::error::{ContractError, Result};
use crate::funds;
use crate::state::{CONFIG, PARAMS};

/// Most hosts that one block may read.
const MAX_STEP: u32 = 500;
/// Longest vesting, in epochs: no sum of epochs overflows.
const MAX_VESTING: u64 = 1_000_000;

/// Whether parameters make sense.
pub fn check_params(params: &Params) -> Result<()> {
    let fraction = |bps: u32| u128::from(bps) <= BPS;
    let rules = [
        (!params.denom.is_empty(), "denom is empty"),
        (
            (1..=MAX_VESTING).contains(&params.vesting_epochs),
            "vesting_epochs must be 1 to 1000000",
        ),
        (fraction(params.tax_bps), "tax_bps is above 10000"),
        // without a margin, paying oneself would be free
        (
            params.margin_bps > 0 && fraction(params.margin_bps),
            "margin_bps must be 1 to 10000",
        ),
        (
            params.low_bps <= params.high_bps && params.high_bps > 0 && fraction(params.high_bps),
            "high_bps must be 1 to 10000 and not below low_bps",
        ),
        (params.sustain_epochs > 0, "sustain_epochs is zero"),
        (params.ramp_epochs > 0, "ramp_epochs is zero"),
        (
            (1..=MAX_STEP).contains(&params.step_hosts),
            "step_hosts must be 1 to 500",
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
