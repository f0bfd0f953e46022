//! Sprints begin, and old ones go.

use cosmwasm_std::{DepsMut, Env, Event, Response};
use quern_interface::poc_weights::{Params, SprintInfo, SprintKind};
use quern_protocol::proof_confirmation;

use super::{prune::prune, MAX_SPRINTS};
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::query::models_at;
use crate::state::{Epoch, EPOCH, LAST_SPRINT, PARAMS, SPRINTS};

/// Begins a sprint if one is due or drawn, and removes what is no longer kept. Event
/// `sprint{sprint, kind, start, deadline}`.
pub fn end_block(deps: DepsMut, env: Env) -> Result<Response> {
    let params = PARAMS.load(deps.storage)?;
    let epoch = EPOCH.load(deps.storage)?;
    let height = env.block.height;
    prune(deps.storage, height, &params, &epoch)?;
    let last = LAST_SPRINT.load(deps.storage)?;
    if let Some(sprint) = SPRINTS.may_load(deps.storage, last)? {
        if height < sprint.deadline {
            return Ok(Response::new());
        }
    }
    let number = last.checked_add(1).ok_or(ContractError::Overflow)?;
    if models_at(deps.storage, number)?.is_empty() {
        return Ok(Response::new());
    }
    let due = due(&params, &epoch);
    let confirmations = params.confirm_every > 0
        && height.saturating_add(params.sprint_blocks) <= due
        && number.saturating_sub(epoch.first) < MAX_SPRINTS;
    if height < due && !confirmations {
        return Ok(Response::new());
    }
    let beacon = Chain::load(deps.as_ref())?.beacon(height)?;
    let kind = if height >= due {
        SprintKind::Window
    } else if proof_confirmation(&env.block.chain_id, height, &beacon, params.confirm_every) {
        SprintKind::Confirmation
    } else {
        return Ok(Response::new());
    };
    let sprint = SprintInfo {
        sprint: number,
        epoch: epoch.number,
        kind,
        start: height,
        deadline: height.saturating_add(params.sprint_blocks),
        beacon,
    };
    SPRINTS.save(deps.storage, number, &sprint)?;
    LAST_SPRINT.save(deps.storage, &number)?;
    if kind == SprintKind::Window {
        let windows = epoch.windows.saturating_add(1);
        EPOCH.save(deps.storage, &Epoch { windows, ..epoch })?;
    }
    let name = match kind {
        SprintKind::Window => "window",
        SprintKind::Confirmation => "confirmation",
    };
    Ok(Response::new().add_event(
        Event::new("sprint")
            .add_attribute("sprint", number.to_string())
            .add_attribute("kind", name)
            .add_attribute("start", sprint.start.to_string())
            .add_attribute("deadline", sprint.deadline.to_string()),
    ))
}

/// Height from which the window's next sprint begins; never once the window is over.
const fn due(params: &Params, epoch: &Epoch) -> u64 {
    if epoch.windows >= params.window_sprints {
        return u64::MAX;
    }
    let before = params.sprint_blocks.saturating_mul(epoch.windows as u64);
    epoch
        .start
        .saturating_add(params.window_start)
        .saturating_add(before)
}
