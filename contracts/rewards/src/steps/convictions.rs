//! Reads who was convicted since the last epoch's end.

use std::collections::BTreeSet;

use cosmwasm_std::{attr, DepsMut};
use quern_protocol::Amount;

use super::Done;
use crate::chain::Chain;
use crate::error::Result;
use crate::state::{Work, PARAMS, READ, TOTALS, VESTED_EPOCH};
use crate::{accounts, funds};

/// Burns what the convicted of one page had not vested with the epoch before; records read. With nothing left
/// to read, rewards vest up to this epoch.
// All steps inlined into one function would have more locals than a chain takes.
#[inline(never)]
pub fn page(deps: &mut DepsMut, work: &Work, limit: u32, done: &mut Done) -> Result<u32> {
    let mut read = READ.may_load(deps.storage)?.unwrap_or_default();
    let chain = Chain::load(deps.as_ref())?;
    let mut hosts = BTreeSet::new();
    if !read.faults_done {
        let faults = chain.faults(read.faults, limit)?;
        read.faults_done = faults.is_empty();
        for fault in faults {
            read.faults = read.faults.max(fault.number);
            hosts.insert(fault.host);
        }
    }
    if read.faults_done {
        for slash in chain.slashes(read.slashes, limit)? {
            read.slashes = read.slashes.max(slash.number);
            hosts.insert(slash.host);
        }
        if hosts.is_empty() {
            read.faults_done = false;
            VESTED_EPOCH.save(deps.storage, &work.epoch)?;
        }
    }
    READ.save(deps.storage, &read)?;
    claw_back(deps, &hosts, done)?;
    Ok(u32::try_from(hosts.len()).unwrap_or(u32::MAX))
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
