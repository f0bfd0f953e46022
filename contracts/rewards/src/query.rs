//! Answers.

use std::collections::BTreeSet;

use cosmwasm_std::{to_json_binary, Binary, Deps, Order};
use cw_storage_plus::Bound;
use quern_interface::rewards::{EpochInfo, Grant, HostInfo, Phase, QueryMsg, Status, Vested};
use quern_interface::{DEFAULT_PAGE, MAX_PAGE};

use crate::accounts;
use crate::error::{ContractError, Result};
use crate::state::{ACCOUNTS, ACTIVATION, EPOCHS, PARAMS, SHARES, TOTALS, UTILISATION, VESTED_EPOCH, WORK};

/// Answers a question.
pub fn answer(deps: Deps, msg: QueryMsg) -> Result<Binary> {
    let json = match msg {
        QueryMsg::Params {} => to_json_binary(&PARAMS.load(deps.storage)?),
        QueryMsg::Status {} => to_json_binary(&status(deps)?),
        QueryMsg::Epoch { epoch } => to_json_binary(&EPOCHS.may_load(deps.storage, epoch)?),
        QueryMsg::Epochs { before, limit } => to_json_binary(&epochs(deps, before, limit)?),
        QueryMsg::Host { host } => to_json_binary(&host_info(deps, host)?),
        QueryMsg::Vested { host } => to_json_binary(&vested(deps, &host)?),
        QueryMsg::Hosts { start_after, limit } => to_json_binary(&hosts(deps, start_after, limit)?),
        QueryMsg::Totals {} => to_json_binary(&TOTALS.load(deps.storage)?),
    };
    Ok(json?)
}

fn page(limit: Option<u32>) -> usize {
    limit.unwrap_or(DEFAULT_PAGE).min(MAX_PAGE) as usize
}

fn status(deps: Deps) -> Result<Status> {
    let work = WORK.may_load(deps.storage)?;
    let activation = ACTIVATION.load(deps.storage)?;
    Ok(Status {
        epoch: work.as_ref().map_or(0, |work| work.epoch),
        vested_epoch: VESTED_EPOCH.load(deps.storage)?,
        phase: work.map_or(Phase::Done, |work| work.phase),
        lambda: activation.lambda,
        sustained: activation.sustained,
        utilisation_bps: UTILISATION.load(deps.storage)?,
    })
}

fn epochs(deps: Deps, before: Option<u64>, limit: Option<u32>) -> Result<Vec<EpochInfo>> {
    EPOCHS
        .range(
            deps.storage,
            None,
            before.map(Bound::exclusive),
            Order::Descending,
        )
        .take(page(limit))
        .map(|entry| Ok(entry?.1))
        .collect()
}

fn host_info(deps: Deps, host: String) -> Result<HostInfo> {
    let (account, open) = accounts::view(deps.storage, &host)?;
    let vesting = account.vesting().ok_or(ContractError::Overflow)?;
    let grants = account.grants.iter().map(|grant| Grant {
        start: grant.0,
        end: grant.1,
        amount: grant.2,
        vested: grant.3,
    });
    Ok(HostInfo {
        host,
        by_weight: account.by_weight,
        by_fees: account.by_fees,
        vesting,
        claimable: account.claimable,
        claimed: account.claimed,
        clawed_back: account.clawed_back,
        grants: grants.collect(),
        open,
    })
}

fn vested(deps: Deps, host: &str) -> Result<Vested> {
    let (account, _) = accounts::view(deps.storage, host)?;
    let vested = account.claimable.checked_add(account.claimed);
    Ok(Vested {
        epoch: WORK.may_load(deps.storage)?.map_or(0, |work| work.epoch),
        vested: vested.ok_or(ContractError::Overflow)?,
    })
}

/// Hosts with an account or a first share, in order.
fn hosts(deps: Deps, start_after: Option<String>, limit: Option<u32>) -> Result<Vec<HostInfo>> {
    let (start, most) = (start_after.as_deref().map(Bound::exclusive), page(limit));
    let accounts = ACCOUNTS
        .keys(deps.storage, start.clone(), None, Order::Ascending)
        .take(most);
    let shares = SHARES
        .keys(deps.storage, start, None, Order::Ascending)
        .take(most);
    let names: BTreeSet<String> = accounts.chain(shares).collect::<Result<_, _>>()?;
    names
        .into_iter()
        .take(most)
        .map(|host| host_info(deps, host))
        .collect()
}
