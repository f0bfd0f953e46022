//! An audits contract reduced to what settlement sees of it: it takes coins, or refuses them.

use cosmwasm_std::{
    to_json_binary, Addr, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Response, StdError, StdResult,
};
use cw_multi_test::{ContractWrapper, Executor};
use cw_storage_plus::Item;
use quern_interface::audits::ExecuteMsg;
use quern_interface::settlement::ExecuteMsg as Settlement;

use super::{name, World};

const REFUSES: Item<bool> = Item::new("refuses");

fn instantiate(deps: DepsMut, _: Env, _: MessageInfo, refuses: bool) -> StdResult<Response> {
    REFUSES.save(deps.storage, &refuses)?;
    Ok(Response::new())
}

fn execute(deps: DepsMut, _: Env, info: MessageInfo, msg: ExecuteMsg) -> StdResult<Response> {
    let taken = matches!(msg, ExecuteMsg::Fund {}) && info.funds.len() == 1;
    if !taken || REFUSES.load(deps.storage)? {
        return Err(StdError::msg("no"));
    }
    Ok(Response::new())
}

fn query(_: Deps, _: Env, _: Empty) -> StdResult<Binary> {
    to_json_binary(&())
}

/// Puts a pot on the chain and names it to settlement.
pub fn deploy(world: &mut World, refuses: bool) -> Addr {
    let code = ContractWrapper::new(execute, instantiate, query);
    let code = world.app.store_code(Box::new(code));
    let gov = name("gov");
    let pot = world
        .app
        .instantiate_contract(code, gov.clone(), &refuses, &[], "pot", None);
    let pot = pot.unwrap();
    let audits = Some(pot.to_string());
    world.must(&gov, &Settlement::SetAudits { audits });
    pot
}
