//! What came of payments and slashes.

use cosmwasm_std::{
    from_json, to_json_binary, Addr, CosmosMsg, DepsMut, Env, Reply, Response, Storage, SubMsg, SubMsgResult,
};
use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

use crate::error::{ContractError, Result};
use crate::state::{PARAMS, SESSIONS, TOTALS};
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

    /// A payer's, of a void session.
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

/// A host's coins go to its own address if its payout address was the trouble; else the coins burn, so that
/// nobody keeps others from their money by naming an address that cannot receive.
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
    note_burned(deps.storage, &unpaid)?;
    Ok(Response::new()
        .add_messages(funds::burn(unpaid.amount, &denom))
        .add_attribute("action", "unpayable")
        .add_attribute("session", unpaid.session.to_string())
        .add_attribute("burned", unpaid.amount.to_string()))
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
        Payee::Refund => funds::take(&mut totals.refunded, unpaid.amount)?,
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
            Payee::Refund => funds::take(&mut outcome.refund, unpaid.amount)?,
        }
        funds::add(&mut outcome.burned, unpaid.amount)?;
        SESSIONS.save(storage, unpaid.session, &session)?;
    }
    Ok(())
}
