//! Answers.

use cosmwasm_std::{to_json_binary, Addr, Binary, Deps, Env, Order, StdResult};
use cw_storage_plus::Bound;
use quern_interface::settlement::{
    open_fee, BatchInfo, BatchPlace, CommitteeMember, Contracts, FaultRecord, HostDemand, HostEarned,
    HostStanding, QueryMsg, Queue, RebalanceInfo, SessionInfo,
};
use quern_interface::{DEFAULT_PAGE, MAX_PAGE};
use quern_protocol::ledger::Ledger;
use quern_protocol::Amount;

use crate::error::Result;
use crate::state::{
    Batch, Session, BATCHES, CLAIMED, CONFIG, COVERS, EARNED, FAULTS, FORFEITS, FROZEN, HOST_DEMAND,
    HOST_SESSIONS, KEPT, LEDGERS, PARAMS, PAYER_SESSIONS, ROUTERS, ROUTER_EARNED, SESSIONS, TOTALS, WAITING,
};
use crate::{demand, sessions};

/// Answers a question.
pub fn answer(deps: Deps, env: &Env, question: QueryMsg) -> Result<Binary> {
    let height = env.block.height;
    let json = match question {
        QueryMsg::Params {} => to_json_binary(&PARAMS.load(deps.storage)?),
        QueryMsg::Contracts {} => to_json_binary(&contracts(deps)?),
        QueryMsg::Session { session } => to_json_binary(&info(deps, session, height)?),
        QueryMsg::Sessions {
            payer,
            start_after,
            limit,
        } => to_json_binary(&sessions_page(deps, payer, start_after, limit, height)?),
        QueryMsg::HostSessions {
            host,
            start_after,
            limit,
        } => {
            let host = deps.api.addr_validate(&host)?;
            let ids = HOST_SESSIONS
                .prefix(&host)
                .keys(deps.storage, after(start_after), None, Order::Ascending)
                .take(page(limit))
                .collect::<StdResult<Vec<u64>>>()?;
            to_json_binary(&infos(deps, ids, height)?)
        }
        QueryMsg::Batch { host, sequence } => {
            let host = deps.api.addr_validate(&host)?;
            to_json_binary(&batch(deps, &host, sequence)?)
        }
        QueryMsg::BatchAt { host, height } => {
            let host = deps.api.addr_validate(&host)?;
            to_json_binary(&batch_at(deps, &host, height)?)
        }
        QueryMsg::HostStanding { host } => {
            let host = deps.api.addr_validate(&host)?;
            to_json_binary(&HostStanding {
                committed: sessions::committed(deps.storage, &host)?,
                claimed: CLAIMED.may_load(deps.storage, &host)?.unwrap_or_default(),
                frozen: FROZEN.has(deps.storage, &host),
                forfeit: FORFEITS.may_load(deps.storage, &host)?.unwrap_or_default(),
            })
        }
        QueryMsg::LastBatch { host } => {
            let host = deps.api.addr_validate(&host)?;
            let last = KEPT.may_load(deps.storage, &host)?.unwrap_or_default().last;
            to_json_binary(&batch(deps, &host, last)?)
        }
        QueryMsg::Router { router } => {
            let router = deps.api.addr_validate(&router)?;
            to_json_binary(&ROUTERS.may_load(deps.storage, &router)?.unwrap_or_default())
        }
        QueryMsg::Faults { start_after, limit } => {
            let faults = FAULTS
                .range(deps.storage, after(start_after), None, Order::Ascending)
                .take(page(limit))
                .map(|entry| entry.map(|(_, fault)| fault))
                .collect::<StdResult<Vec<FaultRecord>>>()?;
            to_json_binary(&faults)
        }
        QueryMsg::Totals {} => to_json_binary(&TOTALS.load(deps.storage)?),
        QueryMsg::Queue {} => {
            let waiting = WAITING.load(deps.storage)?;
            let open_fee = open_fee(&PARAMS.load(deps.storage)?, waiting);
            to_json_binary(&Queue { waiting, open_fee })
        }
        QueryMsg::Demand { model } => to_json_binary(&demand::all(deps.storage, &model)?),
        QueryMsg::HostDemand { host, model } => {
            let host = deps.api.addr_validate(&host)?;
            let key = (&host, model.as_str());
            to_json_binary(&HostDemand {
                demand: HOST_DEMAND.may_load(deps.storage, key)?.unwrap_or_default(),
                open_limits: COVERS.may_load(deps.storage, key)?.unwrap_or_default().limits,
                room: demand::room(deps.storage, &host, &model)?,
            })
        }
        QueryMsg::Earned { host } => {
            let host = deps.api.addr_validate(&host)?;
            to_json_binary(&EARNED.may_load(deps.storage, &host)?.unwrap_or_default())
        }
        QueryMsg::AllEarned { start_after, limit } => {
            let after = start_after.map(Addr::unchecked);
            let start = after.as_ref().map(Bound::exclusive);
            let all = EARNED
                .range(deps.storage, start, None, Order::Ascending)
                .take(page(limit))
                .map(|entry| {
                    let (host, earned) = entry?;
                    let host = host.into();
                    Ok(HostEarned { host, earned })
                })
                .collect::<StdResult<Vec<_>>>()?;
            to_json_binary(&all)
        }
        QueryMsg::RouterEarned { router } => {
            let router = deps.api.addr_validate(&router)?;
            to_json_binary(&ROUTER_EARNED.may_load(deps.storage, &router)?.unwrap_or_default())
        }
    };
    Ok(json?)
}

