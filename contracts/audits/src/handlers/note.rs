//! A revealed leaf and its auditor.

use cosmwasm_std::{Addr, DepsMut, Empty, Response, Storage};
use quern_audit::MAX_FINDINGS;
use quern_protocol::Hash;

use crate::assign;
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::say;
use crate::state::{Group, Leaf, Round, ASSIGNED, HOST_LEAVES, LEAVES, ROUND, SEEN, WORK};
use crate::table::{Cell, Table};

/// Assigns the auditor that the leaf's number draws, and notes the leaf. Attributes: `action`,
/// `round`, `host`, `leaf`, `auditor`.
pub fn leaf(
    deps: DepsMut,
    round: &mut Round,
    mut leaf: Leaf,
    (seed, index): (&Hash, u64),
) -> Result<Response> {
    let chain = Chain::load(deps.as_ref())?;
    let group = Group::load(deps.storage, &leaf.model)?;
    leaf.host_profile = match group.profile(leaf.host.as_str()) {
        Some(profile) => Some(profile.to_owned()),
        None => chain.profile(leaf.host.as_str(), &leaf.model).ok().flatten(),
    };
    // the same receipt twice is a fault that anyone can prove; here it counts once
    if !SEEN.has(deps.storage, leaf.id.as_ref()) {
        leaf.auditor = assign::auditor(&chain, (&leaf.host, &leaf.model), seed, index)?;
    }
    round.leaves = round.leaves.checked_add(1).ok_or(ContractError::Overflow)?;
    assign(deps.storage, round.leaves, &mut leaf)?;
    SEEN.save(deps.storage, leaf.id.as_ref(), &Empty {})?;
    HOST_LEAVES.save(deps.storage, (&leaf.host, round.leaves), &Empty {})?;
    LEAVES.write(deps.storage, round.leaves, &leaf)?;
    ROUND.write(deps.storage, round)?;
    Ok(answer(round.number, &leaf.host, round.leaves, leaf.auditor))
}

/// The answer to a reveal; leaf 0 for one that is passed over.
pub fn answer(round: u64, host: &Addr, leaf: u64, auditor: Option<Addr>) -> Response {
    say::answer(
        "reveal",
        &[
            ("round", round.to_string()),
            ("host", host.to_string()),
            ("leaf", leaf.to_string()),
            ("auditor", auditor.map(Addr::into_string).unwrap_or_default()),
        ],
    )
}

/// Adds a leaf to its auditor's work; an auditor with too many gets no more.
fn assign(storage: &mut dyn Storage, number: u64, leaf: &mut Leaf) -> Result<()> {
    let Some(auditor) = leaf.auditor.clone() else {
        return Ok(());
    };
    let mut work = WORK.find(storage, &auditor)?.unwrap_or_default();
    if work.count as usize >= MAX_FINDINGS {
        leaf.auditor = None;
        return Ok(());
    }
    leaf.assignment = work.count;
    ASSIGNED.save(storage, (&auditor, work.count), &number)?;
    let sum = |sum: u64, more: u64| sum.checked_add(more).ok_or(ContractError::Overflow);
    work.count = work.count.saturating_add(1);
    work.positions = sum(work.positions, leaf.positions.into())?;
    work.paid = sum(work.paid, leaf.paid)?;
    Ok(WORK.write(storage, &auditor, &work)?)
}
