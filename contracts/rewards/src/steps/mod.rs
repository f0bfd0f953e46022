//! What an epoch's end does, page by page: slashes, weights, burns, division.

mod burns;
mod finish;
mod share;
mod slashes;
mod weights;

use cosmwasm_std::{Attribute, BankMsg, DepsMut};
use quern_interface::rewards::Phase;
use quern_interface::MAX_PAGE;

use crate::error::Result;
use crate::state::{PARAMS, WORK};

/// What came of the steps of one block.
#[derive(Default)]
pub struct Done {
    /// Coins that move.
    pub messages: Vec<BankMsg>,
    /// What to tell.
    pub attributes: Vec<Attribute>,
}

/// Goes on with the last epoch's end, reading at most `step_hosts` records, then one page more that tells that
/// there are none left.
pub fn run(mut deps: DepsMut) -> Result<Done> {
    let mut done = Done::default();
    let Some(mut work) = WORK.may_load(deps.storage)? else {
        return Ok(done);
    };
    if work.phase == Phase::Done {
        return Ok(done);
    }
    let mut budget = PARAMS.load(deps.storage)?.step_hosts;
    while budget > 0 && work.phase != Phase::Done {
        let limit = budget.min(MAX_PAGE);
        let read = match work.phase {
            Phase::Slashes => slashes::page(&mut deps, &work, limit, &mut done)?,
            Phase::Weights => weights::page(&mut deps, &mut work, limit)?,
            Phase::Burns => burns::page(&mut deps, &mut work, limit)?,
            Phase::Done => break,
        };
        if read > 0 {
            budget = budget.saturating_sub(read);
            continue;
        }
        work.cursor = None;
        work.phase = match work.phase {
            Phase::Slashes if work.weighed => Phase::Weights,
            Phase::Slashes | Phase::Weights => Phase::Burns,
            Phase::Burns | Phase::Done => {
                finish::divide(&mut deps, &work, &mut done)?;
                Phase::Done
            }
        };
    }
    WORK.save(deps.storage, &work)?;
    Ok(done)
}
