//! What hosts take out.

use cosmwasm_std::{DepsMut, MessageInfo, Response};

use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{ACCOUNTS, PARAMS, TOTALS};
use crate::{accounts, funds};

/// Pays what has vested to the host's payout address, whoever asks. Attributes: `action`, `host`, `payout`,
/// `amount`.
pub fn claim(deps: DepsMut, info: MessageInfo, host: String) -> Result<Response> {
    funds::none(&info)?;
    let mut account = accounts::settle(deps.storage, &host)?;
    let amount = account.claim().ok_or(ContractError::Overflow)?;
    if amount.is_zero() {
        return Err(ContractError::NothingVested(host));
    }
    ACCOUNTS.save(deps.storage, &host, &account)?;
    let mut totals = TOTALS.load(deps.storage)?;
    funds::add(&mut totals.claimed, amount)?;
    TOTALS.save(deps.storage, &totals)?;
    let payout = Chain::load(deps.as_ref())?.payout(&host)?;
    let denom = PARAMS.load(deps.storage)?.denom;
    Ok(Response::new()
        .add_messages(funds::send(&payout, amount, &denom))
        .add_attribute("action", "claim")
        .add_attribute("host", host)
        .add_attribute("payout", payout)
        .add_attribute("amount", amount.to_string()))
}
