//! Answers.

use cosmwasm_std::{to_json_binary, Addr, Binary, Deps, Env, Order};
use cw_storage_plus::Bound;
use quern_interface::registry::{
    ConsensusIdentity, GroupMember, HostInfo, HostStatus, LaunchPackage, Membership, Offer, QueryMsg,
    RouterInfo, Standing, StandingOf, WarmKey,
};
use quern_interface::{DEFAULT_PAGE, MAX_PAGE};
use quern_protocol::{Amount, Price};

use crate::error::{ContractError, Result};
use crate::state::{
    Router, CONSENSUS, HOSTS, IDENTITIES, MAINTENANCE, MEMBERS, MODELS, PARAMS, PRICES, ROUTERS, WARM_OWNERS,
};
use crate::tree::Picker;
use crate::{hosts, pick};

/// Most hosts that `members` names.
const MAX_MEMBERS: usize = 16;
/// Most hosts that `consensus_identities` names, and most addresses of `consensus_owners`.
const MAX_IDENTITIES: usize = 200;

/// Most hosts that `standings` names, and most models of each.
const MAX_STANDINGS: usize = 100;
const MAX_STANDING_MODELS: usize = 16;

/// Answers a question.
pub fn answer(deps: Deps, env: &Env, msg: QueryMsg) -> Result<Binary> {
    let height = env.block.height;
    let json = match msg {
        QueryMsg::Params {} => to_json_binary(&PARAMS.load(deps.storage)?),
        QueryMsg::Host { host } => to_json_binary(&info(deps, &deps.api.addr_validate(&host)?, height)?),
        QueryMsg::Hosts { start_after, limit } => {
            to_json_binary(&host_page(deps, start_after, limit, height)?)
        }
        QueryMsg::HostByWarmKey { address } => {
            let owner = WARM_OWNERS.may_load(deps.storage, &Addr::unchecked(&address))?;
            to_json_binary(&info(
                deps,
                &owner.ok_or(ContractError::UnknownHost(address))?,
                height,
            )?)
        }
        QueryMsg::HostByConsensusAddress { consensus_address } => {
            let owner = consensus_owner(deps, &consensus_address)?;
            let owner = owner.ok_or(ContractError::UnknownHost(consensus_address))?;
            to_json_binary(&info(deps, &owner, height)?)
        }
        QueryMsg::ConsensusOwners { consensus_addresses } => {
            to_json_binary(&consensus_owners(deps, &consensus_addresses)?)
        }
        QueryMsg::WarmKeyAt { host, height: at } => to_json_binary(&warm_key_at(deps, &host, at, height)?),
        QueryMsg::Model { model } => to_json_binary(&package(deps, &model, height)?),
        QueryMsg::Models { start_after, limit } => {
            to_json_binary(&model_page(deps, start_after, limit, height)?)
        }
        QueryMsg::Group {
            model,
            start_after,
            limit,
        } => to_json_binary(&group_page(deps, &model, start_after, limit)?),
        QueryMsg::Draw { model, seed, count } => {
            to_json_binary(&pick::draw(deps.storage, &model, seed, count, height)?)
        }
        QueryMsg::Members { model, hosts } => to_json_binary(&members(deps, &model, &hosts)?),
        QueryMsg::ConsensusIdentities { hosts } => to_json_binary(&identities(deps, &hosts)?),
        QueryMsg::Standings { hosts } => to_json_binary(&standings(deps, &hosts)?),
        QueryMsg::Capacity { model } => {
            let total = Picker::new(deps.storage, &model)?.total()?;
            to_json_binary(&Amount(total.into()))
        }
        QueryMsg::PriceAt { model, height: at } => to_json_binary(&price_at(deps, &model, at, height)?),
        QueryMsg::Router { router: address } => {
            to_json_binary(&router(deps, &deps.api.addr_validate(&address)?)?)
        }
        QueryMsg::Routers { start_after, limit } => to_json_binary(&router_page(deps, start_after, limit)?),
    };
    Ok(json?)
}

