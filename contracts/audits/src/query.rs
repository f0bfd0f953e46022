//! Answers.

use cosmwasm_std::{to_json_binary, Addr, Binary, Deps, Env, Order, StdResult};
use cw_storage_plus::Bound;
use quern_audit::{leaf_seed, opening_offset, opening_seed, Seat};
use quern_interface::audits::{LeafInfo, PendingReveal, Phase, QueryMsg, RoundInfo, WorkInfo};
use quern_interface::{DEFAULT_PAGE, MAX_PAGE};

use crate::assign;
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{
    Leaf, ASSIGNED, CALIBRATIONS, CASES, EVIDENCE, HOSTS, LEAVES, PARAMS, ROUND, TOTALS, WORK,
};

/// Answers a question.
pub fn answer(deps: Deps, env: &Env, question: QueryMsg) -> Result<Binary> {
    let address = |name: String| deps.api.addr_validate(&name);
    let json = match question {
        QueryMsg::Params {} => to_json_binary(&PARAMS.load(deps.storage)?),
        QueryMsg::Round {} => to_json_binary(&round(deps)?),
        QueryMsg::Pending { host } => to_json_binary(&pending(deps, env, &address(host)?)?),
        QueryMsg::Leaves { start_after, limit } => to_json_binary(&leaves(deps, start_after, limit)?),
        QueryMsg::Work { auditor } => to_json_binary(&work(deps, env, &address(auditor)?)?),
        QueryMsg::Panel { leaf } => to_json_binary(&panel(deps, env, leaf)?),
        QueryMsg::Host { host } => {
            to_json_binary(&HOSTS.may_load(deps.storage, &address(host)?)?.unwrap_or_default())
        }
        QueryMsg::Evidence { host } => {
            let evidence = EVIDENCE.may_load(deps.storage, &address(host)?)?;
            to_json_binary(&evidence.unwrap_or_default())
        }
        QueryMsg::Calibration { model } => to_json_binary(&CALIBRATIONS.may_load(deps.storage, &model)?),
        QueryMsg::Totals {} => to_json_binary(&TOTALS.load(deps.storage)?),
    };
    Ok(json?)
}

fn round(deps: Deps) -> Result<RoundInfo> {
    let round = ROUND.load(deps.storage)?;
    Ok(RoundInfo {
        number: round.number,
        start: round.start,
        end: round.end,
        phase: round.phase,
        since: round.since,
        beacon: round.beacon,
        leaves: round.leaves,
    })
}

fn pending(deps: Deps, env: &Env, host: &Addr) -> Result<Option<PendingReveal>> {
    let round = ROUND.load(deps.storage)?;
    let params = PARAMS.load(deps.storage)?;
    let case = CASES.may_load(deps.storage, host)?;
    let (Some(mut case), Some(beacon), Phase::Reveal) = (case, round.beacon, round.phase) else {
        return Ok(None);
    };
    let seed = leaf_seed(&env.block.chain_id, host.as_str(), round.number, &beacon);
    let Some(pending) = case.pending(&seed, &params)? else {
        return Ok(None);
    };
    let offset = case.base.checked_add(pending.offset);
    Ok(Some(PendingReveal {
        round: round.number,
        offset: offset.ok_or(ContractError::Overflow)?,
        until: round.since.saturating_add(params.reveal_blocks),
    }))
}

fn leaves(deps: Deps, start_after: Option<u64>, limit: Option<u32>) -> Result<Vec<LeafInfo>> {
    let limit = limit.unwrap_or(DEFAULT_PAGE).min(MAX_PAGE) as usize;
    let after = start_after.map(Bound::exclusive);
    let leaves = LEAVES
        .range(deps.storage, after, None, Order::Ascending)
        .take(limit)
        .map(|entry| entry.map(|(number, leaf)| describe(number, leaf)));
    Ok(leaves.collect::<StdResult<_>>()?)
}

fn describe(number: u64, leaf: Leaf) -> LeafInfo {
    LeafInfo {
        number,
        id: leaf.id,
        host: leaf.host.into_string(),
        model: leaf.model,
        generation: leaf.generation,
        payer: leaf.payer,
        session: leaf.session,
        nonce: leaf.nonce,
        tokens: leaf.tokens,
        stake: leaf.stake,
        auditor: leaf.auditor.map(Addr::into_string),
        vote: leaf.vote,
        stage: leaf.stage,
        verdict: leaf.verdict,
    }
}

fn work(deps: Deps, env: &Env, auditor: &Addr) -> Result<Option<WorkInfo>> {
    let Some(work) = WORK.may_load(deps.storage, auditor)? else {
        return Ok(None);
    };
    let round = ROUND.load(deps.storage)?;
    let openings = PARAMS.load(deps.storage)?.openings;
    let leaves = ASSIGNED
        .prefix(auditor)
        .range(deps.storage, None, None, Order::Ascending)
        .map(|entry| entry.map(|(_, leaf)| leaf))
        .collect::<StdResult<Vec<u64>>>()?;
    let opening = round.opening_beacon.zip(work.root).and_then(|(beacon, root)| {
        let seed = opening_seed(&env.block.chain_id, auditor.as_str(), round.number, &beacon);
        opening_offset(&seed, work.opened.into(), &root).filter(|_| work.opened < openings)
    });
    Ok(Some(WorkInfo {
        auditor: auditor.to_string(),
        leaves,
        root: work.root,
        revealed: work.revealed,
        opened: work.opened,
        opening,
    }))
}

fn panel(deps: Deps, env: &Env, number: u64) -> Result<Vec<Seat>> {
    let leaf = LEAVES.may_load(deps.storage, number)?;
    let leaf = leaf.ok_or(ContractError::UnknownLeaf(number))?;
    let beacon = ROUND.load(deps.storage)?.panel_beacon;
    let (Some(stage), Some(beacon)) = (leaf.stage, beacon) else {
        return Ok(Vec::new());
    };
    let chain = Chain::load(deps)?;
    assign::seats(&chain, &env.block.chain_id, &leaf, stage, &beacon)
}
