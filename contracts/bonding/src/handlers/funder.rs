//! Coins in, out, and elsewhere.

use cosmwasm_std::{Addr, DepsMut, Env, MessageInfo, Order, Response};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::hosts::{self, Debit, Recall};
use crate::state::{Entry, BUCKETS, ENTRIES, PARAMS};
use crate::{funds, income, registry};

/// Most buckets that one withdrawal visits.
const MAX_WITHDRAWN: usize = 8;

/// Adds the funds to the sender's position. Attributes: `action`, `host`, `funder`, `amount`, `bond`.
pub fn bond(mut deps: DepsMut, env: Env, info: MessageInfo, host: String) -> Result<Response> {
    let params = PARAMS.load(deps.storage)?;
    let amount = funds::paid(&info, &params.denom)?;
    let host = deps.api.addr_validate(&host)?;
    registry::expect_active(deps.as_ref(), &host)?;
    income::advance(&mut deps, &host)?;
    let counted = hosts::credit(
        deps.storage,
        &params,
        &host,
        &info.sender,
        amount,
        env.block.height,
    )?;
    Ok(Response::new()
        .add_message(registry::set_bond(deps.as_ref(), &host, counted)?)
        .add_attribute("action", "bond")
        .add_attribute("host", host)
        .add_attribute("funder", info.sender)
        .add_attribute("amount", amount.to_string())
        .add_attribute("bond", counted.to_string()))
}

/// Starts to take coins out. Attributes: `action`, `host`, `funder`, `amount`, `bond`, `matures_at`.
pub fn unbond(deps: DepsMut, env: Env, info: MessageInfo, host: String, amount: Amount) -> Result<Response> {
    funds::none(&info)?;
    let host = deps.api.addr_validate(&host)?;
    let response = leave(deps, &env, &host, &info.sender, amount, None)?;
    Ok(response.add_attribute("action", "unbond"))
}

/// Bonds again what was to be paid out. Attributes: `action`, `host`, `funder`, `amount`, `bond`, `bucket`.
pub fn cancel_unbond(
    mut deps: DepsMut,
    env: Env,
    info: MessageInfo,
    host: String,
    bucket: u64,
    amount: Amount,
) -> Result<Response> {
    funds::none(&info)?;
    let params = PARAMS.load(deps.storage)?;
    let host = deps.api.addr_validate(&host)?;
    registry::expect_active(deps.as_ref(), &host)?;
    income::advance(&mut deps, &host)?;
    let recall = Recall {
        host: &host,
        funder: &info.sender,
        bucket,
        amount,
    };
    let counted = hosts::recall(deps.storage, &params, &recall, env.block.height)?;
    Ok(Response::new()
        .add_message(registry::set_bond(deps.as_ref(), &host, counted)?)
        .add_attribute("action", "cancel_unbond")
        .add_attribute("host", host)
        .add_attribute("funder", info.sender)
        .add_attribute("amount", amount.to_string())
        .add_attribute("bond", counted.to_string())
        .add_attribute("bucket", bucket.to_string()))
}

/// Starts to move coins to another host: they stay in this host's bucket until it matures and are bonded
/// there by the withdrawal. Attributes: those of `unbond`, `to`.
pub fn move_position(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    from: String,
    to: String,
    amount: Amount,
) -> Result<Response> {
    funds::none(&info)?;
    let (from, to) = (deps.api.addr_validate(&from)?, deps.api.addr_validate(&to)?);
    if from == to {
        return Err(ContractError::SameHost);
    }
    registry::expect_active(deps.as_ref(), &to)?;
    if to != info.sender && !hosts::load(deps.storage, &to, env.block.height)?.open {
        return Err(ContractError::HostClosed(to.into()));
    }
    let response = leave(deps, &env, &from, &info.sender, amount, Some(&to))?;
    Ok(response.add_attribute("action", "move").add_attribute("to", to))
}