fn page(limit: Option<u32>) -> usize {
    limit.unwrap_or(DEFAULT_PAGE).min(MAX_PAGE) as usize
}

fn consensus_owner(deps: Deps, address: &str) -> Result<Option<Addr>> {
    let Some(address) = decode_hex(address) else {
        return Ok(None);
    };
    Ok(CONSENSUS.may_load(deps.storage, &address)?)
}

fn consensus_owners(deps: Deps, addresses: &[String]) -> Result<Vec<Option<Addr>>> {
    if addresses.len() > MAX_IDENTITIES {
        return Err(ContractError::TooMany(MAX_IDENTITIES as u32));
    }
    let owners = addresses.iter().map(|address| consensus_owner(deps, address));
    owners.collect()
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| {
            c.to_digit(16)
                .filter(|_| !c.is_ascii_lowercase())
                .map(|d| d as u8)
        })
        .collect();
    let digits = digits.filter(|digits| digits.len() == 40)?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit))
            .collect(),
    )
}

/// Everything about a host.
fn info(deps: Deps, host: &Addr, height: u64) -> Result<HostInfo> {
    let record = hosts::load(deps.storage, host)?;
    let identity = hosts::identity(deps.storage, host)?;
    let mut memberships = Vec::with_capacity(record.offers.len());
    for model in record.offers {
        let member = MEMBERS.load(deps.storage, (&model, host))?;
        let conviction = hosts::conviction(deps.storage, &model, host)?;
        memberships.push(Membership {
            effective: member.effective,
            generation: conviction.generation,
            convicted_until: conviction.until,
            offer: Offer {
                model,
                capacity: member.capacity,
                profile: member.profile,
            },
        });
    }
    Ok(HostInfo {
        host: host.to_string(),
        moniker: record.moniker,
        endpoint: record.endpoint,
        transport_key: record.transport_key,
        consensus_key: identity.consensus_key,
        beacon_anchor: identity.beacon_anchor,
        warm_key: hosts::warm_key(deps.storage, deps.api, host, height)?,
        payout: record.payout.into(),
        bond: record.bond,
        memberships,
        status: identity.status,
        maintenance: MAINTENANCE.may_load(deps.storage, host)?.unwrap_or_default(),
    })
}

fn host_page(deps: Deps, after: Option<String>, limit: Option<u32>, height: u64) -> Result<Vec<HostInfo>> {
    let after = after.map(Addr::unchecked);
    HOSTS
        .keys(
            deps.storage,
            after.as_ref().map(Bound::exclusive),
            None,
            Order::Ascending,
        )
        .take(page(limit))
        .map(|host| info(deps, &host?, height))
        .collect()
}

fn warm_key_at(deps: Deps, host: &str, at: u64, height: u64) -> Result<WarmKey> {
    if at > height {
        return Err(ContractError::FutureHeight(at));
    }
    let host = deps.api.addr_validate(host)?;
    hosts::identity(deps.storage, &host)?;
    hosts::warm_key(deps.storage, deps.api, &host, at)
}

fn price_at(deps: Deps, model: &str, at: u64, height: u64) -> Result<Price> {
    if at > height {
        return Err(ContractError::FutureHeight(at));
    }
    let newest = PRICES
        .prefix(model)
        .range(deps.storage, None, Some(Bound::inclusive(at)), Order::Descending)
        .next()
        .transpose()?;
    newest.map(|(_, price)| price).ok_or(ContractError::NoPrice(at))
}

fn package(deps: Deps, model: &str, height: u64) -> Result<LaunchPackage> {
    let mut package = MODELS
        .may_load(deps.storage, model)?
        .ok_or_else(|| ContractError::UnknownModel(model.to_owned()))?;
    package.price = price_at(deps, model, height, height)?;
    Ok(package)
}

fn model_page(
    deps: Deps,
    after: Option<String>,
    limit: Option<u32>,
    height: u64,
) -> Result<Vec<LaunchPackage>> {
    MODELS
        .keys(
            deps.storage,
            after.as_deref().map(Bound::exclusive),
            None,
            Order::Ascending,
        )
        .take(page(limit))
        .map(|model| package(deps, &model?, height))
        .collect()
}

