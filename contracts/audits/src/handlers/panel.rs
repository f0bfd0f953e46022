//! Votes of panels.

use cosmwasm_std::{DepsMut, Env, MessageInfo, Response};
use quern_audit::Vote;
use quern_interface::audits::Phase;

use super::{in_time, round, sender};
use crate::assign;
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{Ballot, BALLOTS, LEAVES, ROUND, TALLY};

/// The word of a host with seats on the panel that hears a leaf. Attributes: `action`, `round`, `auditor`,
/// `leaf`, `seats`.
pub fn vote(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    number: u64,
    auditor: String,
    (key, vote): (u64, Vote),
) -> Result<Response> {
    let (mut round, params) = round(&deps, number, &[Phase::Panel, Phase::Review])?;
    in_time(
        &round,
        &env,
        params.draw_delay.saturating_add(params.panel_blocks),
    )?;
    let auditor = sender(&deps, &env, &info, &auditor)?;
    let leaf = LEAVES.may_load(deps.storage, key)?;
    let leaf = leaf.ok_or(ContractError::UnknownLeaf(key))?;
    let (Some(stage), Some(beacon), None) = (leaf.stage, round.panel_beacon, leaf.verdict) else {
        return Err(ContractError::NoPanel(key));
    };
    let chain = Chain::load(deps.as_ref())?;
    let seats = assign::seats(&chain, &env.block.chain_id, &leaf, stage, &beacon)?;
    let seat = seats.iter().find(|seat| seat.host == auditor.as_str());
    let seats = seat
        .ok_or_else(|| ContractError::NoSeat(auditor.to_string()))?
        .seats;
    if BALLOTS.has(deps.storage, (key, stage, &auditor)) {
        return Err(ContractError::Voted(auditor.into_string()));
    }
    BALLOTS.save(deps.storage, (key, stage, &auditor), &Ballot { seats, vote })?;

    // one re-execution, however many seats
    let tally = TALLY.may_load(deps.storage, &auditor)?.unwrap_or_default();
    let tally = tally
        .checked_add(leaf.paid_tokens)
        .ok_or(ContractError::Overflow)?;
    TALLY.save(deps.storage, &auditor, &tally)?;
    round.positions = round
        .positions
        .checked_add(leaf.paid_tokens)
        .ok_or(ContractError::Overflow)?;
    ROUND.save(deps.storage, &round)?;
    Ok(Response::new()
        .add_attribute("action", "panel_vote")
        .add_attribute("round", number.to_string())
        .add_attribute("auditor", auditor)
        .add_attribute("leaf", key.to_string())
        .add_attribute("seats", seats.to_string()))
}
