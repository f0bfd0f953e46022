//! Committees, drawn at a block's end.

use cosmwasm_std::{Addr, DepsMut, Empty, Env, Response, SubMsg};
use quern_interface::registry::GroupMember;
use quern_protocol::ledger::Ledger;
use quern_protocol::{committee_seed, Amount, Hash};

use super::reply;
use crate::chain::Chain;
use crate::error::Result;
use crate::state::{
    Member, Phase, Session, HOST_SESSIONS, LEDGERS, PARAMS, PENDING, SESSIONS, TOTALS, WAITING,
};
use crate::{completion, demand, funds, handlers::router, sessions};

/// Draws the committees that are due, oldest first, at most `max_draws`. A session for which no host can be
/// drawn returns everything, so the queue never waits. Removes twice as many ended sessions at most, more than were
/// drawn, so they never pile up. Event `session_drawn` or `session_void` per session.
pub fn end_block(mut deps: DepsMut, env: Env) -> Result<Response> {
    let params = PARAMS.load(deps.storage)?;
    let (height, most) = (env.block.height, params.max_draws as usize);
    sessions::forget(deps.storage, height, most.saturating_mul(2))?;
    let due = sessions::due(deps.storage, PENDING, height, most)?;
    if !due.is_empty() {
        let waiting = WAITING.load(deps.storage)?;
        WAITING.save(deps.storage, &waiting.saturating_sub(due.len() as u64))?;
    }
    let mut response = Response::new();
    for (drawn_at, id) in due {
        PENDING.remove(deps.storage, (drawn_at, id));
        let mut session = sessions::load(deps.storage, id)?;
        // one that had to wait is drawn by a beacon that nobody knew before, when capacities could still be changed, and
        // has all of its time
        session.drawn_at = height;
        session.closes_at = session.closes_at.saturating_add(height.saturating_sub(drawn_at));
        let committee = Chain::load(deps.as_ref())
            .and_then(|chain| committee(&chain, &env.block.chain_id, id, &session, params.committee_size))
            .unwrap_or(None);
        response = match committee {
            Some(drawn) => begin(deps.branch(), response, id, session, drawn)?,
            None => {
                sessions::end(deps.storage, id, height)?;
                void(deps.branch(), response, id, session, &params.denom)?
            }
        };
    }
    Ok(response)
}

/// A committee and its money.
struct Drawn {
    beacon: Hash,
    members: Vec<Member>,
    ledger: Ledger,
}

/// None, or an error of a query: the session is void.
fn committee(chain: &Chain, chain_id: &str, id: u64, session: &Session, size: u32) -> Result<Option<Drawn>> {
    let beacon = chain.beacon(session.drawn_at)?;
    let seed = committee_seed(chain_id, id, &beacon);
    let drawn: Vec<GroupMember> = chain.draw(&session.model, seed, size)?;
    let members = drawn.into_iter().take(size as usize).map(|member| Member {
        host: Addr::unchecked(member.host),
        weight: member.capacity,
        generation: member.generation,
        cover: Amount::ZERO,
        missed: 0,
        refusals: 0,
        timeouts: 0,
        ceilings: Amount::ZERO,
    });
    let mut members: Vec<Member> = members.collect();
    for member in &mut members {
        let record = completion::of(chain.deps.storage, &member.host, &session.model)?;
        member.weight = record.weigh(member.weight);
    }
    let weights: Vec<u64> = members.iter().map(|member| member.weight).collect();
    let ledger = Ledger::open(session.escrow, session.router_fee_bps, session.burn_bps, &weights);
    Ok(ledger.ok().map(|ledger| Drawn {
        beacon,
        members,
        ledger,
    }))
}

fn begin(
    deps: DepsMut,
    response: Response,
    id: u64,
    mut session: Session,
    mut drawn: Drawn,
) -> Result<Response> {
    for (member, seat) in drawn.members.iter_mut().zip(&drawn.ledger.seats) {
        member.cover = seat.limit;
        HOST_SESSIONS.save(deps.storage, (&member.host, id), &Empty {})?;
        demand::open(deps.storage, &member.host, &session.model, seat.limit)?;
    }
    let hosts: Vec<&str> = drawn.members.iter().map(|member| member.host.as_str()).collect();
    let event = cosmwasm_std::Event::new("session_drawn")
        .add_attribute("session", id.to_string())
        .add_attribute("committee", hosts.join(","));
    LEDGERS.save(deps.storage, id, &drawn.ledger)?;
    session.phase = Phase::Drawn;
    session.beacon = Some(drawn.beacon);
    session.committee = drawn.members;
    SESSIONS.save(deps.storage, id, &session)?;
    Ok(response.add_event(event))
}

fn void(deps: DepsMut, response: Response, id: u64, mut session: Session, denom: &str) -> Result<Response> {
    session.phase = Phase::Void;
    SESSIONS.save(deps.storage, id, &session)?;
    router::free_bond(deps.storage, &session)?;
    let mut totals = TOTALS.load(deps.storage)?;
    funds::take(&mut totals.escrowed, session.escrow)?;
    funds::add(&mut totals.refunded, session.escrow)?;
    TOTALS.save(deps.storage, &totals)?;
    let event = cosmwasm_std::Event::new("session_void")
        .add_attribute("session", id.to_string())
        .add_attribute("refund", session.escrow.to_string());
    // a refund that the bank refuses must not stop the others' draws
    let refund = funds::send(session.payer.as_str(), session.escrow, denom);
    let refund = refund.map(|refund| reply::guard(refund, &reply::Unpaid::refund(id, session.escrow)));
    let refund: Option<SubMsg> = refund.transpose()?;
    Ok(response.add_submessages(refund).add_event(event))
}