fn group_page(
    deps: Deps,
    model: &str,
    after: Option<String>,
    limit: Option<u32>,
) -> Result<Vec<GroupMember>> {
    let after = after.map(Addr::unchecked);
    MEMBERS
        .prefix(model)
        .range(
            deps.storage,
            after.as_ref().map(Bound::exclusive),
            None,
            Order::Ascending,
        )
        .take(page(limit))
        .map(|entry| {
            let (host, member) = entry?;
            Ok(GroupMember {
                generation: hosts::conviction(deps.storage, model, &host)?.generation,
                host: host.into(),
                capacity: member.effective,
            })
        })
        .collect()
}

fn members(deps: Deps, model: &str, names: &[String]) -> Result<Vec<GroupMember>> {
    if names.len() > MAX_MEMBERS {
        return Err(ContractError::TooMany(MAX_MEMBERS as u32));
    }
    let member = |name: &String| {
        let host = Addr::unchecked(name);
        let member = MEMBERS.may_load(deps.storage, (model, &host))?;
        Ok(GroupMember {
            capacity: member.map_or(0, |member| member.effective),
            generation: hosts::conviction(deps.storage, model, &host)?.generation,
            host: host.into(),
        })
    };
    names.iter().map(member).collect()
}

fn identities(deps: Deps, names: &[String]) -> Result<Vec<ConsensusIdentity>> {
    if names.len() > MAX_IDENTITIES {
        return Err(ContractError::TooMany(MAX_IDENTITIES as u32));
    }
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let identity = IDENTITIES.may_load(deps.storage, &Addr::unchecked(name))?;
        if let Some(identity) = identity.filter(|identity| identity.status == HostStatus::Active) {
            found.push(ConsensusIdentity {
                host: name.clone(),
                consensus_key: identity.consensus_key,
                beacon_anchor: identity.beacon_anchor,
            });
        }
    }
    Ok(found)
}

fn standings(deps: Deps, asked: &[StandingOf]) -> Result<Vec<Standing>> {
    if asked.len() > MAX_STANDINGS || asked.iter().any(|one| one.models.len() > MAX_STANDING_MODELS) {
        return Err(ContractError::TooMany(MAX_STANDINGS as u32));
    }
    let mut found = Vec::with_capacity(asked.len());
    for StandingOf { host: name, models } in asked {
        let host = Addr::unchecked(name);
        let Some(identity) = IDENTITIES.may_load(deps.storage, &host)? else {
            continue;
        };
        let mut generations = Vec::with_capacity(models.len());
        for model in models {
            let conviction = hosts::conviction(deps.storage, model, &host)?;
            generations.push((conviction.generation, conviction.until.is_some()));
        }
        found.push(Standing {
            host: name.clone(),
            status: identity.status,
            consensus_key: identity.consensus_key,
            beacon_anchor: identity.beacon_anchor,
            maintenance: MAINTENANCE.may_load(deps.storage, &host)?.unwrap_or_default(),
            generations,
        });
    }
    Ok(found)
}

fn listed(router: Addr, Router { details, retired }: Router) -> RouterInfo {
    RouterInfo {
        router: router.into(),
        details,
        retired,
    }
}

fn router(deps: Deps, address: &Addr) -> Result<RouterInfo> {
    ROUTERS
        .may_load(deps.storage, address)?
        .map(|router| listed(address.clone(), router))
        .ok_or_else(|| ContractError::UnknownRouter(address.to_string()))
}

fn router_page(deps: Deps, after: Option<String>, limit: Option<u32>) -> Result<Vec<RouterInfo>> {
    let after = after.map(Addr::unchecked);
    ROUTERS
        .range(
            deps.storage,
            after.as_ref().map(Bound::exclusive),
            None,
            Order::Ascending,
        )
        .take(page(limit))
        .map(|entry| {
            entry
                .map(|(address, router)| listed(address, router))
                .map_err(Into::into)
        })
        .collect()
}
