//! Reads weights.

use cosmwasm_std::DepsMut;

use super::share;
use crate::chain::Chain;
use crate::error::Result;
use crate::state::Work;
use quern_protocol::Amount;

/// Reads one page; how many hosts were on it.
// All steps inlined into one function would have more locals than a chain takes.
#[inline(never)]
pub fn page(deps: &mut DepsMut, work: &mut Work, limit: u32) -> Result<u32> {
    let weights = Chain::load(deps.as_ref())?.weights(work.cursor.clone(), limit)?;
    let read = u32::try_from(weights.len()).unwrap_or(u32::MAX);
    for weight in weights {
        if weight.covered > 0 {
            share::add(deps.storage, work, &weight.host, weight.covered, Amount::ZERO)?;
        }
        work.cursor = Some(weight.host);
    }
    Ok(read)
}
