//! What each message does.

mod give_up;
mod governance;
mod money;
mod note;
mod open;
mod panel;
mod report;
mod reveal;
mod reveal_proof;
mod votes;

use cosmwasm_std::{Addr, DepsMut, Env, MessageInfo};
use quern_interface::audits::{Params, Phase};

pub use give_up::give_up;
pub use governance::{check_calibration, check_params, set_calibration, update_params};
pub use money::{fund, withdraw};
pub use open::open;
pub use panel::{commit as commit_ballot, reveal as reveal_ballot};
pub use report::commit as commit_report;
pub use reveal::reveal;
pub use reveal_proof::reveal as reveal_proof;
pub use votes::reveal as reveal_votes;

use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{Round, PARAMS, ROUND};
use crate::table::Cell;

/// The round, if it is the named one and in one of the phases, with its parameters.
fn round(deps: &DepsMut, number: u64, phases: &[Phase]) -> Result<(Round, Params)> {
    let round = ROUND.read(deps.storage)?;
    if round.number != number {
        return Err(ContractError::WrongRound(round.number));
    }
    if !phases.contains(&round.phase) {
        return Err(ContractError::WrongPhase(round.phase));
    }
    Ok((round, PARAMS.load(deps.storage)?))
}

/// Refuses what comes after the phase's blocks, while the work of its end goes on.
const fn in_time(round: &Round, env: &Env, blocks: u64) -> Result<()> {
    if env.block.height < round.since.saturating_add(blocks) {
        return Ok(());
    }
    Err(ContractError::WrongPhase(round.phase))
}

/// The host for which a message is sent.
fn sender(deps: &DepsMut, env: &Env, info: &MessageInfo, host: &str) -> Result<Addr> {
    let host = deps.api.addr_validate(host)?;
    Chain::load(deps.as_ref())?.acts_for(&info.sender, &host, env.block.height)?;
    Ok(host)
}
