//! Requests that hosts did not serve.

use cosmwasm_std::{DepsMut, Env, MessageInfo, Response};
use quern_interface::settlement::MAX_MISSES;
use quern_protocol::{Amount, Miss};

use crate::chain::Chain;
use crate::completion;
use crate::demand;
use crate::error::{ContractError, Result};
use crate::state::{Member, Session, SESSIONS};
use crate::{funds, sessions};

/// Takes refusals and time-outs of one session into the records of its hosts, of each kind the first two of a host; every
/// refusal is demand. Attributes: `action`, `session`, `misses`.
pub fn note_misses(deps: DepsMut, env: Env, info: MessageInfo, id: u64, misses: &[Miss]) -> Result<Response> {
    if misses.is_empty() || misses.len() > MAX_MISSES {
        return Err(ContractError::BadMiss("send 1 to 8 of them"));
    }
    let height = env.block.height;
    let (mut session, ledger) = sessions::drawn(deps.storage, id, height)?;
    if !session.governs(&info.sender) {
        return Err(ContractError::Unauthorized("payer, agent or router"));
    }
    let chain = Chain::load(deps.as_ref())?;
    let price = chain.price_at(&session.model, height)?;
    let mut marked = Vec::with_capacity(misses.len());
    for miss in misses {
        if completion::requests(miss.voucher.ceiling, price) == 0 {
            return Err(ContractError::BadMiss("its ceiling pays for less than 16 tokens"));
        }
        let index = check(&chain, &env, id, &session, miss)?;
        let seat = ledger.seats.get(index);
        let (Some(member), Some(seat)) = (session.committee.get_mut(index), seat) else {
            return Err(ContractError::BadMiss("no such seat"));
        };
        if add(member, miss, seat.limit)? {
            marked.push(member.host.clone());
        }
    }
    // limits move between seats; each coin backs one request
    let ceilings = Amount::sum(session.committee.iter().map(|member| member.ceilings));
    if ceilings.is_none_or(|sum| sum > session.escrow) {
        return Err(ContractError::BadMiss("their ceilings are above the escrow"));
    }
    for host in marked {
        completion::missed(deps.storage, &host, &session.model)?;
    }
    for miss in misses.iter().filter(|miss| miss.reason.is_some()) {
        demand::refused(deps.storage, &session.model, miss.voucher.ceiling, price, height)?;
    }
    SESSIONS.save(deps.storage, id, &session)?;
    Ok(Response::new()
        .add_attribute("action", "note_misses")
        .add_attribute("session", id.to_string())
        .add_attribute("misses", misses.len().to_string()))
}

/// Adds a miss to those of a seat; answers whether it counts against the host.
fn add(member: &mut Member, miss: &Miss, limit: Amount) -> Result<bool> {
    member.missed = miss.voucher.nonce;
    funds::add(&mut member.ceilings, miss.voucher.ceiling)?;
    if member.ceilings > limit {
        return Err(ContractError::BadMiss(
            "ceilings of its misses are above the limit",
        ));
    }
    let refused = miss.reason.is_some();
    let count = if refused {
        &mut member.refusals
    } else {
        &mut member.timeouts
    };
    if *count < completion::MAX_COUNTED {
        *count = count.saturating_add(1);
        return Ok(true);
    }
    if refused {
        return Ok(false);
    }
    Err(ContractError::BadMiss(
        "two time-outs of a host count in a session",
    ))
}

/// The seat that a miss is about, if it is proven. A seat's nonces must rise, so that each counts once.
fn check(chain: &Chain, env: &Env, id: u64, session: &Session, miss: &Miss) -> Result<usize> {
    let refuse = |why| Err(ContractError::BadMiss(why));
    let (voucher, chain_id) = (&miss.voucher, env.block.chain_id.as_str());
    let members = || session.committee.iter().enumerate();
    let found = members().find(|(_, member)| member.host.as_str() == voucher.host);
    let Some((seat, member)) = found.filter(|_| voucher.session == id) else {
        return refuse("it is of another session, or of no host of the committee");
    };
    if voucher.nonce <= member.missed {
        return refuse("nonces of a host must rise");
    }
    if voucher.height < session.drawn_at || voucher.height > session.closes_at {
        return refuse("the voucher was not valid");
    }
    let until = voucher.height.saturating_add(session.lapse_blocks);
    if miss.height < voucher.height || miss.height > until.min(env.block.height) {
        return refuse("its height is not between the voucher's and the lapse");
    }
    if !chain.signed(
        &voucher.digest(chain_id),
        &miss.voucher_signature,
        &session.session_key,
    ) {
        return Err(ContractError::BadSignature(
            "the voucher's is not by the session key",
        ));
    }
    let rightful = match (miss.reason, miss.signed.as_slice()) {
        (Some(_), [own]) => own.host == voucher.host,
        (None, [first, second]) => {
            first.host != second.host && first.host != voucher.host && second.host != voucher.host
        }
        _ => false,
    };
    if !rightful {
        return refuse("a refusal is signed by the host, a time-out by two others of the committee");
    }
    let digest = miss.digest(chain_id);
    for one in &miss.signed {
        let member = members().find(|(_, member)| member.host.as_str() == one.host);
        let Some((_, member)) = member else {
            return refuse("a witness is not of the committee");
        };
        let key = chain.warm_key_at(&member.host, miss.height)?.key;
        if !chain.signed(&digest, &one.signature, &key) {
            return Err(ContractError::BadSignature("it is not by the warm key of then"));
        }
    }
    Ok(seat)
}
