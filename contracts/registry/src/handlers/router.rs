//! Routers: permissionless, listed for those who look for one.

use cosmwasm_std::{DepsMut, MessageInfo, Response, Storage};
use quern_interface::registry::RouterDetails;
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::state::{Router, ROUTERS};
use crate::{funds, text};

fn check(details: &RouterDetails) -> Result<()> {
    text::moniker(&details.moniker)?;
    text::endpoint(&details.endpoint)?;
    if u128::from(details.fee_bps) > quern_interface::BPS {
        return Err(ContractError::BadText {
            field: "fee_bps",
            rule: "at most 10000",
        });
    }
    Ok(())
}

fn running(storage: &dyn Storage, info: &MessageInfo) -> Result<Router> {
    ROUTERS
        .may_load(storage, &info.sender)?
        .filter(|router| !router.retired)
        .ok_or_else(|| ContractError::UnknownRouter(info.sender.to_string()))
}

fn save(deps: DepsMut, info: MessageInfo, router: &Router, action: &str) -> Result<Response> {
    funds::expect(&info, Amount::ZERO, "")?;
    check(&router.details)?;
    ROUTERS.save(deps.storage, &info.sender, router)?;
    Ok(Response::new()
        .add_attribute("action", action)
        .add_attribute("router", info.sender))
}

/// Registers the sender, or takes a retired router back. Attributes: `action`, `router`.
pub fn register(deps: DepsMut, info: MessageInfo, details: RouterDetails) -> Result<Response> {
    if running(deps.storage, &info).is_ok() {
        return Err(ContractError::AlreadyRegistered(info.sender.to_string()));
    }
    let router = Router {
        details,
        retired: false,
    };
    save(deps, info, &router, "register_router")
}

/// Replaces the sender's details. Attributes: `action`, `router`.
pub fn update(deps: DepsMut, info: MessageInfo, details: RouterDetails) -> Result<Response> {
    let mut router = running(deps.storage, &info)?;
    router.details = details;
    save(deps, info, &router, "update_router")
}

/// The sender stops. Attributes: `action`, `router`.
pub fn retire(deps: DepsMut, info: MessageInfo) -> Result<Response> {
    let mut router = running(deps.storage, &info)?;
    router.retired = true;
    save(deps, info, &router, "retire_router")
}