fn contracts(deps: Deps) -> Result<Contracts> {
    let config = CONFIG.load(deps.storage)?;
    Ok(Contracts {
        authority: config.authority.into(),
        registry: config.registry.into(),
        bonding: config.bonding.into(),
        price_source: config.price_source.into(),
        audits: config.audits.map(Addr::into_string),
        judges: config.judges.into_iter().map(Addr::into_string).collect(),
    })
}

fn page(limit: Option<u32>) -> usize {
    limit.unwrap_or(DEFAULT_PAGE).min(MAX_PAGE) as usize
}

fn after<'a>(id: Option<u64>) -> Option<Bound<'a, u64>> {
    id.map(Bound::exclusive)
}

fn sessions_page(
    deps: Deps,
    payer: Option<String>,
    start_after: Option<u64>,
    limit: Option<u32>,
    height: u64,
) -> Result<Vec<SessionInfo>> {
    let ids = match payer {
        Some(payer) => PAYER_SESSIONS
            .prefix(&deps.api.addr_validate(&payer)?)
            .keys(deps.storage, after(start_after), None, Order::Ascending)
            .take(page(limit))
            .collect::<StdResult<Vec<u64>>>()?,
        None => SESSIONS
            .keys(deps.storage, after(start_after), None, Order::Ascending)
            .take(page(limit))
            .collect::<StdResult<Vec<u64>>>()?,
    };
    infos(deps, ids, height)
}

fn infos(deps: Deps, ids: Vec<u64>, height: u64) -> Result<Vec<SessionInfo>> {
    ids.into_iter().map(|id| info(deps, id, height)).collect()
}

fn info(deps: Deps, id: u64, height: u64) -> Result<SessionInfo> {
    let session = sessions::load(deps.storage, id)?;
    let ledger = LEDGERS.may_load(deps.storage, id)?;
    Ok(describe(id, session, ledger, height))
}

fn describe(id: u64, session: Session, ledger: Option<Ledger>, height: u64) -> SessionInfo {
    let host = |seat: usize| {
        let member = session.committee.get(seat);
        member.map(|member| member.host.to_string()).unwrap_or_default()
    };
    let rebalances = ledger.iter().flat_map(|ledger| &ledger.pending);
    let rebalances = rebalances.map(|pending| RebalanceInfo {
        from: host(pending.from),
        to: host(pending.to),
        amount: pending.amount,
        due_at: pending.due_at,
    });
    let rebalances = rebalances.collect();
    let members = session.committee.iter().enumerate().map(|(index, member)| {
        let seat = ledger.as_ref().and_then(|ledger| ledger.seats.get(index));
        let seat = seat.cloned().unwrap_or_default();
        CommitteeMember {
            host: member.host.to_string(),
            weight: member.weight,
            generation: member.generation,
            limit: seat.limit,
            claimed: seat.claimed,
            receipts: seat.receipts,
        }
    });
    SessionInfo {
        id,
        committee: members.collect(),
        rebalances,
        router_share: ledger.map_or(Amount::ZERO, |ledger| ledger.router_share),
        status: session.status(height),
        commits_until: session.commits_until(),
        payable_at: session.payable_at(),
        payer: session.payer.into_string(),
        model: session.model,
        max_price: session.max_price,
        router: session.router.map(Addr::into_string),
        router_fee_bps: session.router_fee_bps,
        session_key: session.session_key,
        agent: session.agent.map(Addr::into_string),
        signed_by: session.signed_by,
        escrow: session.escrow,
        opened_at: session.opened_at,
        drawn_at: session.drawn_at,
        closes_at: session.closes_at,
        model_hash: session.model_hash,
        coefficients: session.coefficients,
        lapse_blocks: session.lapse_blocks,
        beacon: session.beacon,
        outcome: session.outcome,
    }
}

fn batch(deps: Deps, host: &Addr, sequence: u64) -> Result<Option<BatchInfo>> {
    let batch = BATCHES.may_load(deps.storage, (host, sequence))?;
    Ok(batch.map(|batch| describe_batch(host, sequence, &batch)))
}

fn describe_batch(host: &Addr, sequence: u64, batch: &Batch) -> BatchInfo {
    BatchInfo {
        host: host.to_string(),
        sequence,
        height: batch.height,
        root: batch.root,
        sessions: batch.sessions,
    }
}

/// Bisects the sequences that are kept: heights rise with them.
fn batch_at(deps: Deps, host: &Addr, height: u64) -> Result<Option<BatchPlace>> {
    let Some(kept) = KEPT.may_load(deps.storage, host)? else {
        return Ok(None);
    };
    let mut found = None;
    let (mut low, mut high) = (kept.oldest, kept.last);
    while low <= high {
        let middle = low.midpoint(high);
        let batch = BATCHES.load(deps.storage, (host, middle))?;
        if batch.height > height {
            high = middle.saturating_sub(1);
            continue;
        }
        low = middle.saturating_add(1);
        found = Some(BatchPlace {
            committed: batch.committed,
            batch: describe_batch(host, middle, &batch),
        });
    }
    Ok(found)
}
