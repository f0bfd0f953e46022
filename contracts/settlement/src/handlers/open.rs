//! Opening and ending sessions.

use cosmwasm_std::{DepsMut, Empty, Env, MessageInfo, Response, Storage};
use quern_interface::registry::ModelState;
use quern_interface::settlement::{open_fee, Consent, Params, SignedBy};
use quern_protocol::{Amount, Price, PublicKey};

use super::consent;
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{
    Phase, Session, LAST_SESSION, PARAMS, PAYER_SESSIONS, PENDING, ROUTERS, SESSIONS, TOTALS, WAITING,
};
use crate::{funds, sessions};

/// What a payer asks for.
pub struct Asked {
    /// Model.
    pub model: String,
    /// Highest price.
    pub max_price: Price,
    /// Router.
    pub router: Option<String>,
    /// Its fee.
    pub router_fee_bps: u32,
    /// Key that signs vouchers.
    pub session_key: PublicKey,
    /// Who else may close and rebalance.
    pub agent: Option<String>,
    /// Whose key it is.
    pub signed_by: SignedBy,
    /// Blocks until it closes by itself.
    pub blocks: u64,
    /// That the router agrees.
    pub consent: Option<Consent>,
    /// Highest open fee.
    pub max_fee: Option<Amount>,
}

/// Opens a session. Attributes: `action`, `session`, `payer`, `model`, `escrow`, `fee`, `drawn_at`, `closes_at`.
pub fn open(mut deps: DepsMut, env: Env, info: MessageInfo, asked: Asked) -> Result<Response> {
    let params = PARAMS.load(deps.storage)?;
    let height = env.block.height;
    let waiting = WAITING.load(deps.storage)?;
    let fee = open_fee(&params, waiting).ok_or(ContractError::QueueFull)?;
    let max_fee = asked.max_fee.unwrap_or(params.open_fee);
    let back = max_fee.checked_sub(fee).ok_or(ContractError::FeeTooHigh(fee))?;
    let escrow = escrow(&info, &params, max_fee)?;
    check(&asked, &params)?;
    let chain = Chain::load(deps.as_ref())?;
    if !chain.is_key(&asked.session_key) {
        return Err(ContractError::BadSession(
            "session_key is no compressed secp256k1 key",
        ));
    }
    let model = chain.model(&asked.model)?;
    if !matches!(model.state, ModelState::Live | ModelState::Canary) {
        return Err(ContractError::ModelClosed(asked.model));
    }
    let price = chain.price_at(&asked.model, height)?;
    if price > asked.max_price {
        return Err(ContractError::PriceTooHigh(price));
    }
    let validate = |who: &Option<String>| who.as_ref().map(|who| deps.api.addr_validate(who)).transpose();
    let session = Session {
        payer: info.sender,
        model: asked.model,
        model_hash: model.hash,
        coefficients: model.coefficients,
        max_price: asked.max_price,
        router: validate(&asked.router)?,
        router_fee_bps: asked.router_fee_bps,
        session_key: asked.session_key,
        agent: validate(&asked.agent)?,
        signed_by: asked.signed_by,
        escrow,
        opened_at: height,
        drawn_at: height.saturating_add(params.draw_delay),
        closes_at: height.saturating_add(asked.blocks),
        lapse_blocks: params.lapse_blocks,
        appeal_blocks: params.appeal_blocks,
        burn_bps: params.burn_bps,
        audit_bps: params.audit_bps,
        phase: Phase::Pending,
        beacon: None,
        committee: Vec::new(),
        outcome: None,
    };
    consent::take(deps.branch(), &env, &session, asked.consent.as_ref())?;
    reserve_bond(deps.storage, &session)?;
    let id = LAST_SESSION
        .load(deps.storage)?
        .checked_add(1)
        .ok_or(ContractError::Overflow)?;
    LAST_SESSION.save(deps.storage, &id)?;
    SESSIONS.save(deps.storage, id, &session)?;
    PENDING.save(deps.storage, (session.drawn_at, id), &Empty {})?;
    WAITING.save(deps.storage, &waiting.saturating_add(1))?;
    PAYER_SESSIONS.save(deps.storage, (&session.payer, id), &Empty {})?;
    let mut totals = TOTALS.load(deps.storage)?;
    funds::add(&mut totals.escrowed, escrow)?;
    funds::add(&mut totals.burned, fee)?;
    TOTALS.save(deps.storage, &totals)?;
    Ok(Response::new()
        .add_messages(funds::burn(fee, &params.denom))
        .add_messages(funds::send(session.payer.as_str(), back, &params.denom))
        .add_attribute("action", "open_session")
        .add_attribute("session", id.to_string())
        .add_attribute("payer", session.payer)
        .add_attribute("model", session.model)
        .add_attribute("escrow", escrow.to_string())
        .add_attribute("fee", fee.to_string())
        .add_attribute("drawn_at", session.drawn_at.to_string())
        .add_attribute("closes_at", session.closes_at.to_string()))
}

/// What was sent beyond the highest open fee.
fn escrow(info: &MessageInfo, params: &Params, max_fee: Amount) -> Result<Amount> {
    let sent = funds::one(info, &params.denom)?;
    let escrow = sent.checked_sub(max_fee);
    escrow
        .filter(|escrow| *escrow >= params.min_escrow)
        .ok_or_else(|| {
            let least = params.min_escrow.0.saturating_add(max_fee.0);
            ContractError::WrongFunds(format!(
                "at least {least}{}, the highest open fee included",
                params.denom
            ))
        })
}

fn check(asked: &Asked, params: &Params) -> Result<()> {
    let problem = if !asked.max_price.is_admitted() {
        "max_price is not between 1 and 10^9"
    } else if asked.router_fee_bps > params.max_router_fee_bps {
        "router_fee_bps is above the most that is allowed"
    } else if asked.router.is_none() && asked.router_fee_bps > 0 {
        "a fee without a router"
    } else if asked.router.is_none() && asked.signed_by == SignedBy::Router {
        "signed_by router without a router"
    } else if asked.blocks <= params.draw_delay {
        "blocks is not above draw_delay, so no voucher could count"
    } else if asked.blocks > params.max_session_blocks {
        "blocks is above max_session_blocks"
    } else {
        return Ok(());
    };
    Err(ContractError::BadSession(problem))
}

/// A router that holds the key answers for the escrow with its bond.
fn reserve_bond(storage: &mut dyn Storage, session: &Session) -> Result<()> {
    let (Some(router), SignedBy::Router) = (&session.router, session.signed_by) else {
        return Ok(());
    };
    let mut bond = ROUTERS.may_load(storage, router)?.unwrap_or_default();
    let free = bond.bond.saturating_sub(bond.in_flight);
    if session.escrow > free {
        return Err(ContractError::RouterBondShort(free));
    }
    funds::add(&mut bond.in_flight, session.escrow)?;
    ROUTERS.save(storage, router, &bond)?;
    Ok(())
}

/// No voucher of a later height counts. Attributes: `action`, `session`, `closes_at`.
pub fn close_session(deps: DepsMut, env: Env, info: MessageInfo, id: u64) -> Result<Response> {
    let height = env.block.height;
    let (mut session, _) = sessions::open(deps.storage, id, height)?;
    if !session.governs(&info.sender) {
        return Err(ContractError::Unauthorized("payer, agent or router"));
    }
    session.closes_at = height;
    SESSIONS.save(deps.storage, id, &session)?;
    Ok(Response::new()
        .add_attribute("action", "close_session")
        .add_attribute("session", id.to_string())
        .add_attribute("closes_at", height.to_string()))
}
