//! Rewards of hosts and funders in the store.

use cosmwasm_std::{to_json_binary, Addr, CosmosMsg, Deps, Storage, WasmMsg};
use quern_interface::rewards::{ExecuteMsg, QueryMsg, Vested};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::math::Stake;
use crate::sharing::{Earner, Income};
use crate::state::{Tranches, CONFIG, EARNERS, ENDS, HOSTS, INCOMES};

/// What vested of a host's rewards. A contract that does not answer must not hold back coins or slashes: what vested
/// meanwhile is divided when it answers again.
pub fn vested(deps: Deps, host: &Addr) -> Result<Option<Vested>> {
    let Some(rewards) = CONFIG.load(deps.storage)?.rewards else {
        return Ok(None);
    };
    let host = host.to_string();
    Ok(deps
        .querier
        .query_wasm_smart(rewards, &QueryMsg::Vested { host })
        .ok())
}

/// A host's income as if all that vested were divided now, the epoch, and whether it differs from what is stored.
pub fn view(deps: Deps, host: &Addr) -> Result<(Income, u64, bool)> {
    let mut income = INCOMES.may_load(deps.storage, host)?.unwrap_or_default();
    let Some(Vested { epoch, vested }) = vested(deps, host)? else {
        return Ok((income, income.epoch, false));
    };
    let active = HOSTS
        .may_load(deps.storage, host)?
        .map_or_else(Tranches::default, |record| record.active);
    // a sum that does not fit stays undivided
    let changed = income.divide(vested, &active).unwrap_or(false);
    Ok((income, epoch, changed))
}

/// Divides what has vested: before every change of a host's active coins, of its rate, and before every payment.
pub fn advance(deps: &mut cosmwasm_std::DepsMut, host: &Addr) -> Result<(Income, u64)> {
    let (income, epoch, changed) = view(deps.as_ref(), host)?;
    if changed {
        INCOMES.save(deps.storage, host, &income)?;
    }
    Ok((income, epoch))
}

/// What a funder, not the operator, earned behind a host with a stake that it has had since it was settled last.
pub fn earned(
    storage: &dyn Storage,
    host: &Addr,
    funder: &Addr,
    stake: &Stake,
    income: &Income,
) -> Result<Earner> {
    let known = EARNERS.may_load(storage, (host, funder))?;
    let mut earner = known.unwrap_or(Earner {
        index: income.index,
        owed: Amount::ZERO,
    });
    // shares that a slash made worthless earned until then
    let end = ENDS.may_load(storage, (host, stake.generation))?;
    earner
        .settle(stake, end.unwrap_or(income.index), income.index)
        .ok_or(ContractError::Overflow)?;
    Ok(earner)
}

/// Settles a funder before its stake changes.
pub fn settle(storage: &mut dyn Storage, host: &Addr, funder: &Addr, stake: &Stake) -> Result<Earner> {
    let income = INCOMES.may_load(storage, host)?.unwrap_or_default();
    let earner = earned(storage, host, funder, stake, &income)?;
    EARNERS.save(storage, (host, funder), &earner)?;
    Ok(earner)
}

/// A slash took all that funders had: notes up to where their shares earned.
pub fn end(storage: &mut dyn Storage, host: &Addr, generation: u32) -> Result<()> {
    let income = INCOMES.may_load(storage, host)?.unwrap_or_default();
    Ok(ENDS.save(storage, (host, generation), &income.index)?)
}

/// Has `rewards` pay, to the host's payout address if `to` is none.
pub fn pay(deps: Deps, host: &Addr, to: Option<String>, amount: Amount) -> Result<CosmosMsg> {
    let rewards = CONFIG.load(deps.storage)?.rewards;
    let contract_addr = rewards.ok_or(ContractError::NothingEarned)?.into();
    let host = host.to_string();
    let call = WasmMsg::Execute {
        contract_addr,
        msg: to_json_binary(&ExecuteMsg::Pay { host, to, amount })?,
        funds: vec![],
    };
    Ok(call.into())
}
