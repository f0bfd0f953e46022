//! Answers.

use cosmwasm_std::{to_json_binary, Addr, Binary, Deps, Env, Order, StdResult};
use cw_storage_plus::Bound;
use quern_audit::{ballot_position, opening_offset, opening_seed};
use quern_interface::audits::{
    LeafInfo, PanelInfo, PanelSeat, PendingReveal, PendingSource, Phase, QueryMsg, RoundInfo, WorkInfo,
};
use quern_interface::{DEFAULT_PAGE, MAX_PAGE};

use crate::assign;
use crate::case::Drawn;
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{
    Leaf, ASSIGNED, BACKLOG, BALLOTS, CALIBRATIONS, CASES, EVIDENCE, HOSTS, LEAVES, PARAMS, PROOF_CASES,
    ROUND, TOTALS, WORK,
};
use crate::table::{Cell, Table};
use crate::window::Window;

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
            to_json_binary(&HOSTS.find(deps.storage, &address(host)?)?.unwrap_or_default())
        }
        QueryMsg::Evidence { host } => {
            let evidence = EVIDENCE.find(deps.storage, &address(host)?)?;
            to_json_binary(&evidence.unwrap_or_default())
        }
        QueryMsg::Calibration { model } => to_json_binary(&CALIBRATIONS.may_load(deps.storage, &model)?),
        QueryMsg::Totals {} => to_json_binary(&TOTALS.read(deps.storage)?),
    };
    Ok(json?)
}

fn round(deps: Deps) -> Result<RoundInfo> {
    let round = ROUND.read(deps.storage)?;
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

fn pending(deps: Deps, env: &Env, host: &Addr) -> Result<Vec<PendingReveal>> {
    let round = ROUND.read(deps.storage)?;
    let params = PARAMS.load(deps.storage)?;
    let (Some(beacon), Phase::Reveal) = (round.beacon, round.phase) else {
        return Ok(Vec::new());
    };
    let mut sources = Vec::new();
    for (back, cases) in [(false, CASES), (true, BACKLOG)] {
        let Some(mut case) = cases.find(deps.storage, host)? else {
            continue;
        };
        let seed = Drawn::seed(back, env, &round, host, &beacon);
        if let Some(pending) = case.pending(&seed, &params)? {
            let offset = case.base.checked_add(pending);
            let offset = offset.ok_or(ContractError::Overflow)?;
            sources.push(PendingSource::Receipts { offset });
        }
    }
    let proofs = PROOF_CASES.sub_prefix(host);
    for key in proofs.keys(deps.storage, None, None, Order::Ascending) {
        let (sprint, model) = key?;
        let mut case = PROOF_CASES.read(deps.storage, (host, sprint, &model))?;
        let offset = case.sampling.pending().map(|drawn| drawn.offset);
        sources.extend(offset.map(|offset| PendingSource::Proofs {
            sprint,
            model,
            offset,
        }));
    }
    let pending = |source| PendingReveal {
        round: round.number,
        source,
        until: round.since.saturating_add(params.reveal_blocks),
    };
    Ok(sources.into_iter().map(pending).collect())
}

fn leaves(deps: Deps, start_after: Option<u64>, limit: Option<u32>) -> Result<Vec<LeafInfo>> {
    let limit = limit.unwrap_or(DEFAULT_PAGE).min(MAX_PAGE) as usize;
    let after = start_after.map(Bound::exclusive);
    let leaves = LEAVES
        .keys(deps.storage, after, None, Order::Ascending)
        .take(limit)
        .map(|number| {
            let number = number?;
            Ok(describe(number, LEAVES.read(deps.storage, number)?))
        });
    Ok(leaves.collect::<StdResult<_>>()?)
}

fn describe(number: u64, leaf: Leaf) -> LeafInfo {
    LeafInfo {
        number,
        id: leaf.id,
        host: leaf.host.into_string(),
        model: leaf.model,
        generation: leaf.generation,
        source: leaf.source,
        tokens: leaf.tokens,
        positions: leaf.positions,
        greedy: leaf.greedy,
        host_profile: leaf.host_profile,
        stake: leaf.stake,
        auditor: leaf.auditor.map(Addr::into_string),
        vote: leaf.vote,
        stage: leaf.stage,
        verdict: leaf.verdict,
    }
}

fn work(deps: Deps, env: &Env, auditor: &Addr) -> Result<Option<WorkInfo>> {
    let Some(work) = WORK.find(deps.storage, auditor)? else {
        return Ok(None);
    };
    let round = ROUND.read(deps.storage)?;
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

fn panel(deps: Deps, env: &Env, number: u64) -> Result<Option<PanelInfo>> {
    let leaf = LEAVES.find(deps.storage, number)?;
    let leaf = leaf.ok_or(ContractError::UnknownLeaf(number))?;
    let round = ROUND.read(deps.storage)?;
    let (Some(stage), Some(beacon), None) = (leaf.stage, round.panel_beacon, leaf.verdict) else {
        return Ok(None);
    };
    let chain = Chain::load(deps)?;
    let window = Window::of(&round, &PARAMS.load(deps.storage)?);
    let chain_id = &env.block.chain_id;
    let mut seats = Vec::new();
    for seat in assign::seats(&chain, chain_id, &leaf, stage, &beacon)? {
        let cast = BALLOTS.find(deps.storage, (number, stage, &Addr::unchecked(&seat.host)))?;
        seats.push(PanelSeat {
            host: seat.host,
            seats: seat.seats,
            committed: cast.is_some(),
            vote: cast.and_then(|cast| cast.vote),
        });
    }
    let beacon = (env.block.height >= window.position_at).then(|| chain.beacon(window.position_at));
    let position = beacon.transpose()?.and_then(|beacon| {
        let drawn = ballot_position(chain_id, &leaf.id, stage, &beacon, leaf.positions);
        leaf.checked_at(stage).or(drawn)
    });
    Ok(Some(PanelInfo {
        stage,
        seats,
        commit_until: window.commit_until,
        position,
        reveal_until: window.reveal_until,
    }))
}
