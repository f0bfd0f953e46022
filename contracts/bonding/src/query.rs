//! Answers.

use cosmwasm_std::{to_json_binary, Addr, Binary, Deps, Env, Order};
use cw_storage_plus::Bound;
use quern_interface::bonding::{
    Backing, CountedBond, FunderRewards, FunderStake, HostBond, HostIncome, LargestFunders, Position,
    QueryMsg, SlashRecord, UnbondingEntry,
};
use quern_interface::{DEFAULT_PAGE, MAX_PAGE};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::math::Stake;
use crate::state::{
    BUCKETS, BY_BOND, BY_FUNDER, BY_STAKE, ENTRIES, INCOMES, PARAMS, POSITIONS, SLASHES, SLASHES_OF, TOTALS,
};
use crate::{hosts, income};

/// Most entries listed of one position: the oldest.
const MAX_ENTRIES: usize = 64;

/// Most entries of `counted_bonds`, which reads keys only.
const MAX_COUNTED: u32 = 512;

/// Most hosts that `backings` names.
const MAX_BACKINGS: usize = 100;

/// Answers a question.
pub fn answer(deps: Deps, env: &Env, msg: QueryMsg) -> Result<Binary> {
    let height = env.block.height;
    let address = |text: &str| deps.api.addr_validate(text);
    let json = match msg {
        QueryMsg::Params {} => to_json_binary(&PARAMS.load(deps.storage)?),
        QueryMsg::HostBond { host } => to_json_binary(&host_bond(deps, &address(&host)?, height)?),
        QueryMsg::HostBonds { start_after, limit } => {
            let after = start_after.as_deref().map(address).transpose()?;
            to_json_binary(&host_bonds(deps, after.as_ref(), limit, height)?)
        }
        QueryMsg::CountedBonds { start_after, limit } => {
            to_json_binary(&counted_bonds(deps, start_after.as_ref(), limit)?)
        }
        QueryMsg::Backings { hosts } => to_json_binary(&backings(deps, hosts, height)?),
        QueryMsg::Position { host, funder } => {
            to_json_binary(&position(deps, &address(&host)?, &address(&funder)?, height)?)
        }
        QueryMsg::PositionsOf {
            funder,
            start_after,
            limit,
        } => to_json_binary(&positions_of(
            deps,
            &address(&funder)?,
            start_after,
            limit,
            height,
        )?),
        QueryMsg::Positions {
            host,
            start_after,
            limit,
        } => to_json_binary(&positions(deps, &address(&host)?, start_after, limit, height)?),
        QueryMsg::Commission { host } => to_json_binary(&host_income(deps, &address(&host)?)?),
        QueryMsg::FunderRewards { host, funder } => {
            to_json_binary(&funder_rewards(deps, &address(&host)?, &address(&funder)?)?)
        }
        QueryMsg::RewardsOf {
            funder,
            start_after,
            limit,
        } => to_json_binary(&rewards_of(deps, &address(&funder)?, start_after, limit)?),
        QueryMsg::LargestFunders { host, limit } => {
            to_json_binary(&largest_funders(deps, &address(&host)?, limit, height)?)
        }
        QueryMsg::Slashes {
            host,
            start_after,
            limit,
        } => {
            let host = host.as_deref().map(address).transpose()?;
            to_json_binary(&slashes(deps, host.as_ref(), start_after, limit)?)
        }
        QueryMsg::Totals {} => to_json_binary(&TOTALS.load(deps.storage)?),
    };
    Ok(json?)
}

fn page(limit: Option<u32>) -> usize {
    limit.unwrap_or(DEFAULT_PAGE).min(MAX_PAGE) as usize
}

fn sum(amounts: impl IntoIterator<Item = Amount>) -> Result<Amount> {
    Amount::sum(amounts).ok_or(ContractError::Overflow)
}

