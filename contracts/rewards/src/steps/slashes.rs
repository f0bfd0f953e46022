//! Reads who was slashed since the last epoch's end.

use std::collections::BTreeSet;

use cosmwasm_std::{attr, DepsMut};
use quern_protocol::Amount;

use super::Done;
use crate::chain::Chain;
use crate::error::Result;
use crate::state::{Work, LAST_SLASH, PARAMS, TOTALS, VESTED_EPOCH};
use crate::{accounts, funds};

/// Burns what the slashed of one page had not vested with the epoch before; records read. With nothing left to
/// read, rewards vest up to this epoch.
pub fn page(deps: &mut DepsMut, work: &Work, limit: u32, done: &mut Done) -> Result<u32> {
    let last = LAST_SLASH.may_load(deps.storage)?.unwrap_or_default();
    let slashes = Chain::load(deps.as_ref())?.slashes(last, limit)?;
    let Some(newest) = slashes.iter().map(|slash| slash.number).max() else {
        VESTED_EPOCH.save(deps.storage, &work.epoch)?;
        return Ok(0);
    };
    LAST_SLASH.save(deps.storage, &newest)?;
    let read = u32::try_from(slashes.len()).unwrap_or(u32::MAX);
    let hosts = slashes.into_iter().map(|slash| slash.host).collect();
    claw_back(deps, &hosts, done)?;
    Ok(read)
}

fn claw_back(deps: &mut DepsMut, hosts: &BTreeSet<String>, done: &mut Done) -> Result<()> {
    let mut burned = Amount::ZERO;
    for host in hosts {
        let taken = accounts::claw_back(deps.storage, host)?;
        funds::add(&mut burned, taken)?;
        if !taken.is_zero() {
            done.attributes
                .push(attr("clawed_back", format!("{host}:{taken}")));
        }
    }
    let denom = PARAMS.load(deps.storage)?.denom;
    done.messages.extend(funds::burn(burned, &denom));
    let mut totals = TOTALS.load(deps.storage)?;
    funds::add(&mut totals.clawed_back, burned)?;
    TOTALS.save(deps.storage, &totals)?;
    Ok(())
}
