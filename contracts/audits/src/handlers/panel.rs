//! Ballots of panels: committed first, so that a late seat cannot copy an early one.

use cosmwasm_std::{Addr, DepsMut, Env, MessageInfo, Response};
use quern_audit::{ballot_position, Ballot};
use quern_interface::audits::Phase;
use quern_protocol::Hash;

use super::{round, sender};
use crate::assign;
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::say;
use crate::state::{Cast, Leaf, BALLOTS, CALIBRATIONS, LEAVES};
use crate::table::Table;
use crate::window::Window;

/// The leaf that a panel hears now, its stage, and when.
fn heard(deps: &DepsMut, number: u64, key: u64) -> Result<(Leaf, u32, Hash, Window)> {
    let (round, params) = round(deps, number, &[Phase::Panel, Phase::Review])?;
    let leaf = LEAVES.find(deps.storage, key)?;
    let leaf = leaf.ok_or(ContractError::UnknownLeaf(key))?;
    let (Some(stage), Some(beacon), None) = (leaf.stage, round.panel_beacon, leaf.verdict) else {
        return Err(ContractError::NoPanel(key));
    };
    Ok((leaf, stage, beacon, Window::of(&round, &params)))
}

fn answer(action: &str, number: u64, auditor: Addr, key: u64, seats: u32) -> Response {
    say::answer(
        action,
        &[
            ("round", number.to_string()),
            ("auditor", auditor.to_string()),
            ("leaf", key.to_string()),
            ("seats", seats.to_string()),
        ],
    )
}

/// Commits the ballot of a host with seats on the panel that hears a leaf. Attributes: `action`, `round`,
/// `auditor`, `leaf`, `seats`.
pub fn commit(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    number: u64,
    auditor: String,
    (key, commitment): (u64, Hash),
) -> Result<Response> {
    let (leaf, stage, beacon, window) = heard(&deps, number, key)?;
    if env.block.height >= window.commit_until {
        return Err(ContractError::WrongPhase(window.phase));
    }
    let auditor = sender(&deps, &env, &info, &auditor)?;
    let chain = Chain::load(deps.as_ref())?;
    let seats = assign::seats(&chain, &env.block.chain_id, &leaf, stage, &beacon)?;
    let seat = seats.iter().find(|seat| seat.host == auditor.as_str());
    let seat = seat.ok_or_else(|| ContractError::NoSeat(auditor.to_string()))?;
    if BALLOTS.has(deps.storage, (key, stage, &auditor)) {
        return Err(ContractError::Voted(auditor.into_string()));
    }
    let cast = Cast {
        seats: seat.seats,
        commitment,
        vote: None,
        margin: None,
    };
    BALLOTS.write(deps.storage, (key, stage, &auditor), &cast)?;
    Ok(answer("commit_ballot", number, auditor, key, seat.seats))
}

/// Reveals a committed ballot with the margin at the drawn position. Attributes: as of [`commit`], and
/// `margin`.
pub fn reveal(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    number: u64,
    auditor: String,
    (key, ballot): (u64, &Ballot),
) -> Result<Response> {
    let (leaf, stage, _, window) = heard(&deps, number, key)?;
    if !window.reveals(env.block.height) {
        return Err(ContractError::WrongPhase(window.phase));
    }
    let auditor = sender(&deps, &env, &info, &auditor)?;
    let cast = BALLOTS.find(deps.storage, (key, stage, &auditor))?;
    let mut cast = cast.ok_or(ContractError::BadBallot("none was committed"))?;
    if cast.vote.is_some() {
        return Err(ContractError::Voted(auditor.into_string()));
    }
    let chain_id = env.block.chain_id.as_str();
    let finding = &ballot.finding;
    let host = auditor.as_str();
    if Ballot::commitment(chain_id, host, number, stage, finding, &ballot.salt) != cast.commitment {
        return Err(ContractError::BadBallot("another one was committed"));
    }
    if finding.leaf != leaf.id {
        return Err(ContractError::BadBallot("the finding is of another leaf"));
    }
    if !assign::follows(deps.storage, &leaf, &auditor, finding)? {
        return Err(ContractError::BadBallot(
            "the vote does not follow from the finding",
        ));
    }
    let beacon = Chain::load(deps.as_ref())?.beacon(window.position_at)?;
    let drawn = ballot_position(chain_id, &leaf.id, stage, &beacon, leaf.positions);
    let position = leaf.checked_at(stage).or(drawn);
    let clip = CALIBRATIONS.load(deps.storage, &leaf.model)?.clip;
    ballot.verify(chain_id, host, clip, position)?;
    cast.vote = Some(finding.vote);
    cast.margin = ballot.opened.as_ref().map(|opened| opened.margin);
    BALLOTS.write(deps.storage, (key, stage, &auditor), &cast)?;
    let margin = cast.margin.map(|margin| margin.0.to_string());
    Ok(answer("panel_vote", number, auditor, key, cast.seats)
        .add_attribute("margin", margin.unwrap_or_default()))
}
