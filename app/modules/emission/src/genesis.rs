//! Genesis import and export.

use quern_context::Cx;
use quern_genesis::EmissionGenesis;
use quern_protocol::Amount;
use quern_types::Result;

use crate::{Schedule, schedule, state::set_schedule};

/// Writes the schedule. After the bank's: a new chain's supply is what its genesis gives out.
///
/// # Errors
/// A halt.
pub fn init_genesis(cx: &Cx, genesis: &EmissionGenesis) -> Result<()> {
    let supply = quern_bank::supply(cx, &genesis.denom)?;
    set_schedule(
        cx,
        &Schedule {
            denom: genesis.denom.clone(),
            cap: Amount(genesis.cap),
            retained: genesis.retained,
            minted: Amount(genesis.minted),
            next: Amount(genesis.next),
            genesis_supply: Amount(genesis.genesis_supply.unwrap_or(supply)),
        },
    )
}

/// Reads it back; `None` on a chain that mints nothing.
///
/// # Errors
/// A halt.
pub fn export_genesis(cx: &Cx) -> Result<Option<EmissionGenesis>> {
    let genesis = |schedule: Schedule| EmissionGenesis {
        denom: schedule.denom,
        cap: schedule.cap.0,
        retained: schedule.retained,
        minted: schedule.minted.0,
        next: schedule.next.0,
        genesis_supply: Some(schedule.genesis_supply.0),
    };
    Ok(schedule(cx)?.map(genesis))
}
