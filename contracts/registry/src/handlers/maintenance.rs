//! Maintenance, declared ahead.

use cosmwasm_std::{DepsMut, Env, MessageInfo, Response};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::math::{overlap, within_credit};
use crate::state::{MAINTENANCE, PARAMS};
use crate::{funds, hosts};

/// Most windows kept for a host.
const MAX_WINDOWS: usize = 8;

/// Declares `from..to`. Attributes: `action`, `host`, `from`, `to`.
pub fn declare(deps: DepsMut, env: Env, info: MessageInfo, from: u64, to: u64) -> Result<Response> {
    funds::expect(&info, Amount::ZERO, "")?;
    hosts::active(deps.storage, &info.sender)?;
    let params = PARAMS.load(deps.storage)?;
    let (height, period) = (env.block.height, params.maintenance_window);
    if from <= height || to <= from {
        return Err(ContractError::BadMaintenance(
            "it must begin after this block and last",
        ));
    }
    if from > height.saturating_add(period) {
        return Err(ContractError::BadMaintenance(
            "it begins more than one window ahead",
        ));
    }
    let mut windows = MAINTENANCE
        .may_load(deps.storage, &info.sender)?
        .unwrap_or_default();
    // No window that can still be declared shares a stretch with these.
    windows.retain(|(_, to)| to.saturating_add(period) > height);
    if windows.len() >= MAX_WINDOWS {
        return Err(ContractError::TooMany(MAX_WINDOWS as u32));
    }
    if windows.iter().any(|window| overlap(*window, (from, to))) {
        return Err(ContractError::BadMaintenance("it overlaps a declared one"));
    }
    if !within_credit(&windows, (from, to), period, params.maintenance_credit) {
        return Err(ContractError::MaintenanceCredit(params.maintenance_credit));
    }
    windows.push((from, to));
    windows.sort_unstable();
    MAINTENANCE.save(deps.storage, &info.sender, &windows)?;
    Ok(Response::new()
        .add_attribute("action", "declare_maintenance")
        .add_attribute("host", info.sender)
        .add_attribute("from", from.to_string())
        .add_attribute("to", to.to_string()))
}
