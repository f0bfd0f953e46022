//! What hosts and their funders take out.

use cosmwasm_std::{to_json_binary, DepsMut, MessageInfo, Response, WasmMsg};
use quern_interface::bonding;
use quern_protocol::Amount;

use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{ACCOUNTS, CONFIG, PARAMS, TOTALS};
use crate::{accounts, funds};

/// Has bonding divide what has vested and pay the host's part, whoever asks. Attributes: `action`, `host`.
pub fn claim(deps: DepsMut, info: MessageInfo, host: String) -> Result<Response> {
    funds::none(&info)?;
    let account = accounts::settle(deps.storage, &host)?;
    if account.claimable.is_zero() {
        return Err(ContractError::NothingVested(host));
    }
    ACCOUNTS.save(deps.storage, &host, &account)?;
    let call = WasmMsg::Execute {
        contract_addr: CONFIG.load(deps.storage)?.bonding.into(),
        msg: to_json_binary(&bonding::ExecuteMsg::WithdrawHost { host: host.clone() })?,
        funds: vec![],
    };
    Ok(Response::new()
        .add_message(call)
        .add_attribute("action", "claim")
        .add_attribute("host", host))
}

/// Bonding says whom to pay out of a host's vested rewards: never more than they are. Attributes: `action`, `host`,
/// `payout`, `amount`.
pub fn pay(
    deps: DepsMut,
    info: MessageInfo,
    host: String,
    to: Option<String>,
    amount: Amount,
) -> Result<Response> {
    funds::none(&info)?;
    if CONFIG.load(deps.storage)?.bonding != info.sender {
        return Err(ContractError::Unauthorized("bonding"));
    }
    let mut account = accounts::settle(deps.storage, &host)?;
    account
        .pay(amount)
        .ok_or(ContractError::NotVested(account.claimable))?;
    ACCOUNTS.save(deps.storage, &host, &account)?;
    let mut totals = TOTALS.load(deps.storage)?;
    funds::add(&mut totals.claimed, amount)?;
    TOTALS.save(deps.storage, &totals)?;
    let payout = match to {
        Some(to) => deps.api.addr_validate(&to)?.into(),
        None => Chain::load(deps.as_ref())?.payout(&host)?,
    };
    let denom = PARAMS.load(deps.storage)?.denom;
    Ok(Response::new()
        .add_messages(funds::send(&payout, amount, &denom))
        .add_attribute("action", "pay")
        .add_attribute("host", host)
        .add_attribute("payout", payout)
        .add_attribute("amount", amount.to_string()))
}
