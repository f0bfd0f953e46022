//! Pay.

use cosmwasm_std::{Addr, DepsMut, Env, Response, Storage, SubMsg};
use quern_interface::settlement::{Outcome, Totals};
use quern_protocol::ledger::{Division, Ledger};
use quern_protocol::Amount;

use super::{reply, router};
use crate::chain::Chain;
use crate::earned::Shares;
use crate::error::{ContractError, Result};
use crate::state::{
    Phase, Session, CLAIMS, CONFIG, FORFEITS, FROZEN, HOST_SESSIONS, PARAMS, SESSIONS, TOTALS,
};
use crate::{completion, demand, funds, restitution, sessions};

/// Pays hosts, router, audits and burn, and returns the rest: at most 13 payments. Attributes: `action`,
/// `session`, `paid`, `router_fee`, `burned`, `audits`, `refund`, `voided`, `restitution`.
pub fn close(mut deps: DepsMut, env: Env, id: u64) -> Result<Response> {
    let (mut session, ledger) = sessions::drawn(deps.storage, id, env.block.height)?;
    if env.block.height < session.payable_at() {
        return Err(ContractError::TooEarly(session.payable_at()));
    }
    held_back(deps.storage, &session, &ledger, env.block.height)?;
    let void = void_seats(&Chain::load(deps.as_ref())?, &session)?;
    let division = ledger.divide(&void)?;
    note_served(deps.branch(), &session, &ledger, &void, env.block.height)?;
    let extra = drop_claims(deps.storage, &session, &ledger, &void, id)?;
    let audited = CONFIG.load(deps.storage)?.audits.is_some();
    let shares = Shares::of(&session, &ledger, &division, &void, audited)?;
    let mut outcome = outcome(&session, &division, shares.audits()?, extra)?;
    forfeit(deps.storage, &mut outcome)?;
    shares.note(deps.storage, &session, &outcome.paid)?;
    note(deps.storage, &session, &outcome)?;
    router::free_bond(deps.storage, &session)?;
    let denom = PARAMS.load(deps.storage)?.denom;
    let payments = payments(&Chain::load(deps.as_ref())?, id, &session, &outcome, &denom)?;
    session.phase = Phase::Closed;
    let paid = Amount::sum(outcome.paid.iter().map(|(_, amount)| *amount)).unwrap_or_default();
    let response = Response::new()
        .add_submessages(payments)
        .add_attribute("action", "close")
        .add_attribute("session", id.to_string())
        .add_attribute("paid", paid.to_string())
        .add_attribute("router_fee", outcome.router_fee.to_string())
        .add_attribute("burned", outcome.burned.to_string())
        .add_attribute("audits", outcome.audits.to_string())
        .add_attribute("refund", outcome.refund.to_string())
        .add_attribute("voided", outcome.voided.to_string())
        .add_attribute("restitution", outcome.restitution.to_string());
    session.outcome = Some(outcome);
    sessions::end(deps.storage, id, env.block.height)?;
    SESSIONS.save(deps.storage, id, &session)?;
    Ok(response)
}

/// Refuses while a host that claims here is frozen, so that no doubtful claim is paid. For at most another
/// appeal: nobody may keep the payer and the other hosts from their money for ever.
fn held_back(storage: &dyn Storage, session: &Session, ledger: &Ledger, height: u64) -> Result<()> {
    let until = session.payable_at().saturating_add(session.appeal_blocks);
    if height >= until {
        return Ok(());
    }
    for (member, seat) in session.committee.iter().zip(&ledger.seats) {
        if !seat.claimed.is_zero() && FROZEN.has(storage, &member.host) {
            return Err(ContractError::Frozen {
                host: member.host.to_string(),
                until,
            });
        }
    }
    Ok(())
}

/// Burns what judges took, as far as the pay reaches.
fn forfeit(storage: &mut dyn Storage, outcome: &mut Outcome) -> Result<()> {
    for (host, pay) in &mut outcome.paid {
        let host = Addr::unchecked(host.as_str());
        let Some(mut owed) = FORFEITS.may_load(storage, &host)? else {
            continue;
        };
        let part = owed.min(*pay);
        funds::take(pay, part)?;
        funds::add(&mut outcome.burned, part)?;
        funds::take(&mut owed, part)?;
        if owed.is_zero() {
            FORFEITS.remove(storage, &host);
        } else {
            FORFEITS.save(storage, &host, &owed)?;
        }
    }
    Ok(())
}

/// Seats whose host was convicted for the model since the draw.
fn void_seats(chain: &Chain, session: &Session) -> Result<Vec<bool>> {
    let hosts = session.committee.iter().map(|member| member.host.to_string());
    let now = chain.generations(&session.model, hosts.collect())?;
    let drawn = session.committee.iter().map(|member| member.generation);
    Ok(now
        .into_iter()
        .zip(drawn)
        .map(|(now, drawn)| now > drawn)
        .collect())
}

