//! The pot and what it owes.

use cosmwasm_std::{DepsMut, MessageInfo, Response};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::funds;
use crate::say;
use crate::state::{HOSTS, PARAMS, TOTALS};
use crate::table::{Cell, Table};

/// The pot grows by the funds. Attributes: `action`, `pot`.
pub fn fund(deps: DepsMut, info: MessageInfo) -> Result<Response> {
    let amount = funds::one(&info, &PARAMS.load(deps.storage)?.denom)?;
    let mut totals = TOTALS.read(deps.storage)?;
    funds::add(&mut totals.pot, amount)?;
    funds::add(&mut totals.funded, amount)?;
    TOTALS.write(deps.storage, &totals)?;
    Ok(say::answer("fund", &[("pot", totals.pot.to_string())]))
}

/// The sender takes what it earned. Attributes: `action`, `auditor`, `amount`.
pub fn withdraw(deps: DepsMut, info: MessageInfo) -> Result<Response> {
    let mut record = HOSTS.find(deps.storage, &info.sender)?.unwrap_or_default();
    let amount = std::mem::replace(&mut record.owed, Amount::ZERO);
    if amount.is_zero() {
        return Err(ContractError::NothingOwed);
    }
    HOSTS.write(deps.storage, &info.sender, &record)?;
    let mut totals = TOTALS.read(deps.storage)?;
    funds::take(&mut totals.owed, amount)?;
    funds::add(&mut totals.paid, amount)?;
    TOTALS.write(deps.storage, &totals)?;
    let denom = PARAMS.load(deps.storage)?.denom;
    Ok(Response::new()
        .add_messages(funds::send(info.sender.as_str(), amount, &denom))
        .add_attribute("action", "withdraw")
        .add_attribute("auditor", info.sender)
        .add_attribute("amount", amount.to_string()))
}
