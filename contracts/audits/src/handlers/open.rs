//! Drawn positions of reports.

use cosmwasm_std::{DepsMut, Env, MessageInfo, Response};
use quern_audit::{opening_offset, opening_seed, Opening};
use quern_interface::audits::Phase;

use super::{round, sender};
use crate::assign;
use crate::error::{ContractError, Result};
use crate::say;
use crate::state::{ASSIGNED, CALIBRATIONS, LEAVES, WORK};
use crate::table::Table;

/// Opens the next drawn position: the finding is the assigned leaf's, its vote the one that was revealed, the
/// margin the committed one, and the vote follows from the finding. Attributes: `action`, `round`, `auditor`, `leaf`, `position`, `margin`.
pub fn open(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    number: u64,
    auditor: String,
    opening: &Opening,
) -> Result<Response> {
    let (round, params) = round(&deps, number, &[Phase::Panel, Phase::Review])?;
    let beacon = round.opening_beacon;
    let beacon = beacon.ok_or(ContractError::BadOpening("nothing is drawn yet"))?;
    let auditor = sender(&deps, &env, &info, &auditor)?;
    let work = WORK.find(deps.storage, &auditor)?;
    let mut work = work.ok_or_else(|| ContractError::NotAssigned(auditor.to_string()))?;
    let root = work.root.filter(|_| work.revealed == work.count);
    let root = root.ok_or(ContractError::BadOpening("the report or votes of it are missing"))?;
    if work.opened >= params.openings {
        return Err(ContractError::BadOpening("all were opened"));
    }
    let seed = opening_seed(&env.block.chain_id, auditor.as_str(), number, &beacon);
    let offset = opening_offset(&seed, work.opened.into(), &root);
    let offset = offset.ok_or(ContractError::BadOpening("the report has no position"))?;

    let place = (&auditor, opening.finding_proof.index);
    let key = ASSIGNED.may_load(deps.storage, place)?;
    let key = key.ok_or(ContractError::BadOpening("no such finding"))?;
    let leaf = LEAVES.read(deps.storage, key)?;
    let clip = CALIBRATIONS.load(deps.storage, &leaf.model)?.clip;
    let count = work.count;
    let chain_id = env.block.chain_id.as_str();
    let position = opening.verify(chain_id, auditor.as_str(), number, clip, &root, count, offset)?;
    if opening.finding.leaf != leaf.id {
        return Err(ContractError::BadOpening("the finding is of another leaf"));
    }
    if leaf.vote != Some(opening.finding.vote) {
        return Err(ContractError::BadOpening(
            "the vote is not the one that was revealed",
        ));
    }
    if !assign::follows(deps.storage, &leaf, &auditor, &opening.finding)? {
        return Err(ContractError::BadOpening(
            "the vote does not follow from the finding",
        ));
    }
    if work.opened == 0 {
        work.first = Some((key, position, opening.margin));
    }
    work.opened = work.opened.saturating_add(1);
    WORK.write(deps.storage, &auditor, &work)?;
    Ok(say::answer(
        "open",
        &[
            ("round", number.to_string()),
            ("auditor", auditor.to_string()),
            ("leaf", key.to_string()),
            ("position", position.to_string()),
            ("margin", opening.margin.0.to_string()),
        ],
    ))
}