/// What hosts completed: their word on how many requests that were, as far as the pay makes it likely. A price that cannot
/// be had keeps nobody from their money.
fn note_served(deps: DepsMut, session: &Session, ledger: &Ledger, void: &[bool], height: u64) -> Result<()> {
    if ledger.seats.iter().all(|seat| seat.claimed.is_zero()) {
        return Ok(());
    }
    let Ok(price) = Chain::load(deps.as_ref())?.price_at(&session.model, height) else {
        return Ok(());
    };
    for ((member, seat), void) in session.committee.iter().zip(&ledger.seats).zip(void) {
        if !void {
            let requests = seat.receipts.min(completion::requests(seat.claimed, price));
            completion::served(deps.storage, &member.host, &session.model, requests)?;
        }
    }
    Ok(())
}

/// Takes the session's claims out of the books; answers the payer's part of slashed bonds.
fn drop_claims(
    storage: &mut dyn Storage,
    session: &Session,
    ledger: &Ledger,
    void: &[bool],
    id: u64,
) -> Result<Amount> {
    let mut extra = Amount::ZERO;
    for ((member, seat), void) in session.committee.iter().zip(&ledger.seats).zip(void) {
        HOST_SESSIONS.remove(storage, (&member.host, id));
        demand::close(storage, member, &session.model, seat, *void)?;
        let standing = (&member.host, session.model.as_str(), member.generation);
        if *void {
            funds::add(&mut extra, restitution::draw(storage, standing, seat.claimed)?)?;
        }
        if !seat.claimed.is_zero() {
            let mut sum = CLAIMS.may_load(storage, standing)?.unwrap_or_default();
            funds::take(&mut sum, seat.claimed)?;
            if sum.is_zero() {
                CLAIMS.remove(storage, standing);
            } else {
                CLAIMS.save(storage, standing, &sum)?;
            }
        }
    }
    Ok(extra)
}

fn outcome(session: &Session, division: &Division, audits: Amount, restitution: Amount) -> Result<Outcome> {
    let hosts = session.committee.iter().map(|member| member.host.to_string());
    let mut burned = division.burned;
    funds::take(&mut burned, audits)?;
    Ok(Outcome {
        paid: hosts.zip(division.hosts.iter().copied()).collect(),
        router_fee: division.router,
        burned,
        audits,
        refund: division.refund,
        voided: division.voided,
        restitution,
    })
}

fn note(storage: &mut dyn Storage, session: &Session, outcome: &Outcome) -> Result<()> {
    let mut totals: Totals = TOTALS.load(storage)?;
    funds::take(&mut totals.escrowed, session.escrow)?;
    funds::take(&mut totals.restitution_held, outcome.restitution)?;
    for (_, amount) in &outcome.paid {
        funds::add(&mut totals.paid, *amount)?;
    }
    funds::add(&mut totals.router_fees, outcome.router_fee)?;
    funds::add(&mut totals.burned, outcome.burned)?;
    funds::add(&mut totals.audits, outcome.audits)?;
    funds::add(&mut totals.refunded, outcome.refund)?;
    TOTALS.save(storage, &totals)?;
    Ok(())
}

/// A payout address or a router that the bank refuses must not keep the others from their money.
fn payments(
    chain: &Chain,
    id: u64,
    session: &Session,
    outcome: &Outcome,
    denom: &str,
) -> Result<Vec<SubMsg>> {
    let mut payments = Vec::with_capacity(13);
    for (host, amount) in session
        .committee
        .iter()
        .map(|member| &member.host)
        .zip(outcome.paid.iter().map(|(_, amount)| *amount))
    {
        if amount.is_zero() {
            continue;
        }
        let to = chain.payout(host).unwrap_or_else(|_| host.to_string());
        if let Some(send) = funds::send(&to, amount, denom) {
            payments.push(reply::guard(send, &reply::Unpaid::host(id, host, &to, amount))?);
        }
    }
    if let Some(router) = &session.router {
        if let Some(send) = funds::send(router.as_str(), outcome.router_fee, denom) {
            payments.push(reply::guard(
                send,
                &reply::Unpaid::router(id, outcome.router_fee),
            )?);
        }
    }
    if let Some(audits) = &chain.config.audits {
        if let Some(fund) = funds::to_audits(audits, outcome.audits, denom) {
            payments.push(reply::guard(fund, &reply::Unpaid::audits(id, outcome.audits))?);
        }
    }
    payments.extend(funds::burn(outcome.burned, denom).map(SubMsg::new));
    let back = outcome
        .refund
        .checked_add(outcome.restitution)
        .ok_or(ContractError::Overflow)?;
    if let Some(send) = funds::send(session.payer.as_str(), back, denom) {
        payments.push(reply::guard(send, &reply::Unpaid::refund(id, back))?);
    }
    Ok(payments)
}