fn leave(
    mut deps: DepsMut,
    env: &Env,
    host: &Addr,
    funder: &Addr,
    amount: Amount,
    to: Option<&Addr>,
) -> Result<Response> {
    let params = PARAMS.load(deps.storage)?;
    // Asked only where it matters: of a host that stopped, everybody may leave.
    let operator_free = host == funder && registry::identity(deps.as_ref(), host)?.is_none();
    income::advance(&mut deps, host)?;
    let debit = Debit {
        host,
        funder,
        amount,
        to,
        operator_free,
    };
    let (counted, end) = hosts::debit(deps.storage, &params, &debit, env.block.height)?;
    Ok(Response::new()
        .add_message(registry::set_bond(deps.as_ref(), host, counted)?)
        .add_attribute("host", host)
        .add_attribute("funder", funder)
        .add_attribute("amount", amount.to_string())
        .add_attribute("bond", counted.to_string())
        .add_attribute("matures_at", end.saturating_add(1).to_string()))
}

/// Pays out what has matured of the sender's, the oldest 8 buckets at most, and bonds what moves. What
/// cannot be bonded where it should go is paid out. Attributes: `action`, `host`, `funder`, `amount`,
/// `moved`.
pub fn withdraw(mut deps: DepsMut, env: Env, info: MessageInfo, host: String) -> Result<Response> {
    funds::none(&info)?;
    let params = PARAMS.load(deps.storage)?;
    let (host, funder, height) = (deps.api.addr_validate(&host)?, info.sender, env.block.height);
    let record = hosts::load(deps.storage, &host, height)?;
    let ripe: Vec<(u64, Entry)> = ENTRIES
        .prefix((&host, &funder))
        .range(deps.storage, None, None, Order::Ascending)
        .take(MAX_WITHDRAWN)
        .collect::<Result<_, _>>()?;
    let (mut paid, mut moved, mut ended, mut messages) = (Amount::ZERO, Amount::ZERO, 0_u32, vec![]);
    for (end, mut entry) in ripe {
        // a freeze may hold an older one longer than this
        if record.buckets.contains(&end) {
            continue;
        }
        ended = ended.saturating_add(1);
        let (leaving, moving) = claim(&mut *deps.storage, &host, &funder, end, &mut entry)?;
        paid = paid.checked_add(leaving).ok_or(ContractError::Overflow)?;
        let Some(to) = entry.to.filter(|_| !moving.is_zero()) else {
            continue;
        };
        let landed = match registry::identity(deps.as_ref(), &to)? {
            None => Err(ContractError::HostInactive(to.to_string())),
            Some(_) => {
                income::advance(&mut deps, &to)?;
                hosts::credit(deps.storage, &params, &to, &funder, moving, height)
            }
        };
        match landed {
            Ok(counted) => {
                moved = moved.checked_add(moving).ok_or(ContractError::Overflow)?;
                messages.push(registry::set_bond(deps.as_ref(), &to, counted)?);
            }
            Err(ContractError::Std(error)) => return Err(error.into()),
            Err(_) => paid = paid.checked_add(moving).ok_or(ContractError::Overflow)?,
        }
    }
    if ended == 0 {
        return Err(ContractError::NothingMatured);
    }
    hosts::tidy(deps.storage, &host, &funder)?;
    Ok(Response::new()
        .add_messages(messages)
        .add_messages(funds::send(funder.as_str(), paid, &params.denom))
        .add_attribute("action", "withdraw")
        .add_attribute("host", host)
        .add_attribute("funder", funder)
        .add_attribute("amount", paid.to_string())
        .add_attribute("moved", moved.to_string()))
}

/// Ends an entry: what its leaving and its moving part are worth.
fn claim(
    storage: &mut dyn cosmwasm_std::Storage,
    host: &Addr,
    funder: &Addr,
    end: u64,
    entry: &mut Entry,
) -> Result<(Amount, Amount)> {
    let mut tranches = BUCKETS.may_load(storage, (host, end))?.unwrap_or_default();
    let pool = tranches.of(host, funder);
    let leaving = pool.withdraw_all(&mut entry.leaving);
    let moving = pool.withdraw_all(&mut entry.moving);
    if tranches.coins() == Some(Amount::ZERO) {
        BUCKETS.remove(storage, (host, end));
    } else {
        BUCKETS.save(storage, (host, end), &tranches)?;
    }
    ENTRIES.remove(storage, (host, funder, end));
    hosts::update_totals(storage, |totals| {
        totals.unbonding = totals.unbonding.checked_sub(leaving)?.checked_sub(moving)?;
        Some(())
    })?;
    Ok((leaving, moving))
}
