//! Routers' bonds.

use cosmwasm_std::{DepsMut, MessageInfo, Response, Storage};
use quern_interface::settlement::SignedBy;
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::funds;
use crate::state::{Session, PARAMS, ROUTERS, TOTALS};

/// The sender's bond grows by the funds. Attributes: `action`, `router`, `bond`.
pub fn fund_router(deps: DepsMut, info: MessageInfo) -> Result<Response> {
    let amount = funds::one(&info, &PARAMS.load(deps.storage)?.denom)?;
    let mut bond = ROUTERS.may_load(deps.storage, &info.sender)?.unwrap_or_default();
    funds::add(&mut bond.bond, amount)?;
    ROUTERS.save(deps.storage, &info.sender, &bond)?;
    let mut totals = TOTALS.load(deps.storage)?;
    funds::add(&mut totals.router_bonds, amount)?;
    TOTALS.save(deps.storage, &totals)?;
    Ok(Response::new()
        .add_attribute("action", "fund_router")
        .add_attribute("router", info.sender)
        .add_attribute("bond", bond.bond.to_string()))
}

/// The sender takes back what no escrow in flight needs. Attributes: `action`, `router`, `bond`.
pub fn defund_router(deps: DepsMut, info: MessageInfo, amount: Amount) -> Result<Response> {
    let mut bond = ROUTERS.may_load(deps.storage, &info.sender)?.unwrap_or_default();
    let free = bond.bond.saturating_sub(bond.in_flight);
    if amount.is_zero() || amount > free {
        return Err(ContractError::BondInUse(free));
    }
    funds::take(&mut bond.bond, amount)?;
    ROUTERS.save(deps.storage, &info.sender, &bond)?;
    let mut totals = TOTALS.load(deps.storage)?;
    funds::take(&mut totals.router_bonds, amount)?;
    TOTALS.save(deps.storage, &totals)?;
    let denom = PARAMS.load(deps.storage)?.denom;
    Ok(Response::new()
        .add_messages(funds::send(info.sender.as_str(), amount, &denom))
        .add_attribute("action", "defund_router")
        .add_attribute("router", info.sender)
        .add_attribute("bond", bond.bond.to_string()))
}

/// A paid or void session's escrow is no longer in flight.
pub fn free_bond(storage: &mut dyn Storage, session: &Session) -> Result<()> {
    if let (Some(router), SignedBy::Router) = (&session.router, session.signed_by) {
        let mut bond = ROUTERS.load(storage, router)?;
        funds::take(&mut bond.in_flight, session.escrow)?;
        ROUTERS.save(storage, router, &bond)?;
    }
    Ok(())
}