fn host_bond(deps: Deps, host: &Addr, height: u64) -> Result<HostBond> {
    let record = hosts::load(deps.storage, host, height)?;
    let mut unbonding = Amount::ZERO;
    for end in &record.buckets {
        let bucket = BUCKETS.may_load(deps.storage, (host, *end))?.unwrap_or_default();
        unbonding = sum([unbonding, bucket.operator.coins, bucket.funders.coins])?;
    }
    Ok(HostBond {
        host: host.to_string(),
        active: record.active.coins().ok_or(ContractError::Overflow)?,
        operator: record.active.operator.coins,
        counted: record.counted,
        unbonding,
        open: record.open,
        frozen: record.freeze.lasts(height),
        tombstoned: record.tombstoned,
    })
}

fn host_bonds(deps: Deps, after: Option<&Addr>, limit: Option<u32>, height: u64) -> Result<Vec<HostBond>> {
    let start = match after {
        Some(host) => Some((
            hosts::rank(hosts::load(deps.storage, host, height)?.counted),
            host,
        )),
        None => None,
    };
    BY_BOND
        .keys(deps.storage, start.map(Bound::exclusive), None, Order::Ascending)
        .take(page(limit))
        .map(|key| host_bond(deps, &key?.1, height))
        .collect()
}

fn counted_bonds(deps: Deps, after: Option<&CountedBond>, limit: u32) -> Result<Vec<CountedBond>> {
    let host = after.map(|after| Addr::unchecked(&after.host));
    let start = after
        .zip(host.as_ref())
        .map(|(after, host)| Bound::exclusive((hosts::rank(after.counted), host)));
    let bond = |(rank, host): (u128, Addr)| CountedBond {
        host: host.into(),
        counted: hosts::amount_at(rank),
    };
    BY_BOND
        .keys(deps.storage, start, None, Order::Ascending)
        .take(limit.min(MAX_COUNTED) as usize)
        .map(|key| key.map(bond).map_err(Into::into))
        .collect()
}

fn backings(deps: Deps, names: Vec<String>, height: u64) -> Result<Vec<Backing>> {
    if names.len() > MAX_BACKINGS {
        return Err(ContractError::TooMany(MAX_BACKINGS as u32));
    }
    let backing = |name| {
        let host = Addr::unchecked(name);
        let active = hosts::load(deps.storage, &host, height)?.active;
        // what vests changes no rate, so `rewards` need not be asked
        let income = INCOMES.may_load(deps.storage, &host)?.unwrap_or_default();
        Ok(Backing {
            host: host.into(),
            active: active.coins().ok_or(ContractError::Overflow)?,
            operator: active.operator.coins,
            rate_bps: income.rate_bps,
        })
    };
    names.into_iter().map(backing).collect()
}

fn position(deps: Deps, host: &Addr, funder: &Addr, height: u64) -> Result<Position> {
    let stake = POSITIONS
        .may_load(deps.storage, (host, funder))?
        .unwrap_or_default();
    let value = |mut tranches: crate::state::Tranches, stake: &Stake| tranches.of(host, funder).value(stake);
    let record = hosts::load(deps.storage, host, height)?;
    let mut unbonding = vec![];
    for entry in ENTRIES
        .prefix((host, funder))
        .range(deps.storage, None, None, Order::Ascending)
        .take(MAX_ENTRIES)
    {
        let (end, entry) = entry?;
        let bucket = BUCKETS.may_load(deps.storage, (host, end))?.unwrap_or_default();
        // what matured before a freeze is out of its reach
        let last = match record.buckets.contains(&end) {
            true => record.freeze.last(end),
            false => end,
        };
        let moving = value(bucket, &entry.moving);
        unbonding.push(UnbondingEntry {
            bucket: end,
            amount: sum([value(bucket, &entry.leaving), moving])?,
            moving,
            to: entry.to.map(Into::into),
            matures_at: last.saturating_add(1),
        });
    }
    Ok(Position {
        host: host.to_string(),
        funder: funder.to_string(),
        active: value(record.active, &stake),
        unbonding,
    })
}

