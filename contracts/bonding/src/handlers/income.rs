//! What hosts and funders decide about rewards, and take out.

use cosmwasm_std::{Addr, DepsMut, MessageInfo, Response};
use quern_interface::BPS;
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::state::{EARNERS, INCOMES, PARAMS, POSITIONS};
use crate::{funds, hosts, income, registry};

/// Sets the sender's commission. Attributes: `action`, `host`, `rate_bps`.
pub fn set_commission(mut deps: DepsMut, info: MessageInfo, rate_bps: u32) -> Result<Response> {
    funds::none(&info)?;
    let host = info.sender;
    registry::expect_active(deps.as_ref(), &host)?;
    // what vested under the old rate is divided by it
    let (mut earned, epoch) = income::advance(&mut deps, &host)?;
    let most = earned.most(epoch, PARAMS.load(deps.storage)?.commission_rise_bps);
    if rate_bps > most || u128::from(rate_bps) > BPS {
        return Err(ContractError::CommissionTooHigh(most));
    }
    earned.set(rate_bps, epoch);
    INCOMES.save(deps.storage, &host, &earned)?;
    Ok(Response::new()
        .add_attribute("action", "set_commission")
        .add_attribute("host", host)
        .add_attribute("rate_bps", rate_bps.to_string()))
}

/// Pays the sender's commission. Attributes: `action`, `host`, `amount`.
pub fn withdraw_commission(deps: DepsMut, info: MessageInfo) -> Result<Response> {
    funds::none(&info)?;
    let response = pay_host(deps, &info.sender, false)?;
    Ok(response.add_attribute("action", "withdraw_commission"))
}

/// Pays all that is a host's own. Attributes: `action`, `host`, `amount`.
pub fn withdraw_host(deps: DepsMut, info: MessageInfo, host: String) -> Result<Response> {
    funds::none(&info)?;
    let host = deps.api.addr_validate(&host)?;
    let response = pay_host(deps, &host, true)?;
    Ok(response.add_attribute("action", "withdraw_host"))
}

fn pay_host(mut deps: DepsMut, host: &Addr, own: bool) -> Result<Response> {
    let (mut earned, _) = income::advance(&mut deps, host)?;
    let mut amount = std::mem::take(&mut earned.commission);
    if own {
        let own = std::mem::take(&mut earned.own);
        amount = amount.checked_add(own).ok_or(ContractError::Overflow)?;
    }
    if amount.is_zero() {
        return Err(ContractError::NothingEarned);
    }
    INCOMES.save(deps.storage, host, &earned)?;
    Ok(Response::new()
        .add_message(income::pay(deps.as_ref(), host, None, amount)?)
        .add_attribute("host", host)
        .add_attribute("amount", amount.to_string()))
}

/// Pays what the sender's coins behind a host earned. Attributes: `action`, `host`, `funder`, `to`, `amount`.
pub fn withdraw_rewards(
    mut deps: DepsMut,
    info: MessageInfo,
    host: String,
    to: Option<String>,
) -> Result<Response> {
    funds::none(&info)?;
    let (host, funder) = (deps.api.addr_validate(&host)?, info.sender);
    let to = to.as_deref().unwrap_or(funder.as_str());
    let to = deps.api.addr_validate(to)?;
    let (mut earned, _) = income::advance(&mut deps, &host)?;
    let amount = match host == funder {
        true => std::mem::take(&mut earned.own),
        false => {
            let stake = POSITIONS
                .may_load(deps.storage, (&host, &funder))?
                .unwrap_or_default();
            let mut earner = income::earned(deps.storage, &host, &funder, &stake, &earned)?;
            let owed = std::mem::take(&mut earner.owed);
            // never fails: the parts of a sum
            earned.funders = earned.funders.checked_sub(owed).ok_or(ContractError::Overflow)?;
            EARNERS.save(deps.storage, (&host, &funder), &earner)?;
            owed
        }
    };
    if amount == Amount::ZERO {
        return Err(ContractError::NothingEarned);
    }
    INCOMES.save(deps.storage, &host, &earned)?;
    hosts::tidy(deps.storage, &host, &funder)?;
    Ok(Response::new()
        .add_message(income::pay(deps.as_ref(), &host, Some(to.to_string()), amount)?)
        .add_attribute("action", "withdraw_rewards")
        .add_attribute("host", host)
        .add_attribute("funder", funder)
        .add_attribute("to", to)
        .add_attribute("amount", amount.to_string()))
}
