//! Draws from a group.

use cosmwasm_std::{Addr, Storage};
use quern_interface::registry::{GroupMember, ModelState};
use quern_protocol::{Draw, Hash};

use crate::error::{ContractError, Result};
use crate::hosts;
use crate::state::{MAINTENANCE, MODELS, SLOTS};
use crate::tree::Picker;

/// Most hosts that one draw names.
pub const MAX_DRAW: u32 = 16;
/// Draws for each place at most: hosts in maintenance are drawn and passed over.
const TRIES: u32 = 8;

/// Up to `count` different hosts in the order in which they were drawn. Each draw falls on a host with the
/// probability of its share of the capacity that is left; hosts in maintenance are passed over.
pub fn draw(
    storage: &dyn Storage,
    model: &str,
    seed: Hash,
    count: u32,
    height: u64,
) -> Result<Vec<GroupMember>> {
    if count > MAX_DRAW {
        return Err(ContractError::TooMany(MAX_DRAW));
    }
    let package = MODELS
        .may_load(storage, model)?
        .ok_or_else(|| ContractError::UnknownModel(model.to_owned()))?;
    if matches!(package.state, ModelState::Proposed | ModelState::Retired) {
        return Ok(vec![]);
    }
    let mut stream = Draw::new(seed);
    let mut picker = Picker::new(storage, model)?;
    let mut drawn = Vec::with_capacity(count as usize);
    for _ in 0..count.saturating_mul(TRIES) {
        if drawn.len() == count as usize {
            break;
        }
        let total = picker.total()?;
        let Some(target) = stream.below(total) else { break };
        let Some((slot, capacity)) = picker.take(target)? else {
            break;
        };
        let host = SLOTS.load(storage, (model, slot))?;
        if in_maintenance(storage, &host, height)? {
            continue;
        }
        drawn.push(GroupMember {
            generation: hosts::conviction(storage, model, &host)?.generation,
            host: host.into(),
            capacity,
        });
    }
    Ok(drawn)
}

fn in_maintenance(storage: &dyn Storage, host: &Addr, height: u64) -> Result<bool> {
    let windows = MAINTENANCE.may_load(storage, host)?.unwrap_or_default();
    Ok(windows.iter().any(|(from, to)| (*from..*to).contains(&height)))
}
