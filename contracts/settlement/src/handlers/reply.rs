//! What came of payments and slashes.

use cosmwasm_std::{
    from_json, to_json_binary, Addr, CosmosMsg, DepsMut, Env, MessageInfo, Reply, Response, Storage, SubMsg,
    SubMsgResult,
};
use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

use crate::error::{ContractError, Result};
use crate::state::{PARAMS, REFUNDS, SESSIONS, TOTALS};
use crate::{earned, funds, restitution};

const PAYMENT: u64 = 1;
const SLASH: u64 = 2;

/// Whose payment it was.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Payee {
    /// A host at the address that it named for its pay; its own takes it then.
    Host {
        host: Addr,
        elsewhere: bool,
    },
    Router,
    Refund,
    Audits,
}

/// A payment, for the case that the bank refuses it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unpaid {
    session: u64,
    payee: Payee,
    amount: Amount,
}

impl Unpaid {
    /// A host's.
    pub fn host(session: u64, host: &Addr, to: &str, amount: Amount) -> Self {
        let payee = Payee::Host {
            host: host.clone(),
            elsewhere: host.as_str() != to,
        };
        Self {
            session,
            payee,
            amount,
        }
    }

    /// A router's.
    pub const fn router(session: u64, amount: Amount) -> Self {
        Self {
            session,
            payee: Payee::Router,
            amount,
        }
    }

    /// The audits' part.
    pub const fn audits(session: u64, amount: Amount) -> Self {
        Self {
            session,
            payee: Payee::Audits,
            amount,
        }
    }

    /// A payer's.
    pub const fn refund(session: u64, amount: Amount) -> Self {
        Self {
            session,
            payee: Payee::Refund,
            amount,
        }
    }
}

/// A payment whose failure is this contract's to handle.
pub fn guard(payment: impl Into<CosmosMsg>, unpaid: &Unpaid) -> Result<SubMsg> {
    Ok(SubMsg::reply_on_error(payment, PAYMENT).with_payload(to_json_binary(unpaid)?))
}

/// A slash whose outcome this contract must know.
pub fn slash(message: impl Into<CosmosMsg>, slash: &restitution::Slash) -> Result<SubMsg> {
    Ok(SubMsg::reply_always(message, SLASH).with_payload(to_json_binary(slash)?))
}

/// Handles both.
pub fn reply(deps: DepsMut, env: Env, reply: Reply) -> Result<Response> {
    match (reply.id, &reply.result) {
        (PAYMENT, SubMsgResult::Err(_)) => unpaid(deps, from_json(&reply.payload)?),
        (SLASH, result) => {
            let failed = matches!(result, SubMsgResult::Err(_));
            restitution::slashed(deps, &env, from_json(&reply.payload)?, failed)
        }
        _ => Err(ContractError::BadAnswer("no such reply was asked for")),
    }
}

/// A host's coins go to its own address if its payout address was the trouble; a payer's wait for it; else the coins
/// burn, so that nobody keeps others from their money by naming an address that cannot receive.
fn unpaid(deps: DepsMut, unpaid: Unpaid) -> Result<Response> {
    let denom = PARAMS.load(deps.storage)?.denom;
    if let Payee::Host {
        host,
        elsewhere: true,
    } = &unpaid.payee
    {
        let again = Unpaid::host(unpaid.session, host, host.as_str(), unpaid.amount);
        let payment = funds::send(host.as_str(), unpaid.amount, &denom);
        let payment = payment.map(|payment| guard(payment, &again)).transpose()?;
        return Ok(Response::new().add_submessages(payment));
    }
    if unpaid.payee == Payee::Refund {
        return keep(deps.storage, &unpaid);
    }
    note_burned(deps.storage, &unpaid)?;
    Ok(Response::new()
        .add_messages(funds::burn(unpaid.amount, &denom))
        .add_attribute("action", "unpayable")
        .add_attribute("session", unpaid.session.to_string())
        .add_attribute("burned", unpaid.amount.to_string()))
}

/// A refund waits until the payer says where to.
fn keep(storage: &mut dyn Storage, unpaid: &Unpaid) -> Result<Response> {
    let payer = SESSIONS.load(storage, unpaid.session)?.payer;
    let mut owed = REFUNDS.may_load(storage, &payer)?.unwrap_or_default();
    funds::add(&mut owed, unpaid.amount)?;
    REFUNDS.save(storage, &payer, &owed)?;
    let mut totals = TOTALS.load(storage)?;
    funds::add(&mut totals.unclaimed, unpaid.amount)?;
    TOTALS.save(storage, &totals)?;
    Ok(Response::new()
        .add_attribute("action", "refund_kept")
        .add_attribute("session", unpaid.session.to_string())
        .add_attribute("payer", payer)
        .add_attribute("amount", unpaid.amount.to_string()))
}

/// Pays out what waits for the sender. Attributes: `action`, `payer`, `amount`.
pub fn claim_refund(deps: DepsMut, info: MessageInfo, to: &str) -> Result<Response> {
    let to = deps.api.addr_validate(to)?;
    let owed = REFUNDS.may_load(deps.storage, &info.sender)?;
    let owed = owed.ok_or(ContractError::NothingOwed)?;
    REFUNDS.remove(deps.storage, &info.sender);
    let mut totals = TOTALS.load(deps.storage)?;
    funds::take(&mut totals.unclaimed, owed)?;
    TOTALS.save(deps.storage, &totals)?;
    let denom = PARAMS.load(deps.storage)?.denom;
    Ok(Response::new()
        .add_messages(funds::send(to.as_str(), owed, &denom))
        .add_attribute("action", "claim_refund")
        .add_attribute("payer", info.sender)
        .add_attribute("amount", owed.to_string()))
}

fn note_burned(storage: &mut dyn Storage, unpaid: &Unpaid) -> Result<()> {
    let mut totals = TOTALS.load(storage)?;
    let mut session = SESSIONS.load(storage, unpaid.session)?;
    match &unpaid.payee {
        Payee::Host { host, .. } => {
            funds::take(&mut totals.paid, unpaid.amount)?;
            earned::unpaid(storage, Some(host), None, unpaid.amount)?;
        }
        Payee::Router => {
            funds::take(&mut totals.router_fees, unpaid.amount)?;
            earned::unpaid(storage, None, session.router.as_ref(), unpaid.amount)?;
        }
        Payee::Audits => funds::take(&mut totals.audits, unpaid.amount)?,
        Payee::Refund => return Ok(()),
    }
    funds::add(&mut totals.burned, unpaid.amount)?;
    TOTALS.save(storage, &totals)?;
    if let Some(outcome) = &mut session.outcome {
        match &unpaid.payee {
            Payee::Host { host, .. } => {
                let paid = outcome.paid.iter_mut().find(|(name, _)| name == host.as_str());
                if let Some((_, amount)) = paid {
                    funds::take(amount, unpaid.amount)?;
                }
            }
            Payee::Router => funds::take(&mut outcome.router_fee, unpaid.amount)?,
            Payee::Audits => funds::take(&mut outcome.audits, unpaid.amount)?,
            Payee::Refund => {}
        }
        funds::add(&mut outcome.burned, unpaid.amount)?;
        SESSIONS.save(storage, unpaid.session, &session)?;
    }
    Ok(())
}
