//! Reads what hosts' sessions burned.

use cosmwasm_std::DepsMut;
use quern_interface::settlement::Earned;
use quern_protocol::Amount;

use super::share;
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::funds;
use crate::state::{Seen, Work, BACKING, SEEN};

/// Reads one page; how many hosts were on it.
// All steps inlined into one function would have more locals than a chain takes.
#[inline(never)]
pub fn page(deps: &mut DepsMut, work: &mut Work, limit: u32) -> Result<u32> {
    let earned = Chain::load(deps.as_ref())?.earned(work.cursor.clone(), limit)?;
    let read = u32::try_from(earned.len()).unwrap_or(u32::MAX);
    let mut paid = Amount::ZERO;
    for entry in earned {
        let host = entry.host.as_str();
        let before = SEEN.may_load(deps.storage, host)?.unwrap_or_default();
        let now = seen(&entry.earned)?;
        if now != before {
            funds::add(&mut paid, now.gross.saturating_sub(before.gross))?;
            SEEN.save(deps.storage, host, &now)?;
            let burned = now.burned.saturating_sub(before.burned);
            if !burned.is_zero() {
                share::add(deps.storage, work, host, 0, burned)?;
            }
        }
        work.cursor = Some(entry.host);
    }
    let mut backing = BACKING.may_load(deps.storage)?.unwrap_or_default();
    funds::add(&mut backing, paid)?;
    BACKING.save(deps.storage, &backing)?;
    Ok(read)
}

fn seen(earned: &Earned) -> Result<Seen> {
    let gross = Amount::sum([earned.paid, earned.burned, earned.audits]);
    Ok(Seen {
        burned: earned.burned,
        gross: gross.ok_or(ContractError::Overflow)?,
    })
}
