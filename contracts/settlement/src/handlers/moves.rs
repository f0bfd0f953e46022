//! Releases and rebalances.

use cosmwasm_std::{Addr, Deps, DepsMut, Env, MessageInfo, Response};
use quern_protocol::{Amount, Release, Signature};

use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{Session, LEDGERS, SESSIONS};
use crate::{demand, sessions};

/// Seats of a pair of hosts, and the giver.
fn seats(deps: Deps, session: &Session, from: &str, to: &str) -> Result<(usize, usize, Addr)> {
    let from = deps.api.addr_validate(from)?;
    let to = deps.api.addr_validate(to)?;
    Ok((session.seat(&from)?.0, session.seat(&to)?.0, from))
}

/// Moves a limit by the giver's word. Attributes: `action`, `session`, `from`, `to`, `amount`.
pub fn present_release(deps: DepsMut, env: Env, release: Release, signature: Signature) -> Result<Response> {
    let (mut session, mut ledger) = sessions::drawn(deps.storage, release.session, env.block.height)?;
    let (from, to, giver) = seats(deps.as_ref(), &session, &release.from, &release.to)?;
    let chain = Chain::load(deps.as_ref())?;
    // the key of now: one that leaked and was replaced moves nothing
    let key = chain.warm_key_at(&giver, env.block.height)?.key;
    if !chain.signed(&release.digest(&env.block.chain_id), &signature, &key) {
        return Err(ContractError::BadSignature(
            "the release is not by the giver's warm key of now",
        ));
    }
    let amount = ledger.release(from, to, release.cumulative)?;
    demand::shift(deps.storage, &mut session, from, to, amount)?;
    SESSIONS.save(deps.storage, release.session, &session)?;
    LEDGERS.save(deps.storage, release.session, &ledger)?;
    Ok(Response::new()
        .add_attribute("action", "present_release")
        .add_attribute("session", release.session.to_string())
        .add_attribute("from", release.from)
        .add_attribute("to", release.to)
        .add_attribute("amount", amount.to_string()))
}

/// Asks to move a silent host's limit. Attributes: `action`, `session`, `from`, `to`, `amount`, `due_at`.
pub fn rebalance(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    id: u64,
    (giver, receiver): (String, String),
    amount: Amount,
) -> Result<Response> {
    let (session, mut ledger) = sessions::open(deps.storage, id, env.block.height)?;
    if !session.governs(&info.sender) {
        return Err(ContractError::Unauthorized("payer, agent or router"));
    }
    let (from, to, _) = seats(deps.as_ref(), &session, &giver, &receiver)?;
    let due_at = env.block.height.saturating_add(session.lapse_blocks);
    ledger.rebalance(from, to, amount, due_at)?;
    LEDGERS.save(deps.storage, id, &ledger)?;
    Ok(Response::new()
        .add_attribute("action", "rebalance")
        .add_attribute("session", id.to_string())
        .add_attribute("from", giver)
        .add_attribute("to", receiver)
        .add_attribute("amount", amount.to_string())
        .add_attribute("due_at", due_at.to_string()))
}

/// Moves what was not proven. Attributes: `action`, `session`, `from`, `to`, `amount`.
pub fn execute_rebalance(deps: DepsMut, env: Env, id: u64, from: String) -> Result<Response> {
    let (mut session, mut ledger) = sessions::open(deps.storage, id, env.block.height)?;
    let giver = deps.api.addr_validate(&from)?;
    let (seat, _) = session.seat(&giver)?;
    let (to, amount) = ledger.execute_rebalance(seat, env.block.height)?;
    LEDGERS.save(deps.storage, id, &ledger)?;
    demand::shift(deps.storage, &mut session, seat, to, amount)?;
    SESSIONS.save(deps.storage, id, &session)?;
    let receiver = session.committee.get(to).map(|member| &member.host);
    let to = receiver.map_or("", |host| host.as_str());
    Ok(Response::new()
        .add_attribute("action", "execute_rebalance")
        .add_attribute("session", id.to_string())
        .add_attribute("from", from)
        .add_attribute("to", to)
        .add_attribute("amount", amount.to_string()))
}
