//! The published `cw721-base` contract, unchanged: only its entry points are exported here, as exports of a
//! dependency do not survive linking.
use cosmwasm_std::{entry_point, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Response, StdResult};
use published::{entry, ContractError, ExecuteMsg, Extension, InstantiateMsg, QueryMsg};

/// Exports the published entry point.
#[entry_point]
pub fn instantiate(deps: DepsMut, env: Env, info: MessageInfo, msg: InstantiateMsg) -> StdResult<Response> {
    entry::instantiate(deps, env, info, msg)
}

/// Exports the published entry point.
#[entry_point]
pub fn execute(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    msg: ExecuteMsg<Extension, Empty>,
) -> Result<Response, ContractError> {
    entry::execute(deps, env, info, msg)
}

/// Exports the published entry point.
#[entry_point]
pub fn query(deps: Deps, env: Env, msg: QueryMsg<Empty>) -> StdResult<Binary> {
    entry::query(deps, env, msg)
}

/// Exports the published entry point.
#[entry_point]
pub fn migrate(deps: DepsMut, env: Env, msg: Empty) -> Result<Response, ContractError> {
    entry::migrate(deps, env, msg)
}