fn positions_of(
    deps: Deps,
    funder: &Addr,
    after: Option<String>,
    limit: Option<u32>,
    height: u64,
) -> Result<Vec<Position>> {
    let after = after.map(Addr::unchecked);
    BY_FUNDER
        .prefix(funder)
        .keys(
            deps.storage,
            after.as_ref().map(Bound::exclusive),
            None,
            Order::Ascending,
        )
        .take(page(limit))
        .map(|host| position(deps, &host?, funder, height))
        .collect()
}

fn positions(
    deps: Deps,
    host: &Addr,
    after: Option<String>,
    limit: Option<u32>,
    height: u64,
) -> Result<Vec<Position>> {
    let after = after.map(Addr::unchecked);
    POSITIONS
        .prefix(host)
        .keys(
            deps.storage,
            after.as_ref().map(Bound::exclusive),
            None,
            Order::Ascending,
        )
        .take(page(limit))
        .map(|funder| position(deps, host, &funder?, height))
        .collect()
}

fn host_income(deps: Deps, host: &Addr) -> Result<HostIncome> {
    let (income, epoch, _) = income::view(deps, host)?;
    Ok(HostIncome {
        host: host.to_string(),
        rate_bps: income.rate_bps,
        may_set_bps: income.most(epoch, PARAMS.load(deps.storage)?.commission_rise_bps),
        changed_epoch: income.epoch,
        vested: income.seen,
        commission: income.commission,
        own: income.own,
        funders: income.funders,
    })
}

fn funder_rewards(deps: Deps, host: &Addr, funder: &Addr) -> Result<FunderRewards> {
    let (income, ..) = income::view(deps, host)?;
    let stake = POSITIONS
        .may_load(deps.storage, (host, funder))?
        .unwrap_or_default();
    let amount = match host == funder {
        true => income.own,
        false => income::earned(deps.storage, host, funder, &stake, &income)?.owed,
    };
    Ok(FunderRewards {
        host: host.to_string(),
        funder: funder.to_string(),
        amount,
    })
}

fn rewards_of(
    deps: Deps,
    funder: &Addr,
    after: Option<String>,
    limit: Option<u32>,
) -> Result<Vec<FunderRewards>> {
    let after = after.map(Addr::unchecked);
    let start = after.as_ref().map(Bound::exclusive);
    BY_FUNDER
        .prefix(funder)
        .keys(deps.storage, start, None, Order::Ascending)
        .take(page(limit))
        .map(|host| funder_rewards(deps, &host?, funder))
        .collect()
}

fn largest_funders(deps: Deps, host: &Addr, limit: u32, height: u64) -> Result<LargestFunders> {
    let tranches = hosts::load(deps.storage, host, height)?.active;
    let pool = tranches.funders;
    let funder = |(rank, funder): (u128, Addr)| {
        let stake = Stake {
            shares: hosts::amount_at(rank),
            generation: pool.generation,
        };
        FunderStake {
            funder: funder.into(),
            active: pool.value(&stake),
        }
    };
    let funders = BY_STAKE
        .prefix((host, pool.generation))
        .keys(deps.storage, None, None, Order::Ascending)
        .take(limit.min(MAX_PAGE) as usize)
        .map(|key| key.map(funder).map_err(Into::into))
        .collect::<Result<_>>()?;
    Ok(LargestFunders {
        active: tranches.coins().ok_or(ContractError::Overflow)?,
        funders,
    })
}

fn slashes(
    deps: Deps,
    host: Option<&Addr>,
    after: Option<u64>,
    limit: Option<u32>,
) -> Result<Vec<SlashRecord>> {
    let start = after.map(Bound::exclusive);
    let numbers: Vec<u64> = match host {
        Some(host) => SLASHES_OF
            .prefix(host)
            .keys(deps.storage, start, None, Order::Ascending)
            .take(page(limit))
            .collect::<Result<_, _>>()?,
        None => SLASHES
            .keys(deps.storage, start, None, Order::Ascending)
            .take(page(limit))
            .collect::<Result<_, _>>()?,
    };
    numbers
        .into_iter()
        .map(|number| Ok(SLASHES.load(deps.storage, number)?))
        .collect()
}
