//! A bonding contract reduced to what settlement sees of it: it slashes once per offence and sends back what
//! restitution it can. A host named `host3` has no bond, so its slash fails.

use cosmwasm_std::{
    to_json_binary, BankMsg, Binary, Deps, DepsMut, Empty, Env, MessageInfo, Response, StdError, StdResult,
};
use cw_storage_plus::Map;
use quern_interface::bonding::ExecuteMsg;

pub const SLASHABLE: u128 = 40_000;
const DONE: Map<(&str, &str), u128> = Map::new("done");

pub fn instantiate(_: DepsMut, _: Env, _: MessageInfo, _: Empty) -> StdResult<Response> {
    Ok(Response::new())
}

pub fn execute(deps: DepsMut, _: Env, info: MessageInfo, msg: ExecuteMsg) -> StdResult<Response> {
    let ExecuteMsg::Slash {
        host,
        offence,
        restitution,
        ..
    } = msg
    else {
        return Err(StdError::msg("only slashes"));
    };
    if host == super::name("host3").as_str() || DONE.has(deps.storage, (&host, &offence)) {
        return Err(StdError::msg("nothing to slash"));
    }
    let sent = restitution.0.min(SLASHABLE);
    DONE.save(deps.storage, (&host, &offence), &sent)?;
    let send = (sent > 0).then(|| BankMsg::Send {
        to_address: info.sender.into(),
        amount: super::coins(sent),
    });
    Ok(Response::new().add_messages(send))
}

/// What was sent for an offence.
pub fn query(deps: Deps, _: Env, (host, offence): (String, String)) -> StdResult<Binary> {
    to_json_binary(&DONE.may_load(deps.storage, (&host, &offence))?)
}
