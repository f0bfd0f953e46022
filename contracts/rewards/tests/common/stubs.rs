//! The contracts around, playing what a test tells them.

use cosmwasm_std::{
    to_json_binary, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Response, StdResult, WasmMsg,
};
use cw_multi_test::{Contract, ContractWrapper};
use cw_storage_plus::Item;
use quern_interface::bonding::{self, SlashRecord};
use quern_interface::poc_weights::{self, EpochInfo, ProofModel, WeightInfo};
use quern_interface::pricing::{self, PriceInfo};
use quern_interface::registry;
use quern_interface::rewards;
use quern_interface::settlement::{self, Demand, HostEarned};
use quern_protocol::Bytes;
use serde::{Deserialize, Serialize};

/// What they answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    pub epoch: EpochInfo,
    pub models: Vec<ProofModel>,
    pub weights: Vec<WeightInfo>,
    pub prices: Vec<PriceInfo>,
    pub demand: Vec<(String, Demand)>,
    pub earned: Vec<HostEarned>,
    pub slashes: Vec<SlashRecord>,
    pub payouts: Vec<(String, String)>,
}

const WORLD: Item<World> = Item::new("world");

fn instantiate(deps: DepsMut, _: Env, _: MessageInfo, world: World) -> StdResult<Response> {
    WORLD.save(deps.storage, &world)?;
    Ok(Response::new())
}

fn execute(deps: DepsMut, _: Env, _: MessageInfo, world: World) -> StdResult<Response> {
    WORLD.save(deps.storage, &world)?;
    Ok(Response::new())
}

fn page<T: Clone>(all: &[T], limit: Option<u32>, after: impl Fn(&T) -> bool) -> Vec<T> {
    let later = all.iter().filter(|entry| after(entry)).cloned();
    later.take(limit.unwrap_or(30).min(100) as usize).collect()
}

fn weights(deps: Deps, _: Env, msg: poc_weights::QueryMsg) -> StdResult<Binary> {
    let world = WORLD.load(deps.storage)?;
    use poc_weights::QueryMsg as Q;
    match msg {
        Q::Epoch {} => to_json_binary(&world.epoch),
        Q::Models {} => to_json_binary(&world.models),
        Q::Weights { start_after, limit } => {
            let after = |w: &WeightInfo| start_after.as_ref().is_none_or(|after| w.host > *after);
            to_json_binary(&page(&world.weights, limit, after))
        }
        other => panic!("{other:?}"),
    }
}

fn price(deps: Deps, _: Env, msg: pricing::QueryMsg) -> StdResult<Binary> {
    let world = WORLD.load(deps.storage)?;
    match msg {
        pricing::QueryMsg::Price { model } => {
            let found = world.prices.into_iter().find(|price| price.model == model);
            to_json_binary(&found.ok_or_else(|| cosmwasm_std::StdError::msg("unknown model"))?)
        }
        other => panic!("{other:?}"),
    }
}

fn settle(deps: Deps, _: Env, msg: settlement::QueryMsg) -> StdResult<Binary> {
    let world = WORLD.load(deps.storage)?;
    use settlement::QueryMsg as Q;
    match msg {
        Q::Demand { model } => {
            let found = world.demand.into_iter().find(|demand| demand.0 == model);
            to_json_binary(&found.map(|demand| demand.1).unwrap_or_default())
        }
        Q::AllEarned { start_after, limit } => {
            let after = |e: &HostEarned| start_after.as_ref().is_none_or(|after| e.host > *after);
            to_json_binary(&page(&world.earned, limit, after))
        }
        other => panic!("{other:?}"),
    }
}

fn bonds(deps: Deps, _: Env, msg: bonding::QueryMsg) -> StdResult<Binary> {
    let world = WORLD.load(deps.storage)?;
    match msg {
        bonding::QueryMsg::Slashes {
            host: None,
            start_after,
            limit,
        } => {
            let after = |s: &SlashRecord| start_after.is_none_or(|after| s.number > after);
            to_json_binary(&page(&world.slashes, limit, after))
        }
        other => panic!("{other:?}"),
    }
}

/// What a test tells bonding, or what `rewards` does.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    World(Box<World>),
    Message(bonding::ExecuteMsg),
}

/// A bonding where nobody funds but operators: all that vested is the host's.
fn bond(deps: DepsMut, _: Env, info: MessageInfo, said: Said) -> StdResult<Response> {
    let host = match said {
        Said::World(world) => {
            WORLD.save(deps.storage, &world)?;
            return Ok(Response::new());
        }
        Said::Message(bonding::ExecuteMsg::WithdrawHost { host }) => host,
        Said::Message(other) => panic!("{other:?}"),
    };
    let question = rewards::QueryMsg::Host { host: host.clone() };
    let info_of: rewards::HostInfo = deps.querier.query_wasm_smart(&info.sender, &question)?;
    let pay = rewards::ExecuteMsg::Pay {
        host,
        to: None,
        amount: info_of.claimable,
    };
    Ok(Response::new().add_message(WasmMsg::Execute {
        contract_addr: info.sender.into(),
        msg: to_json_binary(&pay)?,
        funds: vec![],
    }))
}

fn hosts(deps: Deps, _: Env, msg: registry::QueryMsg) -> StdResult<Binary> {
    let world = WORLD.load(deps.storage)?;
    let registry::QueryMsg::Host { host } = msg else {
        panic!("{msg:?}")
    };
    let payout = world.payouts.into_iter().find(|entry| entry.0 == host);
    let payout = payout.map_or_else(|| host.clone(), |entry| entry.1);
    to_json_binary(&registry::HostInfo {
        moniker: String::new(),
        endpoint: String::new(),
        transport_key: Bytes::new([0; 32]),
        consensus_key: Bytes::new([0; 32]),
        beacon_anchor: None,
        warm_key: registry::WarmKey {
            key: Bytes::new([2; 33]),
            address: host.clone(),
            from: 0,
        },
        payout,
        bond: Default::default(),
        memberships: vec![],
        status: registry::HostStatus::Active,
        maintenance: vec![],
        host,
    })
}

/// The stubs, in the order registry, bonding, settlement, poc-weights, pricing.
pub fn all() -> [Box<dyn Contract<Empty>>; 5] {
    [
        Box::new(ContractWrapper::new(execute, instantiate, hosts)),
        Box::new(ContractWrapper::new(bond, instantiate, bonds)),
        Box::new(ContractWrapper::new(execute, instantiate, settle)),
        Box::new(ContractWrapper::new(execute, instantiate, weights)),
        Box::new(ContractWrapper::new(execute, instantiate, price)),
    ]
}
